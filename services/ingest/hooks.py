"""Hooks and processes: one JSON object each, or several hooks that a spool has kept."""

from datetime import UTC, datetime
from typing import Any, Final

from models.enums import IngestSource
from models.spellings import Unfit
from models.values import moment
from services.core.errors import BadInput
from services.core.timestamps import EARLIEST
from services.ingest.received import Intake, Received, event_name, noticed, session_key, storable

MOST_HOOKS: Final = 1_000
"""Hooks of one request."""

MOST_PROCESSES: Final = 1_000
"""Processes that one request tells of."""


DELIVERY: Final = "delivery_id"
"""The member of a hook's body by which one that was sent twice is known for the same."""

_LONGEST_ID: Final = 100


def read_hooks(value: object, now: datetime, delivery: str | None = None) -> Intake:
    """One hook, or an array of them: each a hook's object, or from a spool one with `at`, `id` and `hook`.

    `delivery` is the id of a hook that comes alone. Of an array those that cannot be read are left out and
    counted. Raises: BadInput for one hook that cannot be read.
    """
    if not isinstance(value, list):
        hook, _ = _hook(value, now, delivery)
        return Intake(IngestSource.HOOK, (hook,), 1)
    if len(value) > MOST_HOOKS:
        raise BadInput(f"Send at most {MOST_HOOKS} hooks in one request.")
    records = []
    problems = []
    skew = None
    for place, one in enumerate(value):
        try:
            hook, ahead = _hook(one, now)
        except BadInput as error:
            problems.append(f"Hook {place} was left out. {error.message}")
        else:
            records.append(hook)
            skew = ahead or skew
    problem = problems[0] if problems else ""
    return Intake(IngestSource.HOOK, tuple(records), len(value), len(problems), problem, skew=skew)


def _hook(value: object, now: datetime, delivery: str | None = None) -> tuple[Received, Any]:
    """A hook, and by how much its time is in the future."""
    told_at = None
    skew = None
    if isinstance(value, dict) and "hook" in value and "hook_event_name" not in value:
        told_at, skew = _told_at(value.get("at"), now)
        delivery, value = value.get("id"), value["hook"]
    if not isinstance(value, dict):
        raise BadInput("A hook is a JSON object, as Claude Code gives it to its hooks.")
    if isinstance(delivery, str) and 0 < len(delivery) <= _LONGEST_ID:
        value = {**value, DELIVERY: delivery}
    body, size = storable(value)
    event = event_name(body.get("hook_event_name"))
    return Received(IngestSource.HOOK, body, size, session_key(body.get("session_id")), event, told_at), skew


def _told_at(value: object, now: datetime) -> tuple[datetime | None, Any]:
    """The time of a spool, never later than now: of a clock that is ahead, by how much is told instead."""
    try:
        told = moment(value).astimezone(UTC)
    except (Unfit, OverflowError):
        raise BadInput("`at` of a hook is a time such as 2026-01-31T12:00:00Z.") from None
    if told > now:
        return now, noticed(told - now)
    return max(told, EARLIEST), None


def read_processes(value: object, now: datetime) -> Intake:
    """The record of living processes that `ccgraph watch` sends.

    Raises: BadInput for another shape.
    """
    if not isinstance(value, dict) or not isinstance(value.get("host"), str):
        raise BadInput("Send `host`, `at`, `alive` and `gone`.")
    told = 0
    for name in ("alive", "gone"):
        listed = value.get(name, [])
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            raise BadInput(f"`{name}` is a list of objects with `pid`, `session_id` and `cwd`.", field=name)
        told += len(listed)
    if told > MOST_PROCESSES:
        raise BadInput(f"Send at most {MOST_PROCESSES} processes in one request.")
    try:
        at = moment(value.get("at")).astimezone(UTC)
    except (Unfit, OverflowError):
        raise BadInput("`at` is a time such as 2026-01-31T12:00:00Z.", field="at") from None
    body, size = storable(value)
    record = Received(IngestSource.PROCESSES, body, size)
    return Intake(IngestSource.PROCESSES, (record,), 1, skew=noticed(at - now))
