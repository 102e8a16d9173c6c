"""Use cases against a real PostgreSQL."""
