"""The database as one person may know it: what they may not see is not there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

import models
from models import policy
from models.views import VIEWS
from services.core.database import Connection, PrimaryConnection, PrimaryPool
from tests.support.plain.rows import World
from tests.support.plain.visibility import Seer


async def narrow(connection: Connection, world: World, seer: Seer) -> None:
    """Put temporary tables and views before the real ones, with no trace of what the seer may not see."""
    tables = [table for table in world.catalog.types.values() if not table.is_view]
    for table in tables:
        await connection.execute(f"CREATE TEMP TABLE {table.table} AS SELECT * FROM public.{table.table}")
        names = [column.name for column in table.order]
        seen = {tuple(row[name] for name in names) for row in world.visible(seer, table.name)}
        keys = [tuple(row[name] for name in names) for row in world.rows[table.name]]
        condition = " AND ".join(f"{name} = ${number}" for number, name in enumerate(names, 1))
        await connection.executemany(
            f"DELETE FROM {table.table} WHERE {condition}", [key for key in keys if key not in seen]
        )
        for column in models.metadata.tables[table.table].columns:
            if column.name in policy.deciding_columns(table.table):
                continue  # it is hidden and says nothing but that the row is visible
            if column.info.get("hidden") or column.info.get("private"):
                whose = "true" if column.info.get("hidden") else f"id <> {seer.user_id}"
                await connection.execute(f"UPDATE {table.table} SET {column.name} = NULL WHERE {whose}")
    for definition in VIEWS.values():
        await connection.execute(definition.replace("CREATE OR REPLACE VIEW", "CREATE TEMP VIEW"))


class OneConnection:
    """A pool of one connection for reading."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[PrimaryConnection]:
        """The connection."""
        yield self._connection

    async def fetchval(self, sql: str, *parameters: object) -> Any:
        """The first value of the first row of one statement."""
        return await self._connection.fetchval(sql, *parameters)


@asynccontextmanager
async def narrowed(url: str, world: World, seer: Seer) -> AsyncIterator[PrimaryPool]:
    """A reader of what the seer may know."""
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    try:
        await narrow(connection, world, seer)
        yield OneConnection(connection)
    finally:
        await connection.close()
