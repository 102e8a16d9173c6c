"""Reads any record."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from models.enums import IngestSource
from services.fleet.facts import Reading
from services.fleet.hooks import read_hook
from services.fleet.processes import read_processes
from services.fleet.records import RawRecord
from services.fleet.telemetry import read_logs, read_metrics, read_traces
from services.fleet.transcripts import read_transcript
from services.fleet.values import UNREADABLE

_READERS: Final[Mapping[IngestSource, Callable[[Mapping[str, Any], datetime], Reading]]] = {
    IngestSource.HOOK: read_hook,
    IngestSource.TRANSCRIPT: read_transcript,
    IngestSource.LOGS: read_logs,
    IngestSource.METRICS: read_metrics,
    IngestSource.TRACES: read_traces,
    IngestSource.PROCESSES: read_processes,
}


def read(record: RawRecord) -> Reading:
    """The facts of a record. What is none is counted and told, and never raises."""
    if not isinstance(record.body, Mapping):
        return Reading(unreadable=1, problems=["This is no JSON object."])
    try:
        return _READERS[record.source](record.body, record.received_at)
    except UNREADABLE as trouble:
        return Reading(unreadable=1, problems=[f"This could not be read ({type(trouble).__name__})."])
