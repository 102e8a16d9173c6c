"""Writes and removes many rows of a table in a few statements, with secrets masked as columns declare."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Column, String
from sqlalchemy.dialects.postgresql import JSONB

from models import metadata
from services.core.database import Connection
from services.core.json_codec import write_json
from services.secrets.masking import mask_all, off_the_loop
from services.writing.values import sql_type

Rows = Mapping[UUID, Mapping[str, Any]]
"""By key, the values by column."""

_MOST_ROWS: Final = 5_000
"""Rows of one statement."""

_REMOVE: Final = "DELETE FROM {} WHERE id = ANY($1::uuid[])"

_CLEAR: Final = frozenset(["id", "session_id", "claude_session_id"])


async def concealed(table: str, rows: Rows) -> dict[UUID, dict[str, Any]]:
    """The rows with secrets replaced, texts as long as their columns take, and JSON as its text."""
    places = _masked_columns(table)
    given = [
        (key, name, value)
        for key, row in rows.items()
        for name, value in row.items()
        if name in places and value is not None
    ]
    size = sum(len(value) if isinstance(value, str) else 200 for _, _, value in given)
    hidden = await off_the_loop(size, mask_all, [value for _, _, value in given])
    stored = {key: dict(row) for key, row in rows.items()}
    for (key, name, _), value in zip(given, hidden, strict=True):
        longest = places[name]
        if longest is None:
            stored[key][name] = write_json(value).decode()
        else:
            stored[key][name] = str(value)[:longest]
    return stored


@cache
def _masked_columns(table: str) -> Mapping[str, int | None]:
    """Columns whose secrets are masked: texts with their length, JSON with None."""
    found: dict[str, int | None] = {}
    for column in metadata.tables[table].c:
        if isinstance(column.type, JSONB):
            found[column.name] = None
        elif type(column.type) is String or _is_text(column):
            found[column.name] = getattr(column.type, "length", None) or 1_000_000
    return {name: length for name, length in found.items() if name not in _CLEAR}


def _is_text(column: "Column[Any]") -> bool:
    return isinstance(column.type, String)


async def insert(raw: Connection, table: str, rows: Rows, *, key: str = "id") -> set[UUID]:
    """Insert rows that have the same columns; the keys of those that were not there."""
    found: set[UUID] = set()
    for part in _parts(rows):
        sql = insertion(table, [*next(iter(part.values()))], key)
        found |= {row[0] for row in await raw.fetch(sql, *_columns(part))}
    return found


def insertion(table: str, names: Sequence[str], key: str) -> str:
    """SQL that inserts rows, given as an array for the key and for each column, where they are not there."""
    columns = [key, *names]
    return (
        f"INSERT INTO {table} ({', '.join(columns)})"
        f" SELECT * FROM unnest({_arrays(table, columns)}) ON CONFLICT DO NOTHING RETURNING {key}"
    )


async def upsert(
    raw: Connection,
    table: str,
    rows: Rows,
    *,
    key: str = "id",
    fixed: Sequence[str] = (),
    joined: Mapping[str, str] | None = None,
    guard: str = "true",
) -> set[UUID]:
    """Write rows that have the same columns; the keys of those that were new or changed.

    Of a row that is there the columns in `fixed` stay; `joined` has SQL about `known` and `excluded` for
    columns that are not simply replaced. One for which `guard`, SQL about both, is not true stays as it is.
    """
    found: set[UUID] = set()
    for part in _parts(rows):
        names = [*next(iter(part.values()))]
        values = {name: (joined or {}).get(name, f"excluded.{name}") for name in names if name not in fixed}
        sql = replacement(table, names, key, values, guard)
        found |= {row[0] for row in await raw.fetch(sql, *_columns(part))}
    return found


def replacement(table: str, names: Sequence[str], key: str, values: Mapping[str, str], guard: str) -> str:
    """SQL that inserts rows, given as `insertion` takes them, or assigns `values` to those that are there."""
    columns = [key, *names]
    return (
        f"INSERT INTO {table} AS known ({', '.join(columns)})"
        f" SELECT * FROM unnest({_arrays(table, columns)})"
        f" ON CONFLICT ({key}) DO UPDATE SET {', '.join(f'{n} = {v}' for n, v in values.items())}"
        f" WHERE ({', '.join(f'known.{n}' for n in values)})"
        f" IS DISTINCT FROM ({', '.join(values.values())}) AND ({guard}) RETURNING {key}"
    )


async def patch(
    raw: Connection, table: str, rows: Rows, instances: Iterable[UUID], owner_column: str = "cc_instance_id"
) -> None:
    """Change of each row the columns that it names, where the row belongs to one of the instances."""
    of_instances = list(instances)
    for part in _parts(rows):
        columns = list(dict.fromkeys(name for row in part.values() for name in row))
        masks = [
            sum(1 << place for place, name in enumerate(columns) if name in row) for row in part.values()
        ]
        arrays = [[row.get(name) for row in part.values()] for name in columns]
        await raw.execute(patching(table, columns, owner_column), of_instances, list(part), masks, *arrays)


def patching(table: str, columns: Sequence[str], owner_column: str) -> str:
    """SQL that changes rows of the instances $1: a row's mask has a bit for each column that it changes."""
    assigned = ", ".join(
        f"{name} = CASE WHEN (given.mask & {1 << place}) <> 0 THEN given.{name} ELSE known.{name} END"
        for place, name in enumerate(columns)
    )
    given = ", ".join(
        f"${number}::{sql_type(metadata.tables[table].c[name])}[]"
        for number, name in enumerate(columns, start=4)
    )
    return (
        f"UPDATE {table} AS known SET {assigned}"
        f" FROM unnest($2::uuid[], $3::int[], {given}) AS given (id, mask, {', '.join(columns)})"
        f" WHERE known.id = given.id AND known.{owner_column} = ANY($1::uuid[])"
    )


async def remove(raw: Connection, table: str, keys: Collection[UUID]) -> None:
    """Delete rows by their keys."""
    await raw.execute(_REMOVE.format(table), [*keys])


def _parts(rows: Rows) -> Iterable[dict[UUID, Mapping[str, Any]]]:
    """The rows in the order of their keys, so that two calls with the same ones do not block each other."""
    keys = sorted(rows)
    for start in range(0, len(keys), _MOST_ROWS):
        yield {key: rows[key] for key in keys[start : start + _MOST_ROWS]}


def _arrays(table: str, columns: Sequence[str]) -> str:
    return ", ".join(
        f"${number}::{sql_type(metadata.tables[table].c[name])}[]"
        for number, name in enumerate(columns, start=1)
    )


def _columns(rows: Rows) -> list[list[Any]]:
    names = list(next(iter(rows.values())))
    return [list(rows), *([row[name] for row in rows.values()] for name in names)]
