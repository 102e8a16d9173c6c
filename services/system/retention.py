"""Removes what is past its retention (decision 29): whole partitions where possible, else rows in batches.

Rows are removed by ranges of blocks, so that no batch passes over what an earlier one has removed. They are
removed through the whole table and not through the partition, because its triggers count what goes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

import asyncpg

from models import metadata
from models.retention import partitioned, retention_of
from services.accounts.login_attempts import WINDOW
from services.core.batches import Sizes
from services.core.database import Connection, affected
from services.system.maintenance_work import InUse, Work

FOLLOWED: Final = frozenset({"change_events", "cc_logs", "task_logs", "system_logs"})
"""Tables of which the feed reads: what is removed raises the floor under its cursors."""

PARTITIONED: Final[Mapping[str, str]] = MappingProxyType(partitioned(metadata))
"""Tables that are partitioned by time, and the column of that time."""

# Where there is no figure, the cutoff is NULL and nothing is expired.
_PARTS: Final = """
SELECT parent.relname::text AS parent, part.relname::text AS name, cutoff::text, low::text
FROM pg_inherits
    JOIN pg_class AS parent ON parent.oid = inhparent
    JOIN pg_class AS part ON part.oid = inhrelid,
    LATERAL (SELECT
        $1::timestamptz
            - INTERVAL '1 day' * ccgraph_setting('retention.' || parent.relname || '_days') AS cutoff,
        substring(pg_get_expr(part.relpartbound, part.oid) FROM 'FROM \\(''(.*?)''\\)')::timestamptz AS low
    ) AS bounds
WHERE cutoff IS NOT NULL AND (low IS NULL OR low < cutoff)
    AND parent.relnamespace = 'public'::regnamespace AND parent.relname = ANY ($2)
    AND part.relname NOT IN (SELECT name FROM ccgraph_expired_partitions($1))
