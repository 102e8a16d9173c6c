"""Where the database is: an embedded PostgreSQL, or the server that DATABASE_URL names."""
