"""Load the demo into an empty database: COPY, whole or not at all, the same rows for the same seed."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from services.accounts.passwords import hash_password
from services.core.errors import BadInput, Conflict
from services.demo.json_text import json_text
from services.demo.row_counts import REFERENCE, figures_for
from services.demo.staging import (
    SCHEMA,
    Another,
    Connection,
    Model,
    Stage,
    attach,
    model_of,
    staging,
    without_vector_statistics,
)
from services.demo.table_loads import Row, Shipment, shipments

Progress = Callable[[str, int, int], None]
"""Called with a table, the rows sent so far and the rows expected, every few thousand rows and at the end.

For a long table also with "indexes of" the table, the partitions that have theirs, and all partitions."""

PASSWORD = "ccgraph-demo"  # noqa: S105 - it opens made-up data, on a loopback address only
"""What everybody has unless `load` is given another one; docs/demo.md tells it, so the world knows it."""
"""The password of every demo user."""

MARK = "demo.loaded"
"""The setting that says that the demo was loaded into this database, and how."""

_REPORT_EVERY = 2_000
_LONG = 200_000
"""Rows from which a table's indexes are made after its rows: a table of few rows has them sooner at once."""
_PARTITIONED = ("cc_logs", "task_logs", "system_logs", "notification_history", "file_operations")
_GATHERED = ("file_operation_counts", "file_paths")
"""What triggers would have made of the rows of file_operations."""
_NOTE = """
INSERT INTO system_settings (setting_key, setting_value, data_type, category, description, is_readonly)
VALUES ($1, $2::jsonb, 'json', 'demo', 'The demo that is in this database; set by its load', true)
ON CONFLICT (setting_key) DO UPDATE SET setting_value = excluded.setting_value
"""
_FORGET_COUNTS = "DELETE FROM file_operation_counts"
_COUNT = """
INSERT INTO file_operation_counts (session_id, operation_type, operations)
SELECT session_id, operation_type, count(*) FROM file_operations
GROUP BY session_id, operation_type ORDER BY session_id, operation_type
"""
_FORGET_PATHS = "DELETE FROM file_paths"
_GATHER_PATHS = (
    "INSERT INTO file_paths (path) SELECT DISTINCT file_path FROM file_operations ORDER BY file_path"
)
_KEEP = """
UPDATE system_settings
SET previous_value = setting_value, setting_value = to_jsonb($2::int), version = version + 1
WHERE setting_key = 'archive.projects_after_days'
    OR setting_key = ANY (SELECT 'retention.' || parent || '_days' FROM unnest($1::text[]) AS parent)
"""
_KEEP_EVENTS = """
UPDATE system_settings
SET previous_value = setting_value, setting_value = to_jsonb($1::int), version = version + 1
WHERE setting_key = 'retention.change_events_days'
"""
_KEPT_DAYS = 3_650
_EVENTS_KEPT_DAYS = 1
"""A demo that is played makes as many events as it likes, and few of its subscribers come back after days."""


def _silent(table: str, done: int, expected: int) -> None:
    """Tell no progress."""


