"""Maintenance, integrity and settings of the system."""
