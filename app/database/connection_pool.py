"""Connections that are lent to one user at a time: a pool whose loan costs a tenth of one of asyncpg's."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any

import asyncpg

from services.core.database import Connection

RESET_TIMEOUT = 10.0
"""Seconds for a connection to become fit for use after an error."""


class Lender:
    """Lends up to `most` connections, the one that came back last first, and opens them as they are needed.

    A connection that comes back well is lent again as it is: whoever takes one leaves nothing behind in its
    session, or ends it. After an error it is reset first, and one that is lost is replaced. Those who have to
    wait are served in the order in which they came, or get a TimeoutError after `longest_wait` seconds.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[Connection]], most: int, longest_wait: float | None = None
    ) -> None:
        self._connect = connect
        self._most = most
        self._longest_wait = longest_wait
        self._all: set[Connection] = set()
        self._opening = 0
        self._idle: list[Connection] = []
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._resetting: set[asyncio.Task[None]] = set()
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
                self._all.discard(connection)
            if len(self._all) + self._opening < self._most:
                return await self._open()
            handed_over = await self._turn()
            if handed_over is not None:
                return handed_over
        raise asyncpg.InterfaceError("the connections are being closed")

    def give_back(self, connection: Connection, *, disturbed: bool = False) -> None:
        """The loan is over. `disturbed` says that an error or a cancellation ended what was being done."""
        if not connection.is_closed() and (disturbed or connection.is_in_transaction()):
            task = asyncio.create_task(self._reset(connection), name="reset of a connection")
            self._resetting.add(task)
            task.add_done_callback(self._resetting.discard)
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
                await asyncio.gather(*(connection.close() for connection in self._all))
        except TimeoutError:
            for task in self._resetting:
                task.cancel()
            for connection in self._all:
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
        self._all.add(connection)
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

    async def _reset(self, connection: Connection) -> None:
        """Cancel what still runs, end the transaction, forget the settings; end what does not manage that.

        For whatever reason it does not: a place that is not passed on is lost to the pool.
        """
        try:
            await connection.reset(timeout=RESET_TIMEOUT)
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
            self._all.discard(connection)
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
        if len(self._idle) == len(self._all) and not self._opening:
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
