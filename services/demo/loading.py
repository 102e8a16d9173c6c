"""Load the demo into an empty database: COPY, in one transaction, the same rows for the same seed."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TypeAlias

import asyncpg

from services.accounts.passwords import hash_password
from services.core.errors import BadInput, Conflict
from services.demo.row_counts import REFERENCE, figures_for
from services.demo.table_loads import Row, Shipment, shipments

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Progress = Callable[[str, int, int], None]
"""Called with a table, the rows sent so far and the rows expected, every few thousand rows and at the end."""

PASSWORD = "ccgraph-demo"  # noqa: S105 - it opens made-up data, on a loopback address only
"""What everybody has unless `load` is given another one; docs/demo.md tells it, so the world knows it."""
"""The password of every demo user."""

_REPORT_EVERY = 2_000
_PARTITIONED = ("cc_logs", "task_logs", "system_logs", "notification_history", "file_operations")
_KEPT_DAYS = 3_650


def _silent(table: str, done: int, expected: int) -> None:
    """Nobody watches."""


async def load(
    connection: Connection,
    *,
    scale: float,
    seed: int,
    until: datetime = REFERENCE,
    progress: Progress = _silent,
    password: str = PASSWORD,
) -> dict[str, int]:
    """Fill the tables and return the rows per table; the year described ends at `until`.

    Nothing depends on the clock: scale, seed, `until` and `password` decide every value. The connection must
    be outside a transaction and own the tables. Triggers rest meanwhile: what they keep (counts, times) is
    drawn up exactly, and a year of history is no news, so nothing goes to `change_events`. Foreign keys and
    CHECKs are in force. The retention of logs is raised to ten years, or maintenance would soon remove most.

    Raises BadInput for a scale out of range or an `until` without a time zone, Conflict when a table is not
    empty or somebody is writing; then nothing was changed.
    """
    figures = figures_for(scale)
    if until.tzinfo is None:
        raise BadInput("Give the end of the demo year with its time zone.")
    salt = hashlib.sha256(f"demo/{seed}".encode()).digest()[:16]
    drawn = list(shipments(figures, seed, until, await hash_password(password, salt=salt)))
    tables = [shipment.table for shipment in drawn]
    async with connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '3s'")
        await _take(connection, tables)
        await _make_room(connection, until)
        loaded = {shipment.table: await _send(connection, shipment, progress) for shipment in drawn}
        await _release(connection, tables)
        # A small sample does; autovacuum takes a large one later.
        await connection.execute("SET LOCAL default_statistics_target = 10")
        await connection.execute(f"ANALYZE {', '.join(tables)}")
    return loaded


async def _take(connection: Connection, tables: list[str]) -> None:
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
    await connection.execute(
        """
        UPDATE system_settings
        SET previous_value = setting_value, setting_value = to_jsonb($2::int), version = version + 1
        WHERE setting_key = 'archive.projects_after_days'
            OR setting_key = ANY (SELECT 'retention.' || parent || '_days' FROM unnest($1::text[]) AS parent)
        """,
        _PARTITIONED,
        _KEPT_DAYS,
    )


async def _send(connection: Connection, shipment: Shipment, progress: Progress) -> int:
    sent = 0

    def counted(rows: Iterable[Row]) -> Iterator[Row]:
        nonlocal sent
        for row in rows:
            yield row
            sent += 1
            if sent % _REPORT_EVERY == 0:
                progress(shipment.table, sent, max(sent, shipment.expected))

    await connection.copy_records_to_table(
        shipment.table, records=counted(shipment.rows), columns=shipment.columns
    )
    progress(shipment.table, sent, sent)
    return sent


async def _release(connection: Connection, tables: list[str]) -> None:
    """Set the triggers to work again and let identity columns go on after the highest number."""
    for table in tables:
        await connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    numbered = await connection.fetch(
        """
        SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = current_schema AND is_identity = 'YES' AND table_name = ANY($1)
        """,
        tables,
    )
    for table, column in numbered:
        await connection.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), max({column})) FROM {table}"
        )
