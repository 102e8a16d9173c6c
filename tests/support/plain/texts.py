"""Answers that the API has to give, of PostgreSQL's own texts: no time, number or JSON passes Python.

A cell comes as text (`column::text`, in UTC) and is spelt as the API's documents say. Numbers keep all their
digits, in the answer as in the expectation, so that a lost one is seen.
"""

import json
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final, TypeAlias

import asyncpg

from gql.planner.catalog import Catalog, Column, TableType
from gql.planner.column_types import ColumnType

Told: TypeAlias = dict[str, Any]
"""A row as the API tells it, by field."""

_TIME: Final = re.compile(r"(?P<day>\d+-\d\d-\d\d) (?P<time>[\d:.]+)\+00(?P<era> BC)?")


def exact(text: str | bytes) -> Any:
    """JSON in which every number has the digits that were written."""
    return json.loads(text, parse_float=Decimal)


def canonical(value: Any) -> str:
    """A text that is equal for equal JSON only: 1 and true differ, 1.5 and 1.500 do not."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=_number)


def _number(number: Decimal) -> int | str:
    """A whole number, or the digits of another one without zeros at the end."""
    return int(number) if number == number.to_integral_value() else f"{number:f}".rstrip("0")


def is_plain_json(value: Any, levels: int = 100) -> bool:
    """True if every program can hold the value: in few levels, numbers that a double or 64 bits can hold."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return levels > 0 and all(is_plain_json(each, levels - 1) for each in inner)
    if isinstance(value, Decimal):
        return Decimal(repr(float(value))) == value
    return not isinstance(value, int) or abs(value) < 2**63


def written(value: Any) -> str:
    """JSON text with the digits that `exact` read."""
    text = json.dumps(value, default=lambda number: f"\ue000{number}\ue000")
    return re.sub(r'"\\ue000(.*?)\\ue000"', r"\1", text)


def told(column: Column, cell: str | None) -> Any:
    """A cell as the API tells it."""
    if cell is None:
        return None
    match column.kind:
        case ColumnType.INT:
            return int(cell)
        case ColumnType.BOOLEAN:
            return cell == "true"
        case ColumnType.CHOICE:
            return cell.upper().replace("-", "_")
        case ColumnType.JSON:
            return exact(cell)
        case ColumnType.ADDRESS:
            return cell.partition("/")[0]
        case ColumnType.DATETIME:
            return moment(cell)
        case ColumnType.DECIMAL | ColumnType.FLOAT:
            return exact(cell)
        case _:
            return cell


def as_text(column: Column, expression: str) -> str:
    """SQL of the text that `told` takes; averages are floats in the API."""
    return (
        f"{expression}::double precision::text"
        if column.kind is ColumnType.DECIMAL
        else f"{expression}::text"
    )


def moment(cell: str) -> str:
    """`2026-03-01 12:00:00.5+00` is 2026-03-01T12:00:00.5+00:00."""
    found = _TIME.fullmatch(cell)
    if found is None:
        return cell
    return f"{found['day']}T{found['time']}+00:00{found['era'] or ''}"


class Texts:
    """The rows of a database, read by plain SQL over a connection whose time zone is UTC."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", catalog: Catalog) -> None:
        self.catalog = catalog
        self._connection = connection
        self._rows: dict[str, dict[str, Told]] = {}

    async def rows(self, table: TableType) -> dict[str, Told]:
        """All rows by what identifies them, in the order of the key."""
        if table.name not in self._rows:
            self._rows[table.name] = {identity(table, row): row for row in await self.read(table)}
        return self._rows[table.name]

    async def read(
        self,
        table: TableType,
        rest: str = "",
        *parameters: Any,
        columns: Iterable[Column] | None = None,
    ) -> list[Told]:
        """Columns of the rows of `FROM table t` and what follows, by default all in the order of the key."""
        chosen = list(table.columns.values() if columns is None else columns)
        listed = ", ".join(f"{as_text(column, f't.{column.name}')} AS {column.name}" for column in chosen)
        rest = rest or f"ORDER BY {by_key(table)}"
        found = await self.fetch(f"SELECT {listed} FROM {table.table} t {rest}", *parameters)
        return [{column.field: told(column, record[column.name]) for column in chosen} for record in found]

    async def identities(self, table: TableType, rest: str, *parameters: Any) -> list[str]:
        """The identities of these rows."""
        found = await self.read(table, rest, *parameters, columns=table.order)
        return [identity(table, row) for row in found]

    async def fetch(self, sql: str, *parameters: Any) -> list[asyncpg.Record]:
        """The rows of one statement."""
        return list(await self._connection.fetch(sql, *parameters))


def by_key(table: TableType) -> str:
    """The key of the table `t` as SQL's order."""
    return ", ".join(f"t.{column.name}" for column in table.order)


def is_sayable(cell: str) -> bool:
    """True if a caller can send the time or day: it lies in the years 1 to 9999."""
    return re.match(r"\d{4}-", cell) is not None and not cell.endswith("BC")


def identity(table: TableType, row: Told) -> str:
    """The key of a row that was told."""
    return canonical([row[column.field] for column in table.order])


def keys(table: TableType) -> str:
    """The fields that `identity` needs."""
    return " ".join(column.field for column in table.order)


def fields(table: TableType) -> str:
    """Every column."""
    return " ".join(table.columns)


def identities(table: TableType, nodes: Iterable[Told]) -> list[str]:
    """The identities of the rows of an answer, in its order."""
    return [identity(table, node) for node in nodes]
