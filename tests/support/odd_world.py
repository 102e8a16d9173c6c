"""Rows in every table with an odd value in every column, written by plain SQL.

Row by row each column goes through all odd values of its kind, NULL among them, and then begins anew, so that
every value is there and many are there twice. What a constraint refuses is left out.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import asyncpg
from sqlalchemy import Column, Table, UniqueConstraint

import models
from gql.planner.column_types import ColumnType, kind_of
from models.policy import RULES
from tests.support.odd_values import OF_KIND

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Cell: TypeAlias = "str | None"

ROWS = 30
CAST = {
    ColumnType.INT: "int",
    ColumnType.BIGINT: "bigint",
    ColumnType.TEXT: "text",
    ColumnType.CHOICE: "text",
    ColumnType.UUID: "uuid",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.DATETIME: "timestamptz",
    ColumnType.ADDRESS: "inet",
    ColumnType.JSON: "jsonb",
}
_COUNTED = frozenset({"total_sessions", "total_commits", "total_worktrees"})
"""Triggers add to these, so the largest of numbers comes into them last."""
_PEOPLE = (("reader", False), ("administrator", True))


@dataclass(slots=True)
class _Filler:
    connection: Connection
    keys: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    async def fill(self, table: Table) -> None:
        columns = [column for column in table.columns if not _is_left_out(column)]
        values = {column.name: _values(column) for column in columns}
        for number in range(ROWS):
            plain = {column.name: self._cell(column, number, ["plain"], values) for column in columns}
            odd = {column.name: self._cell(column, number, [], values) for column in columns}
            if await self._insert(table, odd):
                continue
            taken = dict(plain)
            for column in columns:
                tried = {**plain, column.name: odd[column.name]}
                if odd[column.name] != plain[column.name] and await self._insert(table, tried, stay=False):
                    taken[column.name] = odd[column.name]
            # Values that are taken one by one may not go together, and a unique one may be there already.
            await self._insert(table, taken) or await self._insert(table, plain)

    def _cell(
        self, column: "Column[Any]", number: int, only: list[str], values: dict[str, list[Cell]]
    ) -> Cell:
        for key in column.foreign_keys:
            found = self.keys[key.column.table.name, key.column.name]
            if not found or (column.nullable and number % 7 == 6):
                return None
            # Two columns that refer to the same table shall not always name the same row.
            return found[(number // 2 + len(column.name)) % len(found)]
        if column.table.name == "users" and column.name in ("username", "email"):
            return f"person_{number}" + ("@example.com" if column.name == "email" else "")
        known = values[column.name]
        cell = known[0] if only else known[number % len(known)]
        if cell is not None and _is_unique(column):
            match kind_of(column.type):
                case ColumnType.TEXT:
                    longest = getattr(column.type, "length", None) or 10**6
                    return f"{cell[: longest - 3]}{number}"
                case ColumnType.UUID:
                    return None if column.nullable else cell if number == known.index(cell) else ...  # type: ignore[return-value]
        return cell

    async def _insert(self, table: Table, row: dict[str, Any], *, stay: bool = True) -> bool:
        row = {name: cell for name, cell in row.items() if cell is not ...}
        places = ", ".join(
            f"${number}::text::{CAST[kind_of(table.c[name].type)]}" for number, name in enumerate(row, 1)
        )
        returned = ", ".join(f"{column.name}::text" for column in table.columns)
        sql = (
            f"INSERT INTO {table.name} ({', '.join(row)}) OVERRIDING SYSTEM VALUE VALUES ({places})"
            f" RETURNING {returned}"
        )
        transaction = self.connection.transaction()
        await transaction.start()
        try:
            stored = await self.connection.fetchrow(sql, *row.values())
        except asyncpg.PostgresError:
            await transaction.rollback()
            return False
        if not stay:
            await transaction.rollback()
            return True
        await transaction.commit()
        assert stored is not None
        for name, cell in stored.items():
            if cell is not None:
                self.keys[table.name, name].append(cell)
        return True


def _is_left_out(column: "Column[Any]") -> bool:
    """True if the column keeps its default."""
    if column.info.get("hidden"):
        return column.nullable or column.server_default is not None
    counted = column.table.name == "projects" and column.name in _COUNTED
    return counted or column.identity is not None


def _is_unique(column: "Column[Any]") -> bool:
    # The time of a partitioned table is in its key only because PostgreSQL wants it there.
    alone = column.unique or (column.primary_key and column.name != "created_at")
    together = any(
        column.name in constraint.columns
        for constraint in column.table.constraints
        if isinstance(constraint, UniqueConstraint)
    )
    indexed = any(index.unique and column.name in index.columns for index in column.table.indexes)
    return bool(alone or together or indexed)


def _values(column: "Column[Any]") -> list[Cell]:
    """The values that the column goes through, a plain value first."""
    choices = getattr(column.type, "enum_class", None)
    longest = getattr(column.type, "length", None) or 10**6
    if choices is not None:
        found: list[Cell] = [member.value for member in choices if len(member.value) <= longest]
    else:
        found = list(OF_KIND[kind_of(column.type)].values())
        if kind_of(column.type) is ColumnType.TEXT:
            found = [value[:longest] for value in found if value is not None]
    return [*found, None] if column.nullable and not column.primary_key else found


async def fill(connection: Connection) -> None:
    """Write the rows, and two people to ask about them: `reader`, and `administrator`, who is one."""
    await connection.execute("SET timezone TO 'UTC'")
    filler = _Filler(connection)
    for table in models.metadata.sorted_tables:
        if table.name in RULES and not table.info.get("view"):
            await filler.fill(table)
    for name, is_admin in _PEOPLE:
        await connection.execute(
            "INSERT INTO users (username, hashed_password, is_admin, resource_quota)"
            " VALUES ($1, 'x', $2, '{}')",
            name,
            is_admin,
        )
    for number, column in enumerate(sorted(_COUNTED)):
        await connection.execute(
            f"UPDATE projects SET {column} = (ARRAY[2147483647, -2147483648, 0, NULL])[(id + $1) % 4 + 1]"
            " WHERE updated_at < '9999-01-01'",  # an update has to be later than the one before
            number,
        )
