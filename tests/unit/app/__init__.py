"""The transport without a socket."""
