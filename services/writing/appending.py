"""Appends up to 5,000 rows to a log in one statement, all or nothing."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from uuid_utils.compat import uuid7

from services.constraints import explained
from services.database import WriteConnection
from services.errors import BadInput, Conflict
from services.principal import Principal
from services.writing.references import verify
from services.writing.rows import Stored, stored_values
from services.writing.tables import TABLES, WritableTable
from services.writing.values import sql_type

MAX_ROWS: Final = 5_000


async def append(
    connection: WriteConnection,
    principal: Principal,
    table_name: str,
    rows: Sequence[Mapping[str, object]],
    prefixes: Sequence[str] | None = None,
) -> list[Any]:
    """Append rows, each given by column name, and return their keys in order.

    A row whose UUID the caller chose is appended once; its time is that of a UUIDv7 unless it is given.
    `prefixes` name the rows in the input, `input.rows.3` by default. Raises the errors of `create`, for the
    first row concerned; then nothing is stored.
    """
    table = TABLES[table_name]
    places = prefixes or [f"input.rows.{index}" for index in range(len(rows))]
    if not rows:
        raise BadInput("Give at least one row.", field="input.rows")
    if len(rows) > MAX_ROWS:
        raise BadInput(f"One call takes at most {MAX_ROWS:,} rows; send them in parts.", field="input.rows")
    stored = [
        _completed(table, stored_values(principal, table, row, place), place)
        for row, place in zip(rows, places, strict=True)
    ]
    await verify(connection, principal, table, stored, places)
    by_columns: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, values in enumerate(stored):
        by_columns[tuple(values)].append(index)
    keys: list[Any] = [None] * len(rows)
    with explained(table.table, "input.rows"):
        for columns, indexes in by_columns.items():
            new = await _insert(connection, table, columns, [stored[index] for index in indexes])
            for index, key in zip(indexes, new, strict=True):
                keys[index] = key
    return keys


def _completed(table: WritableTable, values: Stored, place: str) -> Stored:
    """A row of a table with UUID keys has its key and time here, so that a repetition is the same row."""
    if table.client_key is None:
        return values
    given = table.client_key.name in values
    key: UUID = values.setdefault(table.client_key.name, uuid7())
    if given and "created_at" not in values:
        if key.version != 7:
            raise BadInput("Give a UUIDv7, or the time with it.", field=f"{place}.createdAt")
        values["created_at"] = datetime.fromtimestamp((key.int >> 80) / 1000, UTC)
    return values


async def _insert(
    connection: WriteConnection, table: WritableTable, columns: Sequence[str], rows: Sequence[Stored]
) -> list[Any]:
    """The keys of the rows, in their order."""
    arrays = [[row[name] for row in rows] for name in columns]
    places = ", ".join(
        f"${number}::{sql_type(table.table.c[name])}[]" for number, name in enumerate(columns, start=1)
    )
    names = ", ".join(columns)
    result = await connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({names})"
        f" SELECT {names} FROM unnest({places}) WITH ORDINALITY AS given({names}, position)"
        f" ORDER BY position {'' if table.client_key is None else 'ON CONFLICT DO NOTHING'}"
        f" RETURNING {table.key.name}",
        tuple(arrays),
    )
    new = result.scalars().all()
    if table.client_key is None:
        return sorted(new)  # the database counts in the order of the rows
    if len(new) < len(rows):
        await _require_same(connection, table, columns, arrays, places)
    return [row[table.client_key.name] for row in rows]


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
