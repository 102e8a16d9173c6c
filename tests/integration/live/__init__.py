"""Live queries on PostgreSQL."""
