"""What Claude Code tells: received, stored, digested."""
