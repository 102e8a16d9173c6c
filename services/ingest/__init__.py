"""Stores records of Claude Code, and has rows made of them."""
