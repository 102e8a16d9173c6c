"""Accounts, tokens and limits against a real PostgreSQL."""
