"""The planner without a database."""
