"""Connections on which events are judged and their rows loaded: no queries keep them busy.

There are three kinds of work, so that none is in the way of another: live events whose statements are quick,
those whose statements take long, and what connections that fell behind or resume are still to get.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TypeAlias

from services.core.database import Connection, Reader
from services.core.fair_shares import FairPlaces
from services.feed.dedicated_connection import Line

Lend: TypeAlias = Callable[[str], AbstractAsyncContextManager[Connection]]
"""Lends a connection on which to run the statement with this text."""

QUICK, SLOW, REPLAYS = 4, 3, 3
"""Connections for each kind of work, and so statements that run at the same time."""
CONNECTIONS = 2 + QUICK + SLOW + REPLAYS
"""Connections in all; two are for finding out who may see an event."""
QUICK_SECONDS = 0.25
"""A statement that takes longer is given up, to be run where the slow ones are."""


class TooSlow(Exception):
    """A statement took longer than the connections for quick ones allow."""


class Lanes:
    """`count` connections, of which one account uses `each` at most, for `limit` seconds at a time.

    A statement runs on the same connection wherever it can: preparing it, which is done once, takes longer.
    """

    def __init__(
        self, pool: Reader, count: int, each: int, limit: float | None = None, setting: str = ""
    ) -> None:
        self._lines = [Line(pool, setting) for _ in range(count)]
        self._places = FairPlaces(count, each)
        self._limit = limit

    def lender(self, account: Hashable, note: Callable[[float], None] | None = None) -> Lend:
        """Lends to this account, and notes the seconds of each loan."""
        return partial(self._lend, account, note)

    @asynccontextmanager
    async def _lend(
        self, account: Hashable, note: Callable[[float], None] | None, statement: str
    ) -> AsyncIterator[Connection]:
        clock = asyncio.get_running_loop().time
        preferred = hash(statement) % len(self._lines)
        async with (
            self._places.of(account, preferred=preferred) as number,
            self._lines[number].connection() as lent,
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
        for line in self._lines:
            await line.release()
