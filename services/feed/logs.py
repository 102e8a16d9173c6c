"""Reads the log entries that became visible between two snapshots, out of the three tables of logs.

They are many, and few are listened to: so they are not copied into the feed but found by their own column
xid, by the rule of `reading.py`.
"""

import struct
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from services.core.database import PrimaryConnection
from services.feed.events import Batch, LogEvent
from services.feed.reading import BOUND, UNSEEN, read_as_of_now
from services.feed.snapshots import Snapshot

PAGE = 2000
"""Entries in one reading: a bulk append of 5,000 is read in three."""


@dataclass(frozen=True, slots=True)
class LogTable:
    """A table of logs, and which of its columns say how serious an entry is and of what kind.

    `ids` are those of its columns by which an event is routed and judged; `actor` is SQL for who wrote it.
    """

    name: str
    level: str
    category: str
    ids: tuple[str, ...]
    actor: str = "NULL::integer"
    numbered: bool = False

    def entries(self, number: int) -> str:
        """The entries of the table in one range of transactions, with the columns that all tables share."""
        ids = ", ".join(
            (column if column in self.ids else f"NULL::{kind}") + f" AS {column}"
            for column, kind in _IDS.items()
        )
        key = "lpad(id::text, 19, '0')" if self.numbered else "id::text"
        return f"""
    SELECT {number} AS source, id::text AS key, {key} COLLATE "C" AS sorted, created_at, {ids},
      {self.level} AS level, {self.category} AS category, message, {self.actor} AS actor_id
    FROM {self.name} WHERE xid >= low AND xid < high AND pg_visible_in_snapshot(xid, snapshot) OFFSET 0"""


_IDS = {"cc_instance_id": "uuid", "task_id": "uuid", "session_id": "uuid", "user_id": "integer"}
_OF_WORK = ("cc_instance_id", "task_id")

LOG_TABLES = (
    LogTable("cc_logs", "log_level", "category", _OF_WORK),
    LogTable("task_logs", "log_level", "phase", _OF_WORK),
    LogTable(
        "system_logs",
        "level",
        "category",
        ("session_id", "user_id"),
        actor="CASE category WHEN 'audit' THEN user_id END",
        numbered=True,
    ),
)

_SHARED = ", ".join(
    f"entry.{name}" for name in ("source", "key", *_IDS, "level", "category", "message", "actor_id")
)

# The order is that of the entries' times; within a time it only has to be the same for every reader.
_ENTRIES = f"""
WITH {BOUND}{UNSEEN}
SELECT bound.snapshot, bound.start, bound.position, {_SHARED},
  to_json(entry.created_at) #>> '{{}}' AS at, COALESCE(
  (SELECT project_id FROM cc_instances WHERE id = entry.cc_instance_id),
  (SELECT project_id FROM tasks WHERE id = entry.task_id),
  (SELECT projects.project_id FROM projects JOIN sessions ON sessions.project_id = projects.id
   WHERE sessions.session_id = entry.session_id)
) AS project_id
FROM bound LEFT JOIN (
  SELECT found.* FROM unseen CROSS JOIN LATERAL (
    {" UNION ALL ".join(f"({table.entries(number)})" for number, table in enumerate(LOG_TABLES))}
  ) found
  WHERE $4::text IS NULL OR (created_at, source, sorted) > ($4::timestamptz, $5::integer, $6::text)
  ORDER BY created_at, source, sorted LIMIT $3
) entry ON true
ORDER BY entry.created_at, entry.source, entry.sorted
"""


async def read_entries(
    connection: PrimaryConnection, before: Snapshot, until: Snapshot | None = None, *, limit: int = PAGE
) -> Batch:
    """The first `limit` entries that `before` does not see and `until` does; see `reading.read_batch`."""
    return await _read(connection, before, until, limit, (None, None, None))


async def read_more_entries(
    connection: PrimaryConnection, before: Snapshot, until: Snapshot, past: bytes, *, limit: int = PAGE
) -> Batch:
    """The next `limit` entries of the batch, those behind the place `past`."""
    return await _read(connection, before, until, limit, _parts(past))


async def _read(
    connection: PrimaryConnection,
    before: Snapshot,
    until: Snapshot | None,
    limit: int,
    past: tuple[object, ...],
) -> Batch:
    return await read_as_of_now(
        connection,
        before,
        until,
        lambda low, high: connection.fetch(_ENTRIES, low.value, high and high.value, limit, *past),
        lambda records: (
            [] if records[0]["key"] is None else [_entry(*numbered) for numbered in enumerate(records)]
        ),
        limit,
    )


def _entry(number: int, record: asyncpg.Record) -> LogEvent:
    table = LOG_TABLES[record["source"]]
    return LogEvent(
        number=number,
        at=record["at"],
        table=table.name,
        operation="INSERT",
        key=record["key"],
        new={
            table.level: record["level"],
            table.category: record["category"],
            "message": record["message"],
            **{column: _as_json(record[column]) for column in table.ids},
        },
        project_id=record["project_id"],
        user_id=record["user_id"],
        instance_id=record["cc_instance_id"],
        actor_id=record["actor_id"],
        position=_place(record["at"], record["source"], record["key"]),
    )


def _as_json(value: UUID | int | None) -> str | int | None:
    return str(value) if isinstance(value, UUID) else value


_PLACE = struct.Struct(">xbb")
"""The first byte is 0, with which the place of a change event never begins; then table, length of key."""


def _place(at: str, source: int, key: str) -> bytes:
    number = LOG_TABLES[source].numbered
    tail = int(key).to_bytes(8) if number else UUID(key).bytes
    return _PLACE.pack(source, len(tail)) + tail + at.encode()


def _parts(place: bytes) -> tuple[object, ...]:
    """The parts of `_place`, as the statement sorts; nothing for the place of another kind of event."""
    if len(place) <= _PLACE.size or place[0] != 0:
        return (None, None, None)
    source, length = _PLACE.unpack_from(place)
    tail, at = place[_PLACE.size : _PLACE.size + length], place[_PLACE.size + length :]
    key = str(int.from_bytes(tail)).zfill(19) if LOG_TABLES[source].numbered else str(UUID(bytes=tail))
    return (at.decode(), source, key)
