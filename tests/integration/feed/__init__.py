"""The change feed on a real PostgreSQL."""
