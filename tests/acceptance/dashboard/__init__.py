"""The dashboard: its own checks, and a real browser."""
