"""Usage of models by Claude Code, and its costs."""
