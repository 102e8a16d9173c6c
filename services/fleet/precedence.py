"""Ranks the sources of each field: the one table of it, which docs/fleet.md repeats.

Every choice is a maximum of weights, so the same facts give the same rows in any order, in any parts and
however often: a fact whose weight is lower than that of what is stored changes nothing.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from services.core.timestamps import EARLIEST
from services.fleet.facts import Fact, Kind, Witness

Weight = tuple[int, ...]
"""Compared from the first number on; the larger is right."""

_MICROSECOND: Final = timedelta(microseconds=1)

_W = Witness


@dataclass(frozen=True, slots=True)
class Best:
    """The first source of `order` with a value is right. Of several from it the last counts, or `first`.

    `first_of` is a source whose first value counts, while of the others the last does.
    """

    order: tuple[Witness, ...]
    kept: bool = False
    first: bool = False
    first_of: Witness | None = None

    @property
    def words(self) -> str:
        """A phrase for the documentation."""
        other = f", but the first from the {self.first_of}" if self.first_of else ""
        counts = "first" if self.first else "last"
        return f"{', then '.join(self.order)}; of several values from one source the {counts}{other}"

    def weight(self, fact: Fact, value: object) -> Weight:
        """The weight of the value, by which the heaviest one is chosen."""
        return self.weight_of(fact.witness, *moments(fact), digest(value))

    def weight_of(self, witness: Witness, bounded: int, told: int, digest_of_value: int) -> Weight:
        """The same of what `moments` and `digest` give."""
        sign = -1 if self.first or witness is self.first_of else 1
        return (self.rank(witness), sign * bounded, sign * told, digest_of_value)

    def rank(self, witness: Witness) -> int:
        """The first number of the weight of what a witness tells."""
        return len(self.order) - self.order.index(witness) if witness in self.order else 0


@dataclass(frozen=True, slots=True)
class Latest:
    """The rule that what was true last is right, by any source."""

    kept: bool = False
    words: str = "the value with the latest time"

    def weight(self, fact: Fact, value: object) -> Weight:
        """The weight of the value, by which the heaviest one is chosen."""
        return (*moments(fact), digest(value))


@dataclass(frozen=True, slots=True)
class Earliest:
    """The rule that what was true first is right, by any source."""

    kept: bool = False
    words: str = "the value with the earliest time"

    def weight(self, fact: Fact, value: object) -> Weight:
        """The weight of the value, by which the heaviest one is chosen."""
        bounded, told = moments(fact)
        return (-told, -bounded, digest(value))


@dataclass(frozen=True, slots=True)
class Together:
    """All of it counts: `activities.summed_up` makes one of what all sources tell."""

    kept: bool = True
    words: str = "all events, by the table of activities"


Choice = Best | Latest | Earliest | Together

_CONTENT: Final = (_W.TRANSCRIPT, _W.HOOK, _W.BATCH, _W.LOGS, _W.TRACES)
_OUTCOME: Final = (_W.TRANSCRIPT, _W.HOOK, _W.LOGS, _W.TRACES, _W.BATCH)
"""What a model was shown of a tool does not say whether it failed."""

_ENTRY: Final = Best(_CONTENT, first_of=_W.HOOK)
_SAID: Final = Best((_W.HOOK, _W.TRANSCRIPT, _W.BATCH, _W.LOGS, _W.TRACES, _W.ESTIMATE), first_of=_W.HOOK)
"""A transcript gives a prompt's id to those that it repeats from another session, which come before it; a
hook to those that are given while Claude works on it, which come after it."""

_CLOCK: Final = (_W.TRACES, _W.TRANSCRIPT, _W.LOGS, _W.HOOK, _W.BATCH, _W.ESTIMATE)
"""Who knows best when something was: the spans do; a hook has the time of its arrival only."""

REPEATED: Final[Mapping[str, Choice]] = {"line": Earliest(kept=True), "origin": Earliest(kept=True)}
"""Which line told of it, and of which session the line says that it is repeated from there."""

FIELDS: Final[Mapping[Kind, Mapping[str, Choice]]] = {
    Kind.SESSION: {
        "custom_title": Latest(kept=True),
        "title": Latest(kept=True),
        "prompt": Earliest(kept=True),
        "directory": Earliest(kept=True),
        "checkout": Best((_W.TRANSCRIPT, _W.HOOK, _W.ESTIMATE), kept=True, first=True),
        "remote": Latest(kept=True),
        "started": Earliest(kept=True),
        "born": Earliest(kept=True),
        "forked": Earliest(kept=True),
        "seen": Latest(kept=True),
        "version": Latest(kept=True),
        "entrypoint": Latest(kept=True),
        "branch": Latest(kept=True),
        "mode": Latest(kept=True),
    },
    Kind.INSTANCE: {
        "agent_type": Best((_W.META, _W.HOOK, _W.CALLER, _W.TRANSCRIPT, _W.LOGS, _W.TRACES), kept=True),
        "description": Best((_W.META, _W.CALLER, _W.HOOK), kept=True),
        "caller_tool": Best((_W.META, _W.CALLER, _W.HOOK, _W.TRANSCRIPT), kept=True),
        "prompt": Best((_W.TRANSCRIPT, _W.CALLER, _W.HOOK), kept=True, first=True),
        "answer": Best((_W.HOOK, _W.TRANSCRIPT, _W.CALLER), kept=True),
        "answered": Best((_W.TRANSCRIPT, _W.LOGS, _W.HOOK, _W.CALLER), kept=True),
        "failed": Best((_W.CALLER, _W.HOOK), kept=True),
        "started": Earliest(kept=True),
        "restarted": Latest(kept=True),
        "turn": Latest(kept=True),
        "seen": Latest(kept=True),
        "events": Together(),
        "alive": Latest(kept=True),
        "process_id": Latest(kept=True),
        "exit_code": Latest(kept=True),
        "directory": Latest(kept=True),
        "model": Latest(kept=True),
        "last_message": Latest(kept=True),
        "context_used_percent": Latest(kept=True),
    },
    Kind.TOOL: {
        "agent": Best(_CONTENT, first=True),
        "tool_name": Best(_CONTENT, first=True),
        "server_name": Best(_CONTENT, first=True),
        "arguments": Best(_CONTENT, first=True),
        "started_at": Best(_CLOCK, first=True),
        "completed_at": Best(_CLOCK, kept=True),
        "execution_time_ms": Best((_W.HOOK, _W.LOGS, _W.TRACES, _W.TRANSCRIPT), kept=True),
        "status": Best(_OUTCOME),
        "result": Best(_OUTCOME),
        "error_details": Best(_CONTENT),
        **REPEATED,
    },
    Kind.TASK: {
        "agent": Best((_W.TRANSCRIPT, _W.HOOK), kept=True, first=True),
        "name": Latest(kept=True),
        "description": Latest(kept=True),
        "status": Latest(kept=True),
        "created": Earliest(kept=True),
        "begun": Earliest(kept=True),
        "ended": Latest(kept=True),
    },
    Kind.WORKTREE: {
        "agent": Best((_W.TRANSCRIPT, _W.HOOK), kept=True, first=True),
        "name": Best((_W.TRANSCRIPT, _W.HOOK, _W.ESTIMATE), kept=True),
        "path": Best((_W.TRANSCRIPT, _W.HOOK, _W.ESTIMATE), kept=True),
        "base_branch": Best((_W.TRANSCRIPT, _W.HOOK), kept=True),
        "current_branch": Latest(kept=True),
        "commit": Best((_W.TRANSCRIPT, _W.HOOK), kept=True),
        "created": Earliest(kept=True),
        "removed": Latest(kept=True),
    },
    Kind.REQUEST: {
        "agent": Best((_W.HOOK,)),
        "tool_name": Best((_W.HOOK,)),
        "tool_input": Best((_W.HOOK,)),
        "suggestions": Best((_W.HOOK,)),
        "asked_at": Best((_W.HOOK,), first=True),
    },
    # A fork gives lines that it repeats the id of its own prompt, which is the last with it.
    Kind.LOG: {
        "agent": _ENTRY,
        "log_level": _ENTRY,
        "category": _ENTRY,
        "message": _SAID,
        "details": _ENTRY,
        "trace_id": Best((_W.LOGS, _W.TRACES), first=True),
        "span_id": Best((_W.LOGS, _W.TRACES), first=True),
        "created_at": _ENTRY,
        **REPEATED,
        "line": Latest(kept=True),
    },
    Kind.SPENT: {"at": Earliest(), **REPEATED},
    Kind.KIN: {"line": Earliest(kept=True), "until": Latest(kept=True)},
}
"""By what a fact speaks of and the name of its field. A field that is `kept` stands with its provenance, as
rows are made of several of them, and of MCP messages; the value of another one stands in its row alone."""


def micros(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - EARLIEST) // _MICROSECOND


def moments(fact: Fact) -> tuple[int, int]:
    """The times at which a fact was true, in microseconds: at most when it was received, and as told.

    A clock that is ahead must not put what it tells before what others tell later.
    """
    received = micros(fact.received_at)
    told = received if fact.at is None else micros(fact.at)
    return min(told, received), told


def digest(value: object) -> int:
    """The last number of a weight, which decides between values that weigh the same."""
    return zlib.crc32(orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS))


def weigh(fact: Fact, name: str, value: Any) -> Weight:
    """The weight of one value of a fact."""
    choice = FIELDS[fact.kind][name]
    if isinstance(choice, Together):
        raise TypeError(f"{name} is not chosen, but summed up")
    return choice.weight(fact, value)
