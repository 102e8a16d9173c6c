"""Makes the coming partitions, also where the DEFAULT one has filled while no maintenance ran.

A partition cannot be attached while the DEFAULT one holds rows of its time. A few are brought over in the
transaction that attaches it (`ccgraph_create_partition`). Many would take longer than others are to wait:
they are copied in batches into tables of the schema `ccgraph_moving`, while a trigger of the DEFAULT
partition repeats there what users change. Then the copies take its place in one short transaction, so that
each row is seen once at every moment. Whatever ends that between two statements, the next run goes on.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

import asyncpg

from models import metadata
from models.maintenance import MOVED, MOVING
from services.core.batches import Sizes
from services.core.database import affected
from services.system.maintenance_work import InUse, Work
from services.system.retention import PARTITIONED

MONTHS_AHEAD, DAYS_AHEAD = 2, 3

LARGEST_AT_ONCE: Final = 32 * 1024 * 1024
"""Bytes of a DEFAULT partition beyond which nothing is looked for in it while it is locked."""

_MOST_PIECES: Final = 24
"""Past periods that get a partition of their own at once: each takes some milliseconds of the exchange."""

_PLANNED: Final = """
SELECT parent, name, low, high FROM ccgraph_planned_partitions($1, $2, $3)
WHERE to_regclass(quote_ident(name)) IS NULL
"""

# Periods of which rows lie in the DEFAULT partition, the newest first, and that no partition covers in part.
_FILLED: Final = """
WITH filled AS (
    SELECT start, start AT TIME ZONE 'UTC' AS low, (start + INTERVAL '1 {unit}') AT TIME ZONE 'UTC' AS high
    FROM (
        SELECT DISTINCT date_trunc('{unit}', {time} AT TIME ZONE 'UTC') AS start FROM ONLY {default}
        WHERE {time} >= '1970-01-01' AND {time} < '9000-01-01'
    ) AS found
)
SELECT '{parent}' || to_char(start, $1) AS name, low, high FROM filled
WHERE to_regclass(quote_ident('{parent}' || to_char(start, $1))) IS NULL AND NOT EXISTS (
    SELECT FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid,
        pg_get_expr(relpartbound, part.oid) AS bound
    WHERE inhparent = '{parent}'::regclass
        AND substring(bound FROM 'FROM \\(''(.*?)''\\)')::timestamptz < high
        AND substring(bound FROM 'TO \\(''(.*?)''\\)')::timestamptz > low
)
ORDER BY start DESC
"""

_TRIGGER: Final = "tr_ccgraph_moving"
_HELD: Final = "ccgraph_moving"
_LIKE: Final = "LIKE public.{} INCLUDING DEFAULTS INCLUDING CONSTRAINTS"
_ATTEMPTS: Final = 10
"""How often a batch of copies is tried that others hold up."""

# The trigger that repeats changes is there, the columns are the same, and so are partitions to be made.
_GOES_ON: Final = f"""
SELECT to_regclass('{MOVING}.' || $1) IS NOT NULL
    AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass($1 || '_default')
        AND tgname = '{_TRIGGER}' AND tgenabled = 'O')
    AND NOT EXISTS (
        SELECT attname, atttypid, attnotnull FROM pg_attribute
        WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
        EXCEPT SELECT attname, atttypid, attnotnull FROM pg_attribute
        WHERE attrelid = to_regclass('{MOVING}.' || $1) AND attnum > 0 AND NOT attisdropped)
    AND NOT EXISTS (
        SELECT FROM pg_inherits JOIN pg_class AS copy ON copy.oid = inhrelid
        WHERE inhparent = to_regclass('{MOVING}.' || $1) AND copy.relname <> $1 || '_default'
            AND to_regclass('public.' || quote_ident(copy.relname)) IS NOT NULL)
    AND NOT EXISTS (
        SELECT FROM unnest($2::text[]) AS wanted
        WHERE to_regclass('{MOVING}.' || quote_ident(wanted)) IS NULL)
