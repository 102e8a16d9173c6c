"""Collaborators of a project, and its archive."""
