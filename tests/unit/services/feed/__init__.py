"""The change feed without a database."""
