"""Records of one request, as they will be stored: read leniently, without what PostgreSQL cannot hold."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from models.enums import IngestSource
from models.ingest import LONGEST_EVENT, LONGEST_SESSION
from services.core.errors import BadInput
from services.core.json_codec import exact_number, is_in_range, read_json, whole_number, write_json

DEEPEST: Final = 200
"""Levels of objects and lists in a record; what goes deeper cannot be read."""

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
"""Stands for what is no character to PostgreSQL: NUL, and half of a surrogate pair."""

_NO_CHARACTER: Final = re.compile("[\0\ud800-\udfff]")

LARGEST_RECORD: Final = 256_000
"""Bytes from which transcripts and telemetry become several records, so that each is digested quickly."""

NOTICED_SKEW: Final = timedelta(seconds=5)
"""A client whose clock differs by more is told."""


@dataclass(frozen=True, slots=True)
class Received:
    """One record. `told_at` is when it happened by the client's clock; `size` is in bytes of JSON text."""

    source: IngestSource
    body: Mapping[str, Any]
    size: int
    session_key: str | None = None
    event: str | None = None
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KnownPart:
    """Bytes of a transcript, from `offset` up to `end`, that have come."""

    file: str
    offset: int
    end: int


@dataclass(frozen=True, slots=True)
class Intake:
    """The records of a request that are to be stored, and what could not be read of it.

    `units` are what the person counts: hooks, lines, telemetry records. `problem` says what is wrong with the
    first of those that were `refused`. `skew` is by how much the client's clock is ahead.
    """

    source: IngestSource
    records: tuple[Received, ...]
    units: int
    refused: int = 0
    problem: str = ""
    part: KnownPart | None = None
    skew: timedelta | None = None


def read_value(text: str | bytes) -> Any:
    """The value of a JSON text, with whatever its numbers and characters.

    Raises: BadInput, which says what is wrong.
    """
    try:
        return read_json(text)
    except json.JSONDecodeError as error:
        reason = error.msg
    try:
        return json.loads(text, parse_int=whole_number, parse_float=exact_number)
    except (ValueError, RecursionError):
        raise BadInput(f"This is not valid JSON: {reason}.") from None


def storable(value: Any) -> tuple[Any, int]:
    """A JSON value as jsonb can hold it, and the bytes of its text.

    Raises: BadInput where it nests too deeply.
    """
    try:
        encoded = write_json(value)
    except (TypeError, ValueError):
        pass
    else:
        if b"\\u0000" not in encoded:
            return value, len(encoded)
    cleaned = _cleaned(value, 0)
    try:
        return cleaned, len(write_json(cleaned))
    except (TypeError, ValueError):
        raise BadInput("This holds something that is not JSON.") from None


def _cleaned(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return without_odd_characters(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return value if is_in_range(value) else str(getattr(value, "text", value))
    if depth >= DEEPEST:
        raise BadInput(f"This is nested too deeply: at most {DEEPEST} levels are taken.")
    if isinstance(value, dict):
        return {_cleaned(name, depth): _cleaned(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item, depth + 1) for item in value]
    raise BadInput("This holds something that is not JSON.")


def without_odd_characters(text: str) -> str:
    """A text with `REPLACEMENT` for what PostgreSQL takes for no character."""
    return _NO_CHARACTER.sub(REPLACEMENT, text)


def session_key(value: object) -> str | None:
    """The id of a session as it is stored; None for what is none."""
    return value[:LONGEST_SESSION] if isinstance(value, str) and value else None


def event_name(value: object) -> str:
    """The name of a hook's event as it is counted; `unknown` where it has none."""
    if isinstance(value, str) and value.isidentifier() and len(value) <= LONGEST_EVENT:
        return value
    return "unknown"


def noticed(skew: timedelta) -> timedelta | None:
    """A difference between clocks where it is worth telling."""
    return skew if abs(skew) > NOTICED_SKEW else None
