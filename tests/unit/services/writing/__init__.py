"""Rows of all tables, without a database."""
