"""Answers of every kind have the shape that the schema promises."""
