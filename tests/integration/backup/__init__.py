"""Backups: made, read back, tried, on a real PostgreSQL."""
