"""Tests: unit, golden, integration, acceptance."""
