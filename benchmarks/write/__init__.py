"""The parts of benchmarks/writing.py."""
