"""Connections on which events are judged and their rows loaded: no queries keep them busy.

There are three kinds of work, so that none is in the way of another: live events whose statements are quick,
those whose statements take long, and what connections that fell behind or resume are still to get.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from itertools import cycle
from typing import TypeAlias

from services.core.cache import BoundedCache
from services.core.database import PrimaryConnection, PrimaryPool
from services.core.fair_shares import FairPlaces
from services.feed.dedicated_connection import DedicatedConnection

Acquire: TypeAlias = Callable[[str], AbstractAsyncContextManager[PrimaryConnection]]
"""Acquires a connection on which to run the statement with this text."""

QUICK, SLOW, REPLAYS = 4, 3, 3
"""Connections for each kind of work, and so statements that run at the same time."""
CONNECTIONS = 2 + QUICK + SLOW + REPLAYS
"""Connections in all; two are for finding out who may see an event."""
_KNOWN = 1_000
"""Statements of which it is known where they run."""
QUICK_SECONDS = 0.25
"""A statement that takes longer is given up, to be run where the slow ones are."""


class TooSlow(Exception):
    """A statement took longer than the connections for quick ones allow."""


class StatementConnections:
    """`count` connections, of which one account uses `each` at most, for `limit` seconds at a time.

    A statement runs on the same connection wherever it can: preparing it, which is done once, takes longer.
    """

    def __init__(
        self, pool: PrimaryPool, count: int, each: int, limit: float | None = None, setting: str = ""
    ) -> None:
        self._connections = [DedicatedConnection(pool, setting) for _ in range(count)]
        self._places = FairPlaces(count, each)
        self._limit = limit
        self._numbers = BoundedCache[int, int](_KNOWN)
        self._next = cycle(range(count))

    def for_account(self, account: Hashable, note: Callable[[float], None] | None = None) -> Acquire:
        """Acquires connections for this account, and notes the seconds of each use."""
        return partial(self._acquire, account, note)

    @asynccontextmanager
    async def _acquire(
        self, account: Hashable, note: Callable[[float], None] | None, statement: str
    ) -> AsyncIterator[PrimaryConnection]:
        clock = asyncio.get_running_loop().time
        preferred = self._preferred(statement)
        async with (
            self._places.of(account, preferred=preferred) as number,
            self._connections[number].connection() as lent,
        ):
            started = clock()
            try:
                async with asyncio.timeout(self._limit) as deadline:
                    yield lent
            except TimeoutError:
                if deadline.expired():
                    raise TooSlow from None
                raise
            if note is not None:
                note(clock() - started)

    async def release(self) -> None:
        """Give the connections up."""
        for connection in self._connections:
            await connection.release()

    def _preferred(self, statement: str) -> int:
        """The number of the connection for a statement: given in turn, so that each has as many."""
        number = self._numbers.get(hash(statement))
        if number is None:
            number = self._numbers[hash(statement)] = next(self._next)
        return number
