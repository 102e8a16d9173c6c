"""A connection of the primary pool kept for reading the feed, given back and taken anew when it breaks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from services.database import Connection, Reader

# A day's partition is young, so its size says nothing to the planner: it is to use the indexes always.
_PREPARE = "SET enable_seqscan = off"

_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,
)


def is_away(error: BaseException) -> bool:
    """True when the database is restarting or cannot be reached, so that trying again helps."""
    return isinstance(error, _AWAY) and not isinstance(
        error, ValueError
    )  # asyncpg's ValueErrors are our mistakes


class Line:
    """One user at a time."""

    def __init__(self, pool: Reader) -> None:
        self._pool = pool
        self._busy = asyncio.Lock()
        self._held: Connection | None = None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """The connection, prepared for reading the feed; an error that leaves the block gives it up."""
        async with self._busy:
            try:
                if self._held is None:
                    self._held = await self._pool.take()
                    await self._held.execute(_PREPARE)
                yield self._held
            except BaseException:
                await self.release()
                raise

    async def release(self) -> None:
        """Give it up while nobody needs it; the pool must not get our setting, so it makes a new one."""
        held, self._held = self._held, None
        if held is not None:
            held.terminate()
            self._pool.give_back(held)
