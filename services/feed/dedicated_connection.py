"""A connection of the primary pool kept for the feed, given back and taken anew when it breaks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

from services.core.database import PrimaryConnection, PrimaryPool
from services.core.database_errors import is_away, is_transient
from services.core.retry import retry

T = TypeVar("T")

# A day's partition is young, so its size says nothing to the planner: it is to use the indexes always.
READ_EVENTS = "SET enable_seqscan = off"


class DedicatedConnection:
    """One user at a time. `setting` is what the connection is told first."""

    def __init__(self, pool: PrimaryPool, setting: str = "") -> None:
        self._pool = pool
        self._setting = setting
        self._busy = asyncio.Lock()
        self._held: PrimaryConnection | None = None
        self._release = AsyncExitStack()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[PrimaryConnection]:
        """The connection with its setting.

        A statement that PostgreSQL refuses, or that is cancelled, leaves it as it was; it is given up when
        the database is away, or when it could not be made ready.
        """
        async with self._busy:
            connection = await self._ready()
            try:
                yield connection
            except BaseException as error:
                if connection.is_closed() or is_away(error):
                    await self.release()
                raise

    async def _ready(self) -> PrimaryConnection:
        if self._held is not None and self._held.is_closed():
            await self.release()
        if self._held is None:
            self._held = await self._release.enter_async_context(self._pool.acquire())
            try:
                if self._setting:
                    await self._held.execute(self._setting)
            except BaseException:
                await self.release()
                raise
        return self._held

    async def retry(self, read: Callable[[PrimaryConnection], Awaitable[T]]) -> T:
        """The result of `read` over the connection, tried again while time mends what fails.

        Raises: any other error, so that the supervisor hears of it.
        """

        async def attempt() -> T:
            async with self.connection() as connection:
                return await read(connection)

        return await retry(attempt, "feed_not_read", helps=is_transient)

    async def release(self) -> None:
        """Give it up while it is not in use. The pool must not get our setting, so it makes a new one."""
        held, self._held = self._held, None
        if held is not None:
            held.terminate()
            await self._release.aclose()
