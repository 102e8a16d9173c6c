"""Stores what Claude Code tells, and has rows made of it."""
