"""Tests without I/O; the tree mirrors the code's."""