"""

_PIECES: Final = f"""
SELECT part.relname::text AS name, pg_get_expr(part.relpartbound, part.oid) AS bound
FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid
WHERE inhparent = to_regclass('{MOVING}.' || $1) ORDER BY part.relname
"""

_SIBLINGS: Final = """
SELECT substring(pg_get_expr(relpartbound, part.oid) FROM 'FROM \\(''(.*?)''\\)') AS low,
    substring(pg_get_expr(relpartbound, part.oid) FROM 'TO \\(''(.*?)''\\)') AS high
FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid
WHERE inhparent = $1::regclass AND pg_get_expr(relpartbound, part.oid) <> 'DEFAULT'
"""

# As `ccgraph_create_partition` has it; a DEFAULT partition keeps its own.
_STORAGE: Final = """
SELECT COALESCE('WITH (' || array_to_string(CASE
    WHEN relname = $2 THEN reloptions
    WHEN $1 IN ('notification_history', 'file_operations')
    THEN ARRAY['autovacuum_vacuum_threshold=500', 'autovacuum_analyze_threshold=250']
    ELSE ARRAY['autovacuum_vacuum_threshold=1000', 'autovacuum_analyze_threshold=500']
END, ', ') || ')', '')
FROM pg_class WHERE oid = to_regclass($1 || '_default')
"""

# Whose DEFAULT partition is being copied, or was until a run was killed.
_BEGUN: Final = f"""
SELECT relname::text FROM pg_class WHERE relnamespace = to_regnamespace('{MOVING}') AND relkind = 'p'
UNION SELECT replace(relname, '_default', '') FROM pg_class
WHERE relnamespace = to_regnamespace('{MOVED}') AND relkind = 'r'
    OR oid IN (SELECT tgrelid FROM pg_trigger WHERE tgname = '{_TRIGGER}')
