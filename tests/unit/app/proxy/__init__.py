"""What a proxy reads of the bytes that pass."""
