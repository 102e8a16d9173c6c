"""Raw records as they were received, and the results of their digestion."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.enums import IngestSource


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record of one source, as it was received and masked."""

    id: int
    source: IngestSource
    received_at: datetime
    body: dict[str, Any]
    """By source:

    - HOOK: the hook's JSON object as it came. Its time is `received_at`.
    - TRANSCRIPT: `{"file": path, "offset": bytes, "lines": [object | str, ...]}`, of which a text is a line
      that is no JSON; or `{"file": path of a .meta.json, "meta": object}`.
    - LOGS, METRICS, TRACES: the OTLP request in OTLP's JSON form.
    - PROCESSES: `{"host": str, "at": time, "alive": [{"pid", "session_id", "cwd"}], "gone": [same]}`.
    """


@dataclass(frozen=True, slots=True)
class Problem:
    """A failure in a sentence for people; of the record with this id, if of a single one."""

    record_id: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Digested:
    """The number of lines, log records, spans and the like that could not be read, and other failures."""

    unreadable: int = 0
    problems: tuple[Problem, ...] = ()
