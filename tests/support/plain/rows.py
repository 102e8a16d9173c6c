"""Every row of the API's tables in memory, and what each person sees of them."""

from dataclasses import dataclass, field
from typing import Any

import asyncpg
import orjson

from gql.planner.catalog import Catalog, Column, TableType
from gql.planner.column_types import ColumnType
from tests.support.plain.visibility import Row, Seer, Sight
from tests.support.stored import stored


@dataclass(slots=True)
class World:
    """The rows by type, each table in the order of its key."""

    catalog: Catalog
    rows: dict[str, list[Row]]
    _sights: dict[Seer, Sight] = field(default_factory=dict)

    def visible(self, seer: Seer, type_name: str) -> list[Row]:
        """The rows that a viewer may see, in key order."""
        sight = self._sights.get(seer)
        if sight is None:
            tables = {table.table: self.rows[table.name] for table in stored(self.catalog)}
            sight = self._sights[seer] = Sight(tables, seer)
        return sight.rows(self.catalog.types[type_name].table)

    def value(self, seer: Seer, column: Column, row: Row) -> Any:
        """The value that a viewer reads in a column: of another person, null in whatever is private."""
        if column.private and not seer.is_admin and row["id"] != seer.user_id:
            return None
        value = row[column.name]
        if column.kind is ColumnType.JSON and value is not None:
            return orjson.loads(value)
        return value


async def read_world(connection: "asyncpg.Connection[asyncpg.Record]", catalog: Catalog) -> World:
    """Take every row of the API's tables into memory."""
    rows: dict[str, list[Row]] = {}
    for table in stored(catalog):
        rows[table.name] = await _read(connection, table)
    return World(catalog, rows)


async def _read(connection: "asyncpg.Connection[asyncpg.Record]", table: TableType) -> list[Row]:
    order = ", ".join(column.name for column in table.order)
    return [
        dict(record) for record in await connection.fetch(f"SELECT * FROM {table.table} ORDER BY {order}")
    ]
