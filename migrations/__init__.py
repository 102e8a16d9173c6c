"""Alembic: env.py and the versions; a version imports none of our code."""
