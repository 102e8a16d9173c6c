"""What every service builds on: the database, errors, the principal, side tasks, batching, JSON and times."""
