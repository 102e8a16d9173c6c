"""Sessions, their sharing, and worktrees."""
