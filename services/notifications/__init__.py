"""Notifications, and their delivery to connections."""
