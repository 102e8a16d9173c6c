"""Records for digestion that a real Claude Code has told (tests/data/claude-code*)."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from models.enums import IngestSource
from services.fleet.records import RawRecord

RECORDINGS: Final = Path(__file__).parent.parent / "data" / "claude-code"

FORK: Final = RECORDINGS.with_name("claude-code-fork")

READ_AT: Final = datetime(2026, 11, 28, 16, 35, tzinfo=UTC)
"""When transcripts are taken to have been read: soon after they were written."""
_FORK_READ_AT: Final = datetime(2026, 11, 29, 15, 43, tzinfo=UTC)

_SOURCES: Final = {
    "/v1/logs": IngestSource.LOGS,
    "/v1/metrics": IngestSource.METRICS,
    "/v1/traces": IngestSource.TRACES,
}


def hooks(folder: Path = RECORDINGS) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """Each hook with the time of its arrival."""
    for line in (folder / "hooks.jsonl").read_text().splitlines():
        recorded = json.loads(line)
        yield datetime.fromisoformat(recorded["at"]), recorded["body"]


def exports(folder: Path = RECORDINGS) -> Iterator[tuple[IngestSource, datetime, dict[str, Any]]]:
    """Each export of telemetry with the time of its arrival."""
    for line in (folder / "otlp-json.jsonl").read_text().splitlines():
        recorded = json.loads(line)
        yield _SOURCES[recorded["path"]], datetime.fromisoformat(recorded["at"]), recorded["body"]


def transcripts(recordings: Path = RECORDINGS) -> Iterator[dict[str, Any]]:
    """Each file of transcripts, whole, with its path below the folder of projects."""
    folder = recordings / "transcripts"
    for path in sorted(folder.rglob("*.json*")):
        file = path.relative_to(folder).as_posix()
        if path.name.endswith(".meta.json"):
            yield {"file": file, "meta": json.loads(path.read_text())}
        else:
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            yield {"file": file, "offset": 0, "lines": lines}


def records(folder: Path = RECORDINGS) -> list[RawRecord]:
    """All of it."""
    read_at = _FORK_READ_AT if folder == FORK else READ_AT
    told = [(IngestSource.HOOK, at, body) for at, body in hooks(folder)]
    told += exports(folder)
    told += [(IngestSource.TRANSCRIPT, read_at, body) for body in transcripts(folder)]
    return [RawRecord(number, source, at, body) for number, (source, at, body) in enumerate(told, start=1)]