async def load(
    connection: Connection,
    *,
    scale: float,
    seed: int,
    until: datetime = REFERENCE,
    progress: Progress = _silent,
    password: str = PASSWORD,
    another: Another | None = None,
) -> dict[str, int]:
    """Fill the tables and return the rows per table; the year described ends at `until`.

    Nothing depends on the clock: scale, seed, `until` and `password` decide every value. The connection must
    be outside a transaction and own the tables. Triggers rest meanwhile: what they keep (counts, times) is
    drawn up exactly, and a year of history is no news, so nothing goes to `change_events`. Foreign keys and
    CHECKs are in force. The retention of logs is raised to ten years, or maintenance would soon remove most.

    With `another`, long tables are made beside the real ones over further connections (`staging`) and become
    visible with everything else; without it everything goes over `connection`.

    Raises: BadInput for a scale out of range or an `until` without a time zone, Conflict when a table is not
    empty or another transaction is writing; then nothing was changed.
    """
    figures = figures_for(scale)
    if until.tzinfo is None:
        raise BadInput("Give the end of the demo year with its time zone.")
    salt = hashlib.sha256(f"demo/{seed}".encode()).digest()[:16]
    drawn = list(shipments(figures, seed, until, await hash_password(password, salt=salt)))
    tables = [shipment.table for shipment in drawn]
    async with AsyncExitStack() as afterwards, connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '3s'")
        await _take(connection, tables)
        await _make_room(connection, until)
        if another is None or max(shipment.expected for shipment in drawn) < _LONG:
            loaded = await _send_all(connection, drawn, progress)
            await _release(connection, tables)
        else:
            stage = await afterwards.enter_async_context(staging(another))
            loaded = await _send_staged(connection, drawn, progress, stage, tables)
        await _mark(connection, scale, seed, until)
        loaded["file_operation_counts"] = await _count(connection)
        loaded["file_paths"] = await _gather_paths(connection)
        for table in _GATHERED:
            progress(table, loaded[table], loaded[table])
        # A small sample does; autovacuum takes a large one later.
        await connection.execute("SET LOCAL default_statistics_target = 10")
        await connection.execute(f"ANALYZE {', '.join([*tables, *_GATHERED])}")
    return {table: loaded[table] for table in (*tables, *_GATHERED)}


async def _send_staged(
    connection: Connection,
    drawn: Sequence[Shipment],
    progress: Progress,
    stage: Stage,
    tables: Sequence[str],
) -> dict[str, int]:
    """Long partitioned tables over the connections of `stage`, meanwhile the others over `connection`."""
    beside = [each for each in drawn if each.table in _PARTITIONED and each.expected >= _LONG]
    # Indexes are made while the next table is sent: the sooner there are any to make, the less is waited.
    beside.sort(key=lambda shipment: shipment.expected)
    models = {each.table: await model_of(connection, each.table) for each in beside}
    loaded: dict[str, int] = {}
    done: Counter[str] = Counter()

    def built(model: Model) -> None:
        done[model.table] += 1
        progress(f"indexes of {model.table}", done[model.table], len(model.months))

    async def send_beside() -> None:
        for shipment in beside:
            await stage.make(models[shipment.table])
            loaded[shipment.table] = await _send(stage.copying, shipment, progress, SCHEMA)
            stage.filled(models[shipment.table])
        stage.end()

    try:
        async with asyncio.TaskGroup() as working:
            working.create_task(send_beside())
            for builder in stage.builders:
                working.create_task(stage.build(builder, built))
            rest = [shipment for shipment in drawn if shipment not in beside]
            loaded |= await _send_all(connection, rest, progress)
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    await _release(connection, tables)
    for model in models.values():
        await attach(connection, model)
    return loaded


async def _send_all(connection: Connection, drawn: Sequence[Shipment], progress: Progress) -> dict[str, int]:
    """One table after the other; long ones get their indexes and foreign keys when their rows are there."""
    loaded = {}
    for shipment in drawn:
        bare = shipment.expected >= _LONG and shipment.table not in _PARTITIONED
        taken = await _strip(connection, shipment.table) if bare else None
        loaded[shipment.table] = await _send(connection, shipment, progress)
        if taken is not None:
            await _restore(connection, shipment.table, taken, progress)
    return loaded


@dataclass(frozen=True, slots=True)
class _Taken:
    """The definitions that a table had, as statements that make them again."""

    statements: tuple[str, ...]


async def _strip(connection: Connection, table: str) -> _Taken:
    """Take the indexes that serve no key, and the foreign keys, from an empty table."""
    references = await connection.fetch(
        """
        SELECT quote_ident(conname) AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
        WHERE conrelid = $1::text::regclass AND contype = 'f' ORDER BY conname
        """,
        table,
    )
    indexes = await connection.fetch(
        """
        SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index
        WHERE indrelid = $1::text::regclass
            AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
        ORDER BY indexrelid
        """,
        table,
    )
    for reference in references:
        await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {reference['name']}")
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['name']}")
    return _Taken(
        (
            *(index["definition"] for index in indexes),
            *(f"ALTER TABLE {table} ADD CONSTRAINT {key['name']} {key['definition']}" for key in references),
        )
    )


