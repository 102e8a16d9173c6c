"""Reads any record."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from models.enums import IngestSource
from services.fleet.facts import Reading
from services.fleet.hooks import read_hook
from services.fleet.processes import read_processes
from services.fleet.records import RawRecord
from services.fleet.telemetry import read_logs, read_metrics, read_traces
from services.fleet.transcripts import read_transcript
from services.fleet.values import UNREADABLE, items

_READERS: Final[Mapping[IngestSource, Callable[[Mapping[str, Any], datetime], Reading]]] = {
    IngestSource.HOOK: read_hook,
    IngestSource.TRANSCRIPT: read_transcript,
    IngestSource.LOGS: read_logs,
    IngestSource.METRICS: read_metrics,
    IngestSource.TRACES: read_traces,
    IngestSource.PROCESSES: read_processes,
}


_AHEAD: Final = 300
"""Seconds by which the clock of a machine may be ahead before it is told."""


def read(record: RawRecord) -> Reading:
    """The facts of a record. What is none is counted and told, and never raises."""
    if not isinstance(record.body, Mapping):
        return Reading(unreadable=1, problems=["This is not a JSON object."])
    try:
        return _READERS[record.source](record.body, record.received_at)
    except UNREADABLE as trouble:
        return Reading(unreadable=1, problems=[f"This could not be read ({type(trouble).__name__})."])


def size_of(record: RawRecord) -> int:
    """About how much there is to read: a line, a hook or a record of telemetry takes up to a millisecond."""
    lines = items(record.body, "lines")
    is_export = record.source in (IngestSource.LOGS, IngestSource.METRICS, IngestSource.TRACES)
    return 1_000 * (len(lines) or (20 if is_export else 1))


def read_all(records: Sequence[RawRecord]) -> list[Reading]:
    """The facts of each record; a clock that is ahead is told."""
    readings = []
    for record in records:
        reading = read(record)
        ahead = max(
            ((fact.at - record.received_at).total_seconds() for fact in reading.facts if fact.at is not None),
            default=0,
        )
        if ahead > _AHEAD:
            reading.problems.append(
                f"The clock of the machine that told this is {round(ahead):,} seconds ahead of the server's."
            )
        readings.append(reading)
    return readings
