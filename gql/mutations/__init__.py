"""One module per noun; a resolver is a few lines around a service."""
