"""Settings, start-up errors and the log."""
