"""Tools of the steps of maintenance: a connection, a moment, batches that hold no lock for long."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeAlias, TypeVar

import asyncpg

from services.core.batches import LOCK_WAIT, LONGEST_SECONDS, MOST_FAILURES, Sizes
from services.core.database import Connection, Database, WriteConnection
from services.core.database_errors import driver_error

Connect: TypeAlias = Callable[[], Awaitable[Connection]]
"""Opens a connection of maintenance's own, so that it takes none from those who write."""
Done: TypeAlias = Counter[str]
"""How much was done, by what it was done to."""

T = TypeVar("T")

LONGEST_BATCH: Final = f"{1000 * LONGEST_SECONDS:.0f}ms"
REST: Final = 2.0
"""Seconds of rest for each second of work, so that users have most of the machine (docs/benchmarks.md)."""
_GENTLY: Final = "SKIP_LOCKED, TRUNCATE false, PARALLEL 0, INDEX_CLEANUP on"
"""How a vacuum holds no user up; it goes through indexes also where little is left to do in them."""
MOST_DEAD: Final = 500_000
"""Removed rows of a table that wait for a vacuum while there are more to remove."""
LONGEST_PAUSE: Final = 1.0
"""Seconds of rest after a batch, at most."""

_HELD_UP: Final = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)

IN_USE: Final = (
    "Another transaction holds rows or a table that this step needs; the next run goes on with it."
)


class InUse(Exception):
    """Error of a step when others hold what is left to do."""


class Superseded(Exception):
    """Another process has taken over this run."""


@dataclass(slots=True)
class Work:
    """The tools of a step. `at` is the moment that counts as now; `dry` says to count and change nothing.

    `done` is filled while the step works, so that what was done before an error is told as well.
    """

    database: Database
    connection: Connection
    at: datetime
    dry: bool
    silent_for: timedelta
    lost_after: timedelta
    done: Done = field(default_factory=Counter)
    _dead: Done = field(default_factory=Counter)

    async def count(self, what: str, query: str, *parameters: object) -> None:
        """Note what a query counts."""
        self.done[what] += await self.connection.fetchval(query, *parameters) or 0

    @asynccontextmanager
    async def short(self) -> AsyncIterator[Connection]:
        """A transaction that ends within a second, whatever it meets."""
        async with self.connection.transaction():
            await self.connection.execute(f"SET LOCAL statement_timeout = '{LONGEST_BATCH}'")
            yield self.connection

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[WriteConnection]:
        """The same as `short`, as services get their transactions."""
        async with self.database.transaction() as connection:
            await connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{LONGEST_BATCH}'")
            await connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
            yield connection

    async def patiently(
        self,
        try_once: Callable[[], Awaitable[T]],
        attempts: int = 5,
        also: type[Exception] = asyncpg.LockNotAvailableError,
    ) -> T:
        """Try again what has to wait for a lock, with rests in which the others get on.

        `also` is a further error after which it is tried again.

        Raises: InUse when it was never free.
        """
        for attempt in range(1, attempts + 1):
            try:
                return await try_once()
            except Exception as error:
                if not isinstance(driver_error(error), (*_HELD_UP, also)):
                    raise
            await asyncio.sleep(0.1 * attempt)
        raise InUse

    async def until_none(
        self, what: str, batch: Callable[[int], Awaitable[int]], sizes: Sizes, *, of: str | None = None
    ) -> None:
        """Run batches of rows until one finds nothing; `batch` gets how many and gives how many it did.

        `of` is the table in which they leave places behind.
        """
        while found := await self.paced(lambda: batch(sizes.size), sizes):
            self.done[what] += found
            if of is not None:
                await self.removed(of, found)

    async def rounds(self, what: str, change: Callable[[WriteConnection, int], Awaitable[int]]) -> None:
        """The same with what servers do in their rounds, too: `change` gets a transaction and how many."""

        async def batch(most: int) -> int:
            async with self.batch() as connection:
                return await change(connection, most)

        await self.until_none(what, batch, Sizes(size=200, most=2000))

    async def removed(self, table: str, rows: int) -> None:
        """Note that so many rows went from a table or a partition; vacuum it where they are many."""
        self._dead[table] += rows
        if self._dead[table] > MOST_DEAD:
            await self.vacuum(table)

    async def vacuum_all(self) -> None:
        """Vacuum what more than a few rows went from since the last time."""
        for table, rows in list(self._dead.items()):
            if rows > MOST_DEAD // 10:
                await self.vacuum(table)

    async def vacuum(self, table: str) -> None:
        """Free the places of removed rows and of what indexes say of them; no user has to wait for it.

        PostgreSQL's own comes a while later. Until then a query that an index leads to the oldest rows reads
        past all that were removed: after nine million, five seconds.
        """
        self._dead[table] = 0
        await self.connection.execute("SET vacuum_cost_delay = '2ms'")
        await self.connection.execute(f"VACUUM ({_GENTLY}) {table}")

    async def paced(self, batch: Callable[[], Awaitable[int]], sizes: Sizes) -> int:
        """One batch and a rest. One that takes too long is undone by PostgreSQL and tried again smaller.

        The smallest one is tried `MOST_FAILURES` times: a machine may be busy for a while.
        """
        smallest = 0
        while True:
            begun = time.perf_counter()
            try:
                found = await batch()
            except Exception as error:
                if not isinstance(driver_error(error), asyncpg.QueryCanceledError):
                    raise
                if not sizes.shrink() and (smallest := smallest + 1) == MOST_FAILURES:
                    raise
                await asyncio.sleep(LONGEST_PAUSE)  # those who waited for it go first
                continue
            took = time.perf_counter() - begun
            sizes.adapt(took)
            await asyncio.sleep(min(REST * took, LONGEST_PAUSE))
            return found
