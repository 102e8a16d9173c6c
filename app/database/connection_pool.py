"""Connections that are lent to one user at a time: a pool whose loan costs a tenth of one of asyncpg's."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, cast

import asyncpg

from app.database.statement_cache import PlanningConnection
from services.core.database import Connection

RESET_TIMEOUT = 10.0
"""Seconds for a connection to become fit for use after an error."""


class Lender:
    """Lends up to `most` connections, the one that came back last first, and opens them as they are needed.

    A connection that comes back well is lent again as it is: whoever takes one leaves nothing behind in its
    session, or ends it. After an error it is reset first, and one that is lost is replaced. Those who have to
    wait are served in the order in which they came, or get a TimeoutError after `longest_wait` seconds. A
    connection that is older than `lifetime` seconds when it comes back is closed.
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
        self._upkeep: set[asyncio.Task[None]] = set()
        self._closing = False
        self._all_back = asyncio.Event()

    def acquire(self) -> "Loan":
        """A connection for the length of an `async with`."""
        return Loan(self)

    async def take(self) -> Connection:
        """A connection, which has to be given back whatever happens.

        InterfaceError once the lender closes; whatever opening a connection raises.
        """
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

    def give_back(self, connection: Connection, *, disturbed: bool = False) -> None:
        """The loan is over. `disturbed` says that an error or a cancellation ended what was being done."""
        if connection.is_closed():
            self._pass_on(connection)
        elif disturbed or connection.is_in_transaction():
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

    async def close(self, patience: float = 0.0) -> None:
        """End all connections; what is lent may come back for `patience` seconds."""
        self._closing = True
        while self._waiting:
            self._wake(None)
        self._note_all_back()
        try:
            async with asyncio.timeout(patience):
                await self._all_back.wait()
                await asyncio.gather(*(connection.close() for connection in self._opened))
        except TimeoutError:
            for task in self._upkeep:
                task.cancel()
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
        task = asyncio.create_task(self._finish(connection, work), name="upkeep of a connection")
        self._upkeep.add(task)
        task.add_done_callback(self._upkeep.discard)

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
        """To whoever has waited longest; None, or a connection that is lost, lets them open a new one."""
        if connection is not None and connection.is_closed():
            self._opened.pop(connection, None)
            connection = None
        if not self._wake(connection) and connection is not None:
            self._idle.append(connection)
        if self._closing:
            self._note_all_back()

    def _wake(self, connection: "Connection | None") -> bool:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(connection)
                return True
        return False

    def _note_all_back(self) -> None:
        if len(self._idle) == len(self._opened) and not self._opening:
            self._all_back.set()


class Loan:
    """The block in which a connection is lent."""

    __slots__ = ("_connection", "_lender")

    def __init__(self, lender: Lender) -> None:
        self._lender = lender

    async def __aenter__(self) -> Connection:
        """The connection."""
        self._connection = await self._lender.take()
        return self._connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give it back."""
        self._lender.give_back(self._connection, disturbed=kind is not None)
