"""Types, inputs and queries, derived from the models."""
