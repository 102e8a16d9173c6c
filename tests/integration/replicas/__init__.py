"""Replicas that queries are read from, and a standby that becomes the primary."""
