"""Compiles a selection over the tables into one SQL statement; pure: it reads documents and writes text."""
