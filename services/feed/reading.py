"""Reads the change events that became visible between two snapshots.

Sequence numbers are handed out before commit, so "greater than the last one" loses a row whose transaction
commits late, and "below the oldest running transaction" lets one long writer hold up all others. What one
snapshot did not see and a later one sees is exact: each event comes once, as soon as it is committed.

The invariant: an id that a remembered snapshot sees is of a transaction whose events, if it has any, were
read. It holds within one start of the server (models/server_starts.py), which a crash ends. Ids below the
first one of the next start stay what they were. Those from it on are given out again, whatever became of the
earlier transactions: rolled back, or committed without waiting for the disk, with events or without. So a
snapshot is cut off at that id before it is used again, and every statement that reads says under which start
it ran. Nothing is hidden, and nothing that outlived the crash comes twice.

A snapshot also says how far the log was. A transaction has ended when that stands in the log, so a server
that has replayed the log up to there, be it after a crash or as a replica that was promoted, knows all that
the snapshot sees, and gives none of these ids out again. Of one that was promoted earlier, the loss is
told.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg

from services.core.database import PrimaryConnection
from services.core.errors import CursorExpired, CursorInvalid
from services.feed.events import Batch, event_of, number_at
from services.feed.snapshots import Snapshot

PAGE = 1000
"""Events in one reading; a batch with more comes in several."""

_COLUMNS = """seq, to_json(at) #>> '{}' AS at, table_name, op, row_key, old::text, new::text,
       project_id, user_id, instance_id, socket_id, actor_id"""

_RUNNING = "(SELECT number FROM feed_running) AS start"

_POSITION = "(pg_current_wal_insert_lsn() - '0/0')::bigint AS position"
"""Evaluated after the snapshot of the statement was taken."""

_CURRENT = f"SELECT pg_current_snapshot() AS snapshot, {_RUNNING}, {_POSITION}"

BOUND = f"""bound AS MATERIALIZED (
  SELECT COALESCE($2::pg_snapshot, pg_current_snapshot()) AS snapshot, {_RUNNING}, {_POSITION}
)"""

_NOTE_START = "BEGIN READ WRITE; SELECT ccgraph_feed_start(); COMMIT"

# A start is lossy for a snapshot of which the server may not have kept everything.
_STARTS = f"""
WITH lossy AS (
  SELECT first_xid::text::bigint AS first, replayed,
    timeline <> (SELECT timeline FROM feed_starts WHERE number = $1) AS promoted
  FROM feed_starts
  WHERE number > $1 AND NOT COALESCE(replayed >= $2, false)
)
SELECT {_RUNNING}, {_POSITION}, (SELECT min(first) FROM lossy) AS first,
  $1 = 0 OR EXISTS (SELECT FROM feed_starts WHERE number = $1) AS seen,
  EXISTS (SELECT FROM lossy WHERE first IS NULL) AS unknown,
  EXISTS (SELECT FROM lossy WHERE first IS NULL AND replayed IS NOT NULL AND promoted) AS lost
