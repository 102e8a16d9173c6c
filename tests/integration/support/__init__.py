"""What tests build on works."""
