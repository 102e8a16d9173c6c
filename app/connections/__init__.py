"""Open connections, their sessions in the database and their callers."""
