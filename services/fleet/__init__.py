"""Makes rows of records of Claude Code: one set of rows from hooks, transcripts, telemetry and processes."""
