"""Backups: dumps of the database, base backups with archived changes, and reading them back."""
