"""Reads the change events that became visible between two snapshots.

Sequence numbers are handed out before commit, so "greater than the last one" loses a row whose transaction
commits late, and "below the oldest running transaction" lets one long writer hold up everybody. What one
snapshot did not see and a later one sees is exact: each event comes once, as soon as it is committed.
"""

from typing import Any

from services.core.database import Connection
from services.feed.events import Batch, event_of, number_at
from services.feed.snapshots import Snapshot

PAGE = 1000
"""Events in one reading; a batch with more comes in several."""

_COLUMNS = """seq, at, table_name, op, row_key, old::text, new::text,
       project_id, user_id, instance_id, socket_id, actor_id"""

# PostgreSQL gives a transaction id out again when a crash comes before the end of that transaction is on the
# disk, as may happen to one that was rolled back. What has the id afterwards is news, so a snapshot that is
# kept must not count it as ended. Unless the write-ahead log is on the disk up to a later moment,
# it names those that were rolled back, of so many of the last ids that what ended before is on the disk.
_UNSETTLED = """CASE WHEN pg_current_wal_flush_lsn() < pg_current_wal_insert_lsn() THEN ARRAY(
    SELECT id FROM CAST(pg_snapshot_xmax(snapshot)::text AS bigint) AS next,
      generate_series(greatest(next - 1000, 3), next - 1) AS id
    WHERE pg_xact_status(id::text::xid8) = 'aborted'
  ) ELSE '{}'::bigint[] END"""

_CURRENT = f"SELECT snapshot, {_UNSETTLED} AS unsettled FROM pg_current_snapshot() AS snapshot"

BOUND = f"""bound AS MATERIALIZED (
  SELECT snapshot, CASE WHEN $2::pg_snapshot IS NULL THEN {_UNSETTLED} ELSE '{{}}' END AS unsettled
  FROM COALESCE($2::pg_snapshot, pg_current_snapshot()) AS snapshot
)"""

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
SELECT bound.snapshot, bound.unsettled, event.*
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
SELECT {_COLUMNS} FROM change_events
WHERE seq > $3 AND pg_visible_in_snapshot(xid, $2) AND NOT pg_visible_in_snapshot(xid, $1)
ORDER BY seq LIMIT $4
"""


async def current_snapshot(connection: Connection) -> Snapshot:
    """Where a stream begins that wants nothing of the past."""
    return snapshot_of(await connection.fetchrow(_CURRENT), Snapshot(0, 0))


async def read_batch(
    connection: Connection, before: Snapshot, until: Snapshot | None = None, *, limit: int = PAGE
) -> Batch:
    """The first `limit` events that `before` does not see and `until` does, in order of their numbers.

    Without `until` it is the snapshot of this very statement; the batch names it, for `read_rest`.
    Not for a replica: its `pg_current_snapshot()` leaves out the transactions in progress.
    """
    records = await connection.fetch(_FIRST, before.value, None if until is None else until.value, limit)
    first: Any = records[0]
    events = [] if first["seq"] is None else [event_of(record) for record in records]
    return Batch(before, snapshot_of(first, before), events, complete=len(events) < limit)


def snapshot_of(record: Any, before: Snapshot) -> Snapshot:
    """What the columns of `BOUND` say; what `before` saw stays seen."""
    return Snapshot.of(record["snapshot"], [xid for xid in record["unsettled"] if not before.sees(xid)])


async def read_rest(
    connection: Connection, before: Snapshot, until: Snapshot, past: bytes, *, limit: int = PAGE
) -> Batch:
    """The next `limit` events of the batch between two snapshots, those behind the place `past`."""
    records = await connection.fetch(_NEXT, before.value, until.value, number_at(past), limit)
    return Batch(before, until, [event_of(record) for record in records], complete=len(records) < limit)
