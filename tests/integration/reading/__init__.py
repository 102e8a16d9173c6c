"""Planned queries on a real PostgreSQL, through the prepared path and through the general executor."""
