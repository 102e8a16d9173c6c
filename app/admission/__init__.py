"""Facts about a request before it is read: its address, id and origin."""
