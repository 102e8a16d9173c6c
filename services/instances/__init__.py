"""CC instances, their heartbeats and ultrathink messages."""
