"""Appends up to 5,000 rows to a log in one statement, all or nothing."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from uuid_utils.compat import uuid7

from services.core.database import WriteConnection, affected, driver
from services.core.errors import BadInput, Conflict
from services.core.timestamps import EARLIEST, LAST
from services.writing.action import Transaction
from services.writing.constraints import explained
from services.writing.declaration import WritableTable
from services.writing.references import verify
from services.writing.rows import Key, Stored, stored_rows
from services.writing.tables import TABLES
from services.writing.values import sql_type

MAX_ROWS: Final = 5_000
_LAST: Final = (LAST - EARLIEST) // timedelta(milliseconds=1)
"""Milliseconds since 1970 at the end of the year 9999."""


async def append(
    transaction: Transaction,
    table_name: str,
    rows: Sequence[Mapping[str, object]],
    prefixes: Sequence[str] | None = None,
) -> list[Key]:
    """Append rows, each given by column name, and return their keys in order.

    A row whose UUID the caller chose is appended once; its time is that of a UUIDv7 unless it is given.
    `prefixes` name the rows in the input, `input.rows.3` by default. Raises: the errors of `create`, for the
    first row concerned; then nothing is stored.
    """
    table = TABLES[table_name]
    places = prefixes or [f"input.rows.{index}" for index in range(len(rows))]
    if not rows:
        raise BadInput("Give at least one row.", field="input.rows")
    if len(rows) > MAX_ROWS:
        raise BadInput(f"One call takes at most {MAX_ROWS:,} rows; send them in parts.", field="input.rows")
    stored = await stored_rows(transaction.principal, table, rows, places, transaction.vault)
    chosen = table.client_key is not None and _complete(table, table.client_key.name, stored, places)
    await verify(transaction.connection, transaction.principal, table, stored, places)
    by_columns: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, values in enumerate(stored):
        by_columns[tuple(values)].append(index)
    keys: dict[int, Key] = {}
    with explained(table.table, "input.rows"):
        for columns, indexes in by_columns.items():
            new = [stored[index] for index in indexes]
            inserted = await _insert(transaction.connection, table, columns, new, chosen=chosen)
            keys |= zip(indexes, inserted, strict=True)
    return [keys[index] for index in range(len(rows))]


def _complete(table: WritableTable, key_name: str, rows: Sequence[Stored], places: Sequence[str]) -> bool:
    """Give each row its key and time here, so that a repetition is the same row.

    Whether the caller chose any of the keys: only then can a row exist already.
    """
    chosen = False
    for row, place in zip(rows, places, strict=True):
        if key_name not in row:
            row[key_name] = uuid7()
            continue
        chosen = True
        if "created_at" not in row:
            key: UUID = row[key_name]
            if key.version != 7:
                raise BadInput("Give a UUIDv7, or the time with it.", field=f"{place}.createdAt")
            milliseconds = key.int >> 80
            if milliseconds > _LAST:
                raise BadInput("The time in this UUIDv7 is after the year 9999.", field=f"{place}.id")
            row["created_at"] = EARLIEST + timedelta(milliseconds=milliseconds)
    return chosen


async def _insert(
    connection: WriteConnection,
    table: WritableTable,
    columns: Sequence[str],
    rows: Sequence[Stored],
    *,
    chosen: bool,
) -> list[Key]:
    """The keys of the rows, in their order."""
    arrays = [[row[name] for row in rows] for name in columns]
    raw = await driver(connection)
    statement = _insertion(table, columns, chosen=chosen)
    if table.client_key is None:
        inserted = await raw.fetch(statement, *arrays)
        return sorted(row[0] for row in inserted)  # the database counts in the order of the rows
    status = await raw.execute(statement, *arrays)
    if chosen and affected(status) < len(rows):
        await _require_same(connection, table, columns, arrays, _arrays(table, columns))
    return [row[table.client_key.name] for row in rows]


def _insertion(table: WritableTable, columns: Sequence[str], *, chosen: bool) -> str:
    """The statement that stores rows with these columns, each parameter an array.

    `INSERT INTO cc_logs (id, message) SELECT id, message FROM unnest($1::UUID[], $2::TEXT[])
    AS given(id, message) ON CONFLICT DO NOTHING`
    """
    names = ", ".join(columns)
    insert = f"INSERT INTO {table.name} ({names}) SELECT {names} FROM unnest({_arrays(table, columns)})"
    if table.client_key is None:
        ordered = f"{insert} WITH ORDINALITY AS given({names}, position) ORDER BY position"
        return f"{ordered} RETURNING {table.key.name}"
    return f"{insert} AS given({names}) {'ON CONFLICT DO NOTHING' if chosen else ''}"


def _arrays(table: WritableTable, columns: Sequence[str]) -> str:
    return ", ".join(
        f"${number}::{sql_type(table.table.c[name])}[]" for number, name in enumerate(columns, start=1)
    )


async def _require_same(
    connection: WriteConnection,
    table: WritableTable,
    columns: Sequence[str],
    arrays: Sequence[Sequence[object]],
    places: str,
) -> None:
    """`Conflict` when a row under one of the given keys has other content."""
    same = " AND ".join(f"t.{name} IS NOT DISTINCT FROM given.{name}" for name in columns)
    result = await connection.exec_driver_sql(
        f"SELECT count(*) FROM unnest({places}) AS given({', '.join(columns)})"
        f" JOIN {table.name} t ON t.id = given.id AND t.created_at = given.created_at WHERE NOT ({same})",
        tuple(arrays),
    )
    if result.scalar_one():
        raise Conflict(
            f"A {table.noun} with one of these keys and other content exists; choose new UUIDs.",
            field="input.rows",
        )
