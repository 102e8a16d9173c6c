"""The two ways to the database: planned reads on asyncpg, writing transactions on SQLAlchemy."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NewType, Protocol, TypeAlias, TypeVar

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.core.batching import Batcher
from services.core.fair_shares import FairShares

if TYPE_CHECKING:
    from services.core.replicas import Replicas

UNBOUNDED = 1_000_000

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
"""A connection as the driver has it, on which each statement that changes something is a transaction."""

WriteConnection = NewType("WriteConnection", AsyncConnection)
"""A connection inside a transaction that another one commits: services take it and never commit."""

Acquired = TypeVar("Acquired", covariant=True)


class ReadConnection(Protocol):
    """A connection for planned reads, on which PostgreSQL refuses changes.

    What changes something takes a `Connection` or a `WriteConnection`; mypy lets neither stand for the other.
    """

    async def fetch(self, query: str, /, *parameters: object) -> list[asyncpg.Record]:
        """All rows of one statement."""

    async def fetchrow(self, query: str, /, *parameters: object) -> asyncpg.Record | None:
        """The first row of one statement."""

    async def fetchval(self, query: str, /, *parameters: object) -> Any:
        """The first value of the first row of one statement."""

    def is_closed(self) -> bool:
        """True if the connection is lost."""

    def terminate(self) -> None:
        """End it without a word to the server."""


class PrimaryConnection(ReadConnection, Protocol):
    """One to the primary, where the feed also notes under which start of the server it reads."""

    async def execute(self, query: str, /) -> str:
        """Run statements that return nothing."""


class Pool(Protocol[Acquired]):
    """Connections, each used by one at a time (app/database/connection_pool.py)."""

    def acquire(self) -> AbstractAsyncContextManager[Acquired]:
        """A connection for the length of an `async with`."""

    async def fetchval(self, sql: str, *parameters: object) -> Any:
        """The first value of the first row of one statement."""


ReadPool: TypeAlias = Pool[ReadConnection]
PrimaryPool: TypeAlias = Pool[PrimaryConnection]
WritePool: TypeAlias = Pool[Connection]


async def driver(connection: WriteConnection) -> Connection:
    """The same connection as the driver has it, in the same transaction.

    For statements with thousands of values, each of which SQLAlchemy would look at. Errors are asyncpg's.
    """
    raw: Connection | None = (await connection.get_raw_connection()).driver_connection
    if raw is None or not raw.is_in_transaction():
        raise RuntimeError("The transaction begins with a statement through SQLAlchemy")
    return raw


def affected(status: str) -> int:
    """The number of rows in what PostgreSQL says of a statement: `INSERT 0 1000`."""
    return int(status.rpartition(" ")[2])


@dataclass(frozen=True, slots=True)
class Database:
    """`writer` runs services; `reader` runs planned statements of queries that no replica runs.

    `replicas` says which server a query is read from, None where there is the primary alone. `primary` runs
    planned statements that must see the last commit, such as the rows of events. `autocommit` runs single
    statements that change something and are a transaction by themselves
    (services/writing/single_statement.py), `batcher` lets those of the same moment be one. `checks` has
    connections for what each request needs before it runs, who the caller is and what is left of their quota,
    so that this waits for no other statement. `reading` and `writing` bound the
    statements and transactions of one person at a time. `after_commit` wakes the feed; it neither waits nor
    raises. `time_limit` is in seconds, for a transaction with all its statements: where PostgreSQL hangs, its
    own time-outs end nothing.
    """

    writer: AsyncEngine
    reader: ReadPool
    primary: PrimaryPool
    autocommit: WritePool
    checks: WritePool = field(kw_only=True)
    reading: FairShares = field(default_factory=lambda: FairShares(UNBOUNDED))
    writing: FairShares = field(default_factory=lambda: FairShares(UNBOUNDED))
    after_commit: Callable[[], None] = lambda: None
    batcher: Batcher = field(default_factory=Batcher)
    time_limit: float | None = None
    replicas: "Replicas | None" = None

    def wrote(self, person: int) -> None:
        """Note that a person may have written, so that no older data is read next; before they are told."""
        if self.replicas is not None:
            self.replicas.note_write(person)

    def note_position(self, person: int, position: int) -> None:
        """Note that a person must read no data older than this position of the primary's log."""
        if self.replicas is not None:
            self.replicas.note_position(person, position)

    async def position(self) -> int | None:
        """The position that the primary's log has reached at least; None where it is not needed or known."""
        return None if self.replicas is None else await self.replicas.position()

    @asynccontextmanager
    async def transaction(self, within: float | None = None) -> AsyncIterator[WriteConnection]:
        """One writing transaction: committed when the block ends, rolled back when it raises.

        Raises: TimeoutError after `within` seconds, by default after `time_limit`.
        """
        async with self.upkeep(within) as connection:
            yield connection
        self.after_commit()

    @asynccontextmanager
    async def upkeep(self, within: float | None = None) -> AsyncIterator[WriteConnection]:
        """A transaction of the server's own rounds, which seldom change anything that subscribers hear of.

        When one has, its caller calls `after_commit`, so that an idle server causes no wake-ups.
        """
        limit = self.time_limit if within is None else within
        async with asyncio.timeout(limit) as clock, self.writer.begin() as connection:
            try:
                yield WriteConnection(connection)
            except asyncio.CancelledError:
                if clock.expired() and not connection.invalidated:
                    raw = (await connection.get_raw_connection()).driver_connection
                    if raw is not None:
                        raw.terminate()  # to roll back would wait for the same server
                raise