"""

# What `before` does not see are the transactions that had not begun when it was taken and those in progress
# then: a few ranges of the index on xid, however long the oldest transaction stays open and much it writes.
# OFFSET 0 and `seq + 0` keep the planner from walking the whole index on seq instead. (A row restored from
# another cluster bears a transaction id of the future; the upper bound leaves it out.)
UNSEEN = """, unseen AS MATERIALIZED (
  SELECT pg_snapshot_xmax($1::pg_snapshot) AS low, pg_snapshot_xmax(snapshot) AS high, snapshot FROM bound
  UNION ALL
  SELECT xid, (xid::text::bigint + 1)::text::xid8, snapshot
  FROM bound, pg_snapshot_xip($1::pg_snapshot) AS xid WHERE pg_visible_in_snapshot(xid, snapshot)
)"""

_FIRST = f"""
WITH {BOUND}{UNSEEN}
SELECT bound.snapshot, bound.start, bound.position, event.*
FROM bound LEFT JOIN (
  SELECT change.* FROM unseen CROSS JOIN LATERAL (
    SELECT {_COLUMNS}
    FROM change_events
    WHERE xid >= low AND xid < high AND pg_visible_in_snapshot(xid, snapshot) OFFSET 0
  ) change
  ORDER BY seq + 0 LIMIT $3
) event ON true
ORDER BY event.seq
"""

# Of a long batch most rows past the last one belong to it, so here the index on seq is the short way.
_NEXT = f"""
WITH {BOUND}
SELECT bound.start, event.*
FROM bound LEFT JOIN (
  SELECT {_COLUMNS} FROM change_events
  WHERE seq > $3 AND pg_visible_in_snapshot(xid, $2) AND NOT pg_visible_in_snapshot(xid, $1)
  ORDER BY seq LIMIT $4
) event ON true
ORDER BY event.seq
"""


async def current_snapshot(connection: PrimaryConnection) -> Snapshot:
    """The snapshot at which a stream begins that wants nothing of the past."""
    record = await _fetch_started(connection, _CURRENT)
    return Snapshot.of(record["snapshot"], record["start"], record["position"])


async def read_batch(
    connection: PrimaryConnection, before: Snapshot, until: Snapshot | None = None, *, limit: int = PAGE
) -> Batch:
    """The first `limit` events that `before` does not see and `until` does, in order of their numbers.

    Without `until` it is the snapshot of this very statement; the batch names it, for `read_rest`, and
    `before`, as `carried_over` to the present start of the server. Raises: what `carried_over` does.

    Not for a replica: its `pg_current_snapshot()` leaves out the transactions in progress.
    """
    return await read_as_of_now(
        connection,
        before,
        until,
        lambda low, high: connection.fetch(_FIRST, low.value, None if high is None else high.value, limit),
        lambda records: [] if records[0]["seq"] is None else [event_of(record) for record in records],
        limit,
    )


async def read_rest(
    connection: PrimaryConnection, before: Snapshot, until: Snapshot, past: bytes, *, limit: int = PAGE
) -> Batch:
    """The next `limit` events of the batch between two snapshots, those behind the place `past`."""
    return await read_as_of_now(
        connection,
        before,
        until,
        lambda low, high: connection.fetch(_NEXT, low.value, high and high.value, number_at(past), limit),
        lambda records: [] if records[0]["seq"] is None else [event_of(record) for record in records],
        limit,
    )


async def read_as_of_now(
    connection: PrimaryConnection,
    before: Snapshot,
    until: Snapshot | None,
    fetch: Callable[[Snapshot, Snapshot | None], Awaitable[Sequence[asyncpg.Record]]],
    events: Callable[[Sequence[asyncpg.Record]], Sequence[Any]],
    limit: int,
) -> Batch:
    """Read between two snapshots; again, when the statement finds that the server has started since.

    A crash ends every connection, so on one connection there is one start.
    """
    while True:
        records = await fetch(before, until)
        start = records[0]["start"]
        if start == before.start and (until is None or until.start == start):
            break
        before = await carried_over(connection, before)
        until = None if until is None else await carried_over(connection, until)
    found = events(records)
    after = until or Snapshot.of(records[0]["snapshot"], start, records[0]["position"])
    return Batch(before, after, found, complete=len(found) < limit)


async def carried_over(connection: PrimaryConnection, snapshot: Snapshot) -> Snapshot:
    """The snapshot with the transaction ids that the server gives out since its last start.

    Raises: CursorInvalid where the server does not know all that the snapshot has seen, for it was a replica
    that was promoted or a backup, or where the snapshot is of a start that this database has not seen; and
    CursorExpired where it is not known at which id an earlier start began, so that something may have been
    missed.
    """
    known = await _fetch_started(connection, _STARTS, snapshot.start, snapshot.position)
    if not known["seen"]:
        raise CursorInvalid(
            "This cursor is from a later time than the database, which was set back. "
            "Leave `after` out to start now.",
            field="after",
        )
    if known["lost"]:
        raise CursorInvalid(
            "Another server has taken the place of the database, and may lack its last changes. "
            "Subscribe without `after`, then query the current state.",
            field="after",
        )
    if known["unknown"]:
        raise CursorExpired(
            "The database has recovered from a crash since, and events may be missing. Subscribe without "
            "`after`, then query the current state.",
            field="after",
        )
    if known["start"] == snapshot.start:
        return snapshot
    return snapshot.carried_over(known["start"], known["first"], known["position"])


async def _fetch_started(
    connection: PrimaryConnection, statement: str, *parameters: object
) -> asyncpg.Record:
    """The one row of a statement, with the `start` under which it ran; that is noted where it was not."""
    while True:
        [record] = await connection.fetch(statement, *parameters)
        if record["start"] is not None:
            return record
        await connection.execute(_NOTE_START)
