"""Protection of what is never stored in clear: masking, encryption at rest, keyed hashes."""
