"""The demo in a real database."""
