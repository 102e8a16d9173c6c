"""A connection of the primary pool kept for the feed, given back and taken anew when it breaks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import structlog

from services.core.database import Connection, Reader
from services.core.database_errors import is_away

log = structlog.get_logger(__name__)

T = TypeVar("T")

# A day's partition is young, so its size says nothing to the planner: it is to use the indexes always.
READ_EVENTS = "SET enable_seqscan = off"


class Line:
    """One user at a time. `retry` is in seconds; `setting` is what the connection is told first."""

    def __init__(self, pool: Reader, retry: float, setting: str = "") -> None:
        self._pool = pool
        self._retry = retry
        self._setting = setting
        self._busy = asyncio.Lock()
        self._held: Connection | None = None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """The connection with its setting; an error that leaves the block gives it up."""
        async with self._busy:
            try:
                if self._held is not None and self._held.is_closed():
                    await self.release()
                if self._held is None:
                    self._held = await self._pool.take()
                    if self._setting:
                        await self._held.execute(self._setting)
                yield self._held
            except BaseException:
                await self.release()
                raise

    async def insist(self, read: Callable[[Connection], Awaitable[T]]) -> T:
        """What `read` gets over the connection, tried until it succeeds: what is not read now waits."""
        while True:
            try:
                async with self.connection() as connection:
                    return await read(connection)
            except Exception as error:
                log.warning(
                    "feed_not_read", error=type(error).__qualname__, away=is_away(error), retry_in=self._retry
                )
            await asyncio.sleep(self._retry)

    async def release(self) -> None:
        """Give it up while nobody needs it; the pool must not get our setting, so it makes a new one."""
        held, self._held = self._held, None
        if held is not None:
            held.terminate()
            self._pool.give_back(held)