async def _restore(connection: Connection, table: str, taken: _Taken, progress: Progress) -> None:
    """Make what `_strip` took, which checks all rows at once."""
    await connection.execute("SET LOCAL maintenance_work_mem = '256MB'")
    for done, statement in enumerate(taken.statements, 1):
        await connection.execute(statement)
        progress(f"indexes of {table}", done, len(taken.statements))
    await without_vector_statistics(connection, table)


async def _mark(connection: Connection, scale: float, seed: int, until: datetime) -> None:
    """Note what was loaded: a live demo plays with nothing else (services/demo/live)."""
    await connection.execute(
        _NOTE, MARK, json_text({"scale": scale, "seed": seed, "until": until.isoformat()})
    )


async def _count(connection: Connection) -> int:
    """Draw up what the triggers of file_operations would have counted."""
    await connection.execute(_FORGET_COUNTS)
    done = await connection.execute(_COUNT)
    return int(done.split()[-1])


async def _gather_paths(connection: Connection) -> int:
    """Put the paths together that the triggers of file_operations would have added."""
    await connection.execute(_FORGET_PATHS)
    done = await connection.execute(_GATHER_PATHS)
    return int(done.split()[-1])


async def _take(connection: Connection, tables: Sequence[str]) -> None:
    """Let the triggers rest, which also keeps other writers out, and make sure that nothing is there."""
    try:
        for table in tables:
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    except asyncpg.LockNotAvailableError:
        raise Conflict(
            "The database is in use. Stop the servers and workers on it, then load the demo again."
        ) from None
    filled = [table for table in tables if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {table})")]
    if filled:
        raise Conflict(
            f"The demo is loaded into an empty database only, and there are rows in {', '.join(filled)}. "
            "Nothing was changed. Give another database (DATABASE_URL) or data directory (CCGRAPH_DATA_DIR)."
        )


async def _make_room(connection: Connection, until: datetime) -> None:
    """Monthly partitions for the year and the month before it, and a retention that leaves them alone."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtext('ccgraph partitions'))")
    await connection.execute(
        """
        SELECT ccgraph_create_partition(
            parent, parent || to_char(start, '_YYYY_MM'),
            start AT TIME ZONE 'UTC', (start + interval '1 month') AT TIME ZONE 'UTC')
        FROM unnest($1::text[]) AS parent,
            generate_series(
                date_trunc('month', $2::timestamptz AT TIME ZONE 'UTC') - interval '13 months',
                $2::timestamptz AT TIME ZONE 'UTC', interval '1 month') AS start
        """,
        _PARTITIONED,
        until,
    )
    await connection.execute(_KEEP, _PARTITIONED, _KEPT_DAYS)
    await connection.execute(_KEEP_EVENTS, _EVENTS_KEPT_DAYS)


async def _send(
    connection: Connection, shipment: Shipment, progress: Progress, schema: str | None = None
) -> int:
    sent = 0

    def counted(rows: Iterable[Row]) -> Iterator[Row]:
        nonlocal sent
        for row in rows:
            yield row
            sent += 1
            if sent % _REPORT_EVERY == 0:
                progress(shipment.table, sent, max(sent, shipment.expected))

    await connection.copy_records_to_table(
        shipment.table, schema_name=schema, records=counted(shipment.rows), columns=shipment.columns
    )
    progress(shipment.table, sent, sent)
    return sent


async def _release(connection: Connection, tables: Sequence[str]) -> None:
    """Set the triggers to work again and let identity columns go on after the highest number."""
    for table in tables:
        await connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    numbered = await connection.fetch(
        """
        SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = current_schema AND is_identity = 'YES' AND table_name = ANY($1)
        """,
        list(tables),
    )
    for table, column in numbered:
        await connection.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), max({column})) FROM {table}"
        )
