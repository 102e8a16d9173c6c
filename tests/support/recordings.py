"""Recordings of what a real Claude Code has sent: tests/data/claude-code."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "data/claude-code"
PLANTED = "wJalrXUtnFEMIexampleK7MDENGbPxRfiCYEXAMPLEKEY"
"""A key that the recorded session wrote into a file."""


def hooks() -> list[dict[str, Any]]:
    """The hooks in their order."""
    return [json.loads(line)["body"] for line in (FOLDER / "hooks.jsonl").read_text().splitlines()]


def exports() -> list[tuple[str, dict[str, Any]]]:
    """The path and body of each export of OpenTelemetry."""
    lines = (FOLDER / "otlp-json.jsonl").read_text().splitlines()
    return [(one["path"], one["body"]) for one in map(json.loads, lines)]


def transcripts() -> dict[str, str]:
    """The texts of the transcripts by their paths below the projects folder."""
    folder = FOLDER / "transcripts"
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*.jsonl"))}