"""

_FOREIGN_KEYS: Final = """
SELECT quote_ident(conname) AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
WHERE conrelid = $1::regclass AND contype = 'f' ORDER BY conname
"""

_SEARCHED: Final = """
SELECT indexrelid::regclass::text FROM pg_index
WHERE indrelid = $1::regclass AND pg_get_expr(indexprs, indrelid) LIKE '%ccgraph_tsvector(%'
"""


@dataclass(frozen=True, slots=True)
class Piece:
    """A partition that will be there: rows from `low` on and before `high`."""

    name: str
    low: datetime
    high: datetime


async def make_partitions(work: Work) -> None:
    """Make those of the coming months and days that are missing.

    Raises: InUse after the others, where some tables are in use for longer than users are to wait.
    """
    missing: dict[str, list[Piece]] = {}
    for parent, *piece in await work.connection.fetch(_PLANNED, work.at, MONTHS_AHEAD, DAYS_AHEAD):
        missing.setdefault(parent, []).append(Piece(*piece))
    held = False
    if not work.dry:
        for (parent,) in await work.connection.fetch(_BEGUN):
            try:
                if parent not in missing:
                    await Move(work, parent).give_up()
            except InUse:
                held = True
    for parent, pieces in missing.items():
        if work.dry:
            work.done[parent] += len(pieces)
            continue
        try:
            if not await _made_at_once(work, parent, pieces):
                await Move(work, parent).run(pieces)
        except InUse:
            held = True
    if held:
        raise InUse


async def _made_at_once(work: Work, parent: str, pieces: Sequence[Piece]) -> bool:
    """Make partitions, each in one transaction; False where the DEFAULT one holds too much for that."""
    size = await work.connection.fetchval(
        f"SELECT pg_relation_size('{parent}_default') + CASE WHEN to_regclass('{MOVING}.{parent}') IS NULL"
        f" THEN 0 ELSE {LARGEST_AT_ONCE + 1} END"
    )
    if size > LARGEST_AT_ONCE:
        return False
    for piece in pieces:

        async def create(piece: Piece = piece) -> None:
            async with work.short() as connection:
                if await connection.fetchval(
                    "SELECT ccgraph_create_partition($1, $2, $3, $4)",
                    *(parent, piece.name, piece.low, piece.high),
                ):
                    work.done[parent] += 1

        try:
            await work.patiently(create)
        except asyncpg.QueryCanceledError:
            return False
    return True


class Move:
    """Brings the rows of a DEFAULT partition into partitions of their own, in batches."""

    def __init__(self, work: Work, parent: str) -> None:
        self._work = work
        self._parent = parent
        self._default = f"{parent}_default"
        self._time = PARTITIONED[parent]
        [self._key] = [
            column.name for column in metadata.tables[parent].primary_key if column.name != self._time
        ]
        self._copies = f"{MOVING}.{parent}"

    async def run(self, planned: Sequence[Piece]) -> None:
        """Make the planned partitions, and those of past periods of which rows lie in the DEFAULT one.

        Raises: InUse where a table or a row is in use for longer than users are to wait; what is copied
        stays for the next run.
        """
        await self._clear()
        missing = [
            piece
            for piece in planned
            if await self._work.connection.fetchval("SELECT to_regclass($1) IS NULL", piece.name)
        ]
        if not missing:
            return
        if not await self._goes_on(missing):
            await self._begin(missing)
        await self._copy()
        self._work.done[self._parent] += await self._exchange()
        await self._clear()

    async def give_up(self) -> None:
        """Drop what an earlier run has left where no partition is missing any more. Raises: InUse."""
        await self._do(*self._without_copies)
        await self._clear()

    @property
    def _without_copies(self) -> tuple[str, ...]:
        return (
            f"DROP TABLE IF EXISTS {self._copies}",
            f"DROP TRIGGER IF EXISTS {_TRIGGER} ON {self._default}",
            f"DROP TRIGGER IF EXISTS {_TRIGGER}_truncate ON {self._default}",
        )

    async def _goes_on(self, missing: Sequence[Piece]) -> bool:
        """True if copies of an earlier run can be used."""
        found: bool = await self._work.connection.fetchval(
            _GOES_ON, self._parent, [piece.name for piece in missing]
        )
        return found

    async def _begin(self, missing: Sequence[Piece]) -> None:
        """Make empty tables for all rows, and the triggers that repeat changes in them."""
        fetch = self._work.connection.fetch
        await self._do(
            *self._without_copies,
            f"CREATE SCHEMA IF NOT EXISTS {MOVING}",
            f"CREATE TABLE {self._copies} ({_LIKE.format(self._parent)}) PARTITION BY RANGE ({self._time})",
            f"ALTER TABLE {self._copies} ADD PRIMARY KEY ({self._key}, {self._time})",
        )
        pieces = {piece.name: piece for piece in (*await self._filled(), *missing)}.values()
        times = [(piece.low.isoformat(), piece.high.isoformat()) for piece in pieces]
        siblings = [tuple(row) for row in await fetch(_SIBLINGS, self._parent)]
        # PostgreSQL attaches a table without reading it where its constraints say what it holds.
        outside = [f"({self._time} < '{low}' OR {self._time} >= '{high}')" for low, high in times + siblings]
        for piece, (low, high) in zip(pieces, times, strict=True):
            held = f"{self._time} >= '{low}' AND {self._time} < '{high}'"
            await self._add(piece.name, held, f"FOR VALUES FROM ('{low}') TO ('{high}')")
        await self._add(self._default, " AND ".join(outside), "DEFAULT")
        repeat = f"EXECUTE FUNCTION ccgraph_repeat_in_copy('{self._parent}', '{self._key}', '{self._time}')"
        await self._do(
            f"CREATE TRIGGER {_TRIGGER} AFTER INSERT OR UPDATE OR DELETE ON {self._default}"
            f" FOR EACH ROW {repeat}",
            f"CREATE TRIGGER {_TRIGGER}_truncate AFTER TRUNCATE ON {self._default}"
            f" FOR EACH STATEMENT {repeat}",
        )

    async def _add(self, name: str, held: str, bound: str) -> None:
        """A table for copies, with all that a partition of the parent has; `held` says of which rows."""
        table = f"{MOVING}.{name}"
        fetch = self._work.connection.fetch
        [(storage,)] = await fetch(_STORAGE, self._parent, name)
        [(comment,)] = await fetch(
            "SELECT quote_literal(obj_description($1::regclass, 'pg_class'))", self._parent
        )
        keys = await fetch(_FOREIGN_KEYS, self._parent)
        await self._do(
            f"CREATE TABLE {table} ({_LIKE.format(self._parent)} INCLUDING COMMENTS INCLUDING INDEXES)"
            f" {storage}",
            f"COMMENT ON TABLE {table} IS {comment}",
            f"ALTER TABLE {table} ADD CONSTRAINT {_HELD} CHECK ({held})",
            *(f"ALTER TABLE {table} ADD CONSTRAINT {key} {definition}" for key, definition in keys),
            f"ALTER TABLE {self._copies} ATTACH PARTITION {table} {bound}",
        )
        for (index,) in await fetch(_SEARCHED, table):
            await self._do(f"ALTER INDEX {index} ALTER COLUMN 1 SET STATISTICS 0")

    async def _filled(self) -> list[Piece]:
        daily = self._parent == "change_events"
        unit, pattern = ("day", "_YYYY_MM_DD") if daily else ("month", "_YYYY_MM")
        query = _FILLED.format(parent=self._parent, default=self._default, time=self._time, unit=unit)
        found = await self._work.connection.fetch(query, pattern)
        return [Piece(*row) for row in found[:_MOST_PIECES]]

    async def _copy(self) -> None:
        """Copy what is not copied yet. Each row is held meanwhile, so that no change of it gets lost."""
        blocks = await self._work.connection.fetchval(
            f"SELECT pg_relation_size('{self._default}') / current_setting('block_size')::bigint"
        )
        sizes = Sizes(size=16, most=2048)
        first = reached = 0

        async def batch() -> int:
            nonlocal reached
            reached = first + sizes.size
            async with self._work.short() as connection:
                return affected(
                    await connection.execute(copying(self._copies, self._default, first, reached))
                )

        while first < blocks:
            await self._work.patiently(partial(self._work.paced, batch, sizes), _ATTEMPTS)
            first = reached

    async def _exchange(self) -> int:
        """Let the copies take the place of the DEFAULT partition; gives how many partitions came."""
        fetch = self._work.connection.fetch
        pieces = await fetch(_PIECES, self._parent)
        for name, _ in pieces:
            await self._work.connection.execute(f"ANALYZE {MOVING}.{name}")
        statements = [
            f"LOCK TABLE ONLY {self._parent}, ONLY {self._default} IN ACCESS EXCLUSIVE MODE",
            f"ALTER TABLE {self._parent} DETACH PARTITION {self._default}",
            f"CREATE SCHEMA IF NOT EXISTS {MOVED}",
            f"ALTER TABLE {self._default} SET SCHEMA {MOVED}",
        ]
        for name, bound in pieces:
            statements += [
                f"ALTER TABLE {self._copies} DETACH PARTITION {MOVING}.{name}",
                f"ALTER TABLE {MOVING}.{name} SET SCHEMA public",
                f"ALTER TABLE {self._parent} ATTACH PARTITION {name} {bound}",
                f"ALTER TABLE {name} DROP CONSTRAINT {_HELD}",
            ]
        statements.append(f"DROP TABLE {self._copies}")
        await self._do(*statements)
        return len(pieces) - 1

    async def _clear(self) -> None:
        """Drop what the copies have taken the place of, here or in a run that was killed."""
        await self._do(f"DROP TABLE IF EXISTS {MOVED}.{self._default}")
        for schema in (MOVED, MOVING):
            with suppress(asyncpg.DependentObjectsStillExistError):
                await self._do(f"DROP SCHEMA IF EXISTS {schema}")

    async def _do(self, *statements: str) -> None:
        """Run statements as one, within a second, or none of them. Raises: InUse."""

        async def once() -> None:
            async with self._work.short() as connection:
                await connection.execute(f"DO $do$ BEGIN {'; '.join(statements)}; END $do$")

        await self._work.patiently(once, _ATTEMPTS, also=asyncpg.QueryCanceledError)


def copying(copies: str, default: str, first: int, end: int) -> str:
    """SQL that copies and holds the rows of the DEFAULT partition from block `first` up to block `end`."""
    return (
        f"INSERT INTO {copies} SELECT * FROM ONLY {default}"
        f" WHERE ctid >= '({first},0)'::tid AND ctid < '({end},0)'::tid"
        " FOR SHARE ON CONFLICT DO NOTHING"
    )
