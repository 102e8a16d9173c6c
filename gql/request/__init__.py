"""A request before it runs: documents, limits, validation, variables."""
