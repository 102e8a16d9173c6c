"""One change of a watched row, as the trigger of models/feed.py recorded it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from models.feed import recorded
from services.core.json_codec import read_stored
from services.feed.cursors import Cursor
from services.feed.snapshots import Snapshot


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """`old` and `new` hold the recorded columns before and after; `project_id` is projects.project_id.

    `at` is as the API shows a time: PostgreSQL's text, since it has times that Python has not.

    `number` is change_events.seq: unique, and rising along every chain of cause and effect, because a
    transaction that could see another one's rows took its numbers later.
    """

    number: int
    at: str
    table: str
    operation: str
    key: str
    old: Mapping[str, Any] | None = None
    new: Mapping[str, Any] | None = None
    project_id: UUID | None = None
    user_id: int | None = None
    instance_id: UUID | None = None
    socket_id: UUID | None = None
    actor_id: int | None = None

    @property
    def place(self) -> bytes:
        """The place of the event in its batch, for a cursor."""
        return place_of(self.number)

    @property
    def remembered(self) -> Mapping[str, Any]:
        """The known values of the row when it is gone."""
        return {**(self.old or {}), **(self.new or {})}

    @property
    def is_recorded(self) -> bool:
        """False when nothing changed but columns whose values are not recorded."""
        return self.operation != "UPDATE" or self.old != self.new

    def changed(self, column: str) -> bool:
        """True when the recorded `column` has another value than before; a new row's columns all have."""
        return (self.old or {}).get(column) != (self.new or {}).get(column)


@dataclass(frozen=True, slots=True)
class LogEvent(ChangeEvent):
    """A new log entry. Its `number` only tells it from the others of one reading; `position` is its place."""

    position: bytes = b""

    @property
    def remembered(self) -> Mapping[str, Any]:
        """All but the text, which says nothing of who may see it and can be long."""
        return {column: value for column, value in (self.new or {}).items() if column != "message"}

    @property
    def place(self) -> bytes:
        """The place of the entry in its batch, for a cursor."""
        return self.position


@dataclass(frozen=True, slots=True)
class Batch:
    """The events that became visible between two snapshots, in order of cause and effect.

    A batch too long for one reading comes in several values with the same snapshots.
    """

    before: Snapshot
    after: Snapshot
    events: Sequence[ChangeEvent] = field(default_factory=list)
    complete: bool = True

    def cursor(self, event: ChangeEvent) -> Cursor:
        """The place right after `event`; after the last one of all it is the end of the batch."""
        if self.complete and event is self.events[-1]:
            return Cursor(self.after, self.after)
        return Cursor(self.before, self.after, event.place)


def place_of(number: int) -> bytes:
    """An event's number as the shortest bytes, the highest first."""
    return number.to_bytes((number.bit_length() + 7) // 8 or 1)


def number_at(place: bytes) -> int:
    """The number that `place_of` wrote; 0, before every event, for the place of a log entry."""
    return 0 if place[:1] == b"\0" else int.from_bytes(place)


def event_of(record: asyncpg.Record) -> ChangeEvent:
    """A row of change_events; JSON columns come as text."""
    table, old, new = record["table_name"], record["old"], record["new"]
    return ChangeEvent(
        number=record["seq"],
        at=record["at"],
        table=table,
        operation=record["op"],
        key=record["row_key"],
        old=None if old is None else recorded(table, read_stored(old)),
        new=None if new is None else recorded(table, read_stored(new)),
        project_id=record["project_id"],
        user_id=record["user_id"],
        instance_id=record["instance_id"],
        socket_id=record["socket_id"],
        actor_id=record["actor_id"],
    )
