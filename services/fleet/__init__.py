"""Makes rows of what Claude Code tells: one truth of hooks, transcripts, telemetry and processes."""