ORDER BY parent.relname, part.relname
"""


_MOST_WALKS: Final = 16
"""How often a partition is walked from its oldest row on, before it is walked over as a whole."""


@dataclass(frozen=True, slots=True)
class Part:
    """A partition in which rows may be past retention: those from before `cutoff`.

    Times are texts of PostgreSQL's, which knows more of them than Python.
    """

    parent: str
    name: str
    cutoff: str
    low: str | None

    @property
    def time(self) -> str:
        """The column by which it is partitioned."""
        return PARTITIONED[self.parent]

    @property
    def blocks(self) -> str:
        """SQL for the number of its blocks."""
        return f"SELECT pg_relation_size('{self.name}') / current_setting('block_size')::bigint"

    @property
    def oldest(self) -> str:
        """The block of its oldest row that is past retention."""
        return (
            f"SELECT (ctid::text::point)[0]::bigint FROM ONLY {self.name} WHERE {self.time} < '{self.cutoff}'"
            f" ORDER BY {self.time} LIMIT 1"
        )

    def removal(self, first: int, last: int, *, free: bool) -> str:
        """Removes what is past retention in a range of blocks and counts it; `free` passes over what is held.

        Times stand in the text, so that PostgreSQL looks into no other partition.
        """
        within = f"ctid >= '({first},0)'::tid AND ctid < '({last},0)'::tid AND {self.time} < '{self.cutoff}'"
        begin = "" if self.low is None else f" AND {self.time} >= '{self.low}'"
        if free:
            found = f"SELECT ctid FROM ONLY {self.name} WHERE {within} FOR UPDATE SKIP LOCKED"
            within = f"ctid = ANY (ARRAY({found})) AND {self.time} < '{self.cutoff}'"
        return deletion(self.parent, f"tableoid = '{self.name}'::regclass AND {within}{begin}")


def deletion(table: str, condition: str) -> str:
    """Removes rows and counts them; where the feed reads of it, the floor under its cursors rises."""
    followed = table in FOLLOWED
    floor = ", ccgraph_raise_feed_floor((SELECT xid FROM gone ORDER BY xid DESC LIMIT 1))"
    return (
        f"WITH gone AS (DELETE FROM {table} WHERE {condition} RETURNING {'xid' if followed else '1'})"
        f" SELECT (SELECT count(*) FROM gone){floor if followed else ''}"
    )


async def drop_partitions(work: Work) -> None:
    """Drop the partitions of which even the last row is past retention, each in a transaction of its own.

    Raises: InUse after the others, where some are in use for longer than anybody is to wait.
    """
    expired = await work.connection.fetch(
        "SELECT parent, name, until_at::text FROM ccgraph_expired_partitions($1)", work.at
    )
    held = False
    for parent, name, until in expired:
        if not work.dry:
            try:
                if parent == "file_operations":
                    # Each row is counted as it goes; what is left for the drop to count is next to nothing.
                    await remove_rows(work, Part(parent, name, until, None), told=False)
                await work.patiently(lambda parent=parent, name=name: _drop(work, parent, name))  # type: ignore[misc]
            except InUse:
                held = True
                continue
        work.done[parent] += 1
    if held:
        raise InUse


async def _drop(work: Work, parent: str, name: str) -> None:
    async with work.short() as connection:
        await connection.execute("SELECT ccgraph_drop_partition($1, $2)", parent, name)


async def remove_expired(work: Work) -> None:
    """Remove single rows that are past retention, from every table that says so in the models.

    Raises: InUse after the others, where some rows are in use.
    """
    for table in sorted(SWEEPS.keys() - OF_OTHER_STEPS):
        await sweep(work, table)
    held = False
    for row in await work.connection.fetch(_PARTS, work.at, list(PARTITIONED)):
        part = Part(**row)
        if work.dry:
            query = f"SELECT count(*) FROM ONLY {part.name} WHERE {part.time} < '{part.cutoff}'"
            await work.count(part.parent, query)
            continue
        try:
            await remove_rows(work, part)
        except InUse:
            held = True
    if held:
        raise InUse


async def remove_rows(work: Work, part: Part, *, told: bool = True) -> None:
    """Walk from the oldest row on, for as long as there are some; then look whether older ones lie elsewhere.

    Where they lie in many places, as after an import of the newest first, or come back behind the walk
    because others change them, it ends with a walk over all.

    Raises: InUse after the others, where some rows are in use.
    """
    sizes = Sizes(size=16, most=2048)
    tried: set[int] = set()
    held = False

    async def walk(first: int, *, over_all: bool) -> None:
        nonlocal held
        blocks = await work.connection.fetchval(part.blocks)
        while first < blocks + 1:
            tried.add(first)
            try:
                found, reached = await _remove_range(work, part, first, sizes, free=False)
            except asyncpg.LockNotAvailableError:
                held = True
                found, reached = await _remove_range(work, part, first, sizes, free=True)
            if told:
                work.done[part.parent] += found
            await work.removed(part.name, found)
            first = reached
            if not found and not over_all:
                break
        await work.vacuum_all()

    for _ in range(_MOST_WALKS):
        oldest = await work.connection.fetchval(part.oldest)
        if oldest is None or oldest in tried:
            break
        await walk(oldest, over_all=False)
    if not held and await work.connection.fetchval(part.oldest) is not None:
        await walk(0, over_all=True)
        held = await work.connection.fetchval(part.oldest) is not None
    if held:
        raise InUse


async def _remove_range(work: Work, part: Part, first: int, sizes: Sizes, *, free: bool) -> tuple[int, int]:
    """Remove from a range of blocks that begins with `first`; how many rows, and where the next begins."""
    reached = first

    async def remove() -> int:
        nonlocal reached
        reached = first + sizes.size
        async with work.short() as connection:
            removed: int = await connection.fetchval(part.removal(first, reached, free=free))
            return removed

    return await work.paced(remove, sizes), reached


SWEEPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "login_attempts": "window_started_at < $1::timestamptz"
        f" - INTERVAL '{WINDOW.total_seconds():.0f} seconds'",
        "api_call_counts": "hour < date_trunc('hour', $1::timestamptz)",
        "ingest_counts": "hour < date_trunc('hour', $1::timestamptz)",
        **{
            str(table.name): retention.expired  # a subclass of str, which JSON does not take
            for table in metadata.sorted_tables
            if (retention := retention_of(table)) is not None
        },
    }
)
"""Tables without partitions, and which of their rows have no use any more at the moment $1."""

OF_OTHER_STEPS: Final = frozenset(
    {
        *("api_call_counts", "auth_tokens", "ingest_counts", "login_attempts", "maintenance_runs"),
        "websocket_sessions",
    }
)
"""Those of them that a step of their own removes from."""


async def sweep(work: Work, table: str) -> None:
    """Remove the rows of a table that have no use any more; those that others hold are left."""
    condition = SWEEPS[table]
    if work.dry:
        await work.count(table, f"SELECT count(*) FROM {table} WHERE {condition}", work.at)
        return

    async def batch(most: int) -> int:
        async with work.short() as connection:
            return await _sweep(connection, table, condition, work.at, most)

    await work.until_none(table, batch, Sizes(size=200, most=5000), of=table)
    await work.vacuum_all()


async def _sweep(connection: Connection, table: str, condition: str, at: datetime, most: int) -> int:
    return affected(await connection.execute(sweeping(table, condition, most), at))


def sweeping(table: str, condition: str, most: int) -> str:
    """SQL that removes so many rows of a table that no other transaction holds."""
    return (
        f"DELETE FROM {table} WHERE ctid = ANY (ARRAY("
        f"SELECT ctid FROM {table} WHERE {condition} LIMIT {most} FOR UPDATE SKIP LOCKED))"
    )
