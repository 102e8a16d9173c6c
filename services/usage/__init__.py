"""What Claude Code uses of its models, and what that costs."""
