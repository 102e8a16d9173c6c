"""The two ways to the database: planned reads on asyncpg, writing transactions on SQLAlchemy."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NewType

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

WriteConnection = NewType("WriteConnection", AsyncConnection)
"""A connection inside a transaction that somebody else commits: services take it and never commit."""


@dataclass(frozen=True, slots=True)
class Database:
    """`writer` runs services; `reader` runs planned statements (a replica where one is configured).

    `primary` runs planned statements that must see the last commit, such as the rows of events; it is
    `reader` where there is no replica. `after_commit` wakes the feed; it neither waits nor raises.
    """

    writer: AsyncEngine
    reader: "asyncpg.Pool[asyncpg.Record]"
    primary: "asyncpg.Pool[asyncpg.Record]"
    after_commit: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[WriteConnection]:
        """One writing transaction: committed when the block ends, rolled back when it raises."""
        async with self.writer.begin() as connection:
            yield WriteConnection(connection)
        self.after_commit()

    async def fetch_json(self, sql: str, parameters: Sequence[object]) -> str:
        """Run one planned statement that returns one JSON text in one row and column."""
        async with self.reader.acquire() as connection:
            text: str = await connection.fetchval(sql, *parameters)
            return text
