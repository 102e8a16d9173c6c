"""Writing services on a real PostgreSQL."""
