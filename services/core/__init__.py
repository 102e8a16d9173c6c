"""Base of every service: the database, errors, the principal, side tasks, batching, JSON and times."""
