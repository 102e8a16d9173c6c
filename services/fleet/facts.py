"""Facts that readers make of records: typed values about one thing, each from one witness. No I/O here."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final


class Kind(StrEnum):
    """The subject of a fact; the value is what is stored with its provenance."""

    SESSION = "session"
    INSTANCE = "instance"
    TOOL = "tool"
    TASK = "task"
    WORKTREE = "worktree"
    REQUEST = "request"
    LOG = "log"
    SPENT = "spent"
    KIN = "kin"


LINED: Final = frozenset([Kind.TOOL, Kind.LOG, Kind.SPENT])
"""Of these it is told by which line of a transcript."""

COPIED: Final = LINED | {Kind.INSTANCE}
"""What a fork of a conversation repeats."""


class Witness(StrEnum):
    """The teller of a fact: a source, or a part of one that knows less or more than the rest of it."""

    TRANSCRIPT = "transcript"
    CALLER = "transcript of the caller"
    META = "file beside a transcript"
    HOOK = "hook"
    BATCH = "what the model was shown"
    LOGS = "logs"
    METRICS = "metrics"
    TRACES = "traces"
    PROCESSES = "processes"
    ESTIMATE = "estimate"


@dataclass(frozen=True, slots=True)
class Fact:
    """A witness's values about one thing at a time.

    `session` is Claude's own id of it; `id` is the thing's within the session: of an instance its agent id,
    which is empty for the main one. `values` are by the names in `precedence.FIELDS`; those that are absent
    were not told. `received_at` bounds times that are yet to come.
    """

    kind: Kind
    session: str
    id: str
    witness: Witness
    at: datetime | None
    received_at: datetime
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Spent:
    """A witness's values about one request to a model; counts of tokens, times in milliseconds."""

    session: str
    agent: str
    request_id: str
    at: datetime
    model: str | None = None
    asked_by: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    cost_micro_usd: int | None = None
    duration_ms: int | None = None
    time_to_first_token_ms: int | None = None


@dataclass(slots=True)
class Reading:
    """The facts that were read of one record."""

    facts: list[Fact] = field(default_factory=list)
    spent: list[Spent] = field(default_factory=list)
    unreadable: int = 0
    problems: list[str] = field(default_factory=list)
