"""The receivers of what Claude Code tells: hooks, transcripts, processes, OpenTelemetry."""
