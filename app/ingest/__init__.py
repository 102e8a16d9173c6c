"""The receivers of records of Claude Code: hooks, transcripts, processes, OpenTelemetry."""
