"""Live queries without a database."""
