"""A pool of connections: acquiring one costs a tenth of what it costs in the pool of asyncpg."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, cast

import asyncpg

from app.database.statement_cache import PlanningConnection
from services.core.background import Tasks
from services.core.database import Connection

RESET_TIMEOUT = 10.0
"""Seconds for a connection to become fit for use after an error."""


class ConnectionPool:
    """Up to `most` connections, opened as they are needed; the one that was released last is used first.

    A connection that was released well is used again as it is: who acquires one leaves nothing behind in its
    session, or ends it. After an error it is reset first, and one that is lost is replaced. Those who have to
    wait are served in the order in which they came, or get a TimeoutError after `longest_wait` seconds. A
    connection that is older than `lifetime` seconds when it is released is closed.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        most: int,
        longest_wait: float | None = None,
        *,
        lifetime: float = math.inf,
    ) -> None:
        self._connect = connect
        self._most = most
        self._longest_wait = longest_wait
        self._lifetime = lifetime
        self._opened: dict[Connection, float] = {}
        self._opening = 0
        self._idle: list[Connection] = []
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._upkeep = Tasks()
        self._closing = False
        self._all_released = asyncio.Event()

    @property
    def in_use(self) -> int:
        """The number of connections that are acquired, or are being opened for those who acquire them."""
        return len(self._opened) + self._opening - len(self._idle)

    def drop(self) -> None:
        """End all connections at once; new ones are opened as they are needed."""
        for connection in self._opened:
            connection.terminate()

    def acquire(self) -> "Acquire":
        """A connection for the length of an `async with`; or awaited, until `release`.

        Raises: InterfaceError once the pool closes; TimeoutError; what opening a connection raises.
        """
        return Acquire(self)

    async def take(self) -> Connection:
        """A connection, as soon as one is free or can be opened; `acquire` bounds the wait."""
        while not self._closing:
            while self._idle:
                connection = self._idle.pop()
                if not connection.is_closed():
                    return connection
                self._opened.pop(connection, None)
            if len(self._opened) + self._opening < self._most:
                return await self._open()
            handed_over = await self._turn()
            if handed_over is not None:
                return handed_over
        raise asyncpg.InterfaceError("the connections are being closed")

    def release(self, connection: Connection, *, broken: bool = False) -> None:
        """Let others use it. `broken` says that an error or a cancellation ended what was being done."""
        if connection.is_closed():
            self._pass_on(connection)
        elif broken or connection.is_in_transaction():
            self._ready_again(connection, connection.reset(timeout=RESET_TIMEOUT))
        elif time.monotonic() - self._opened[connection] > self._lifetime:
            self._ready_again(connection, connection.close(timeout=RESET_TIMEOUT))
        elif getattr(connection, "spoiled", False):
            # asyncpg takes every connection for an instance of every class of connections.
            self._ready_again(connection, cast("PlanningConnection", connection).clean())
        else:
            self._pass_on(connection)

    async def fetchval(self, sql: str, *parameters: object) -> Any:
        """The first value of the first row of one statement."""
        async with self.acquire() as connection:
            return await connection.fetchval(sql, *parameters)

    async def close(self, within: float = 0.0) -> None:
        """End all connections; those in use may be released for `within` seconds."""
        self._closing = True
        while self._waiting:
            self._wake(None)
        self._note_all_released()
        try:
            async with asyncio.timeout(within):
                await self._all_released.wait()
                await asyncio.gather(*(connection.close() for connection in self._opened))
        except TimeoutError:
            self._upkeep.cancel()
            for connection in self._opened:
                connection.terminate()

    async def _open(self) -> Connection:
        self._opening += 1
        try:
            connection = await self._connect()
        except BaseException:
            self._opening -= 1
            self._pass_on(None)
            raise
        self._opening -= 1
        self._opened[connection] = time.monotonic()
        return connection

    async def _turn(self) -> "Connection | None":
        """Wait for a connection that comes back; None when there is room for a new one instead."""
        waiting: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        async with asyncio.timeout(self._longest_wait):
            try:
                return await waiting
            except asyncio.CancelledError:
                if not waiting.cancelled():
                    self._pass_on(waiting.result())
                raise

    def _ready_again(self, connection: Connection, work: Coroutine[Any, Any, None]) -> None:
        """Pass it on once the work is done."""
        self._upkeep.start(self._finish(connection, work), "upkeep of a connection")

    async def _finish(self, connection: Connection, work: Coroutine[Any, Any, None]) -> None:
        """End what does not manage the work.

        For whatever reason it does not: a place that is not passed on is lost to the pool. A reset cancels
        what still runs, ends the transaction and forgets the settings.
        """
        try:
            await work
        except Exception:
            connection.terminate()
        except BaseException:
            connection.terminate()
            raise
        finally:
            self._pass_on(connection)

    def _pass_on(self, connection: "Connection | None") -> None:
        """Pass a connection to the call that waited longest; None, or a lost one, lets it open a new one."""
        if connection is not None and connection.is_closed():
            self._opened.pop(connection, None)
            connection = None
        if not self._wake(connection) and connection is not None:
            self._idle.append(connection)
        if self._closing:
            self._note_all_released()

    def _wake(self, connection: "Connection | None") -> bool:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(connection)
                return True
        return False

    def _note_all_released(self) -> None:
        if len(self._idle) == len(self._opened) and not self._opening:
            self._all_released.set()


class Acquire:
    """The result of `acquire`: to be awaited, or the block in which a connection is used."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def __await__(self) -> Generator[Any, None, Connection]:
        """The connection, which has to be released whatever happens."""
        return self._pool.take().__await__()

    async def __aenter__(self) -> Connection:
        """The connection."""
        self._connection = await self._pool.take()
        return self._connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release it."""
        self._pool.release(self._connection, broken=kind is not None)
