"""Keeps websocket_sessions true for one process, writing together what comes together."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from types import TracebackType
from uuid import UUID

import structlog
from uuid_utils.compat import uuid7

from services.background import background
from services.database import Database
from services.websocket_sessions import (
    NewSession,
    close_lost_sessions,
    close_sessions,
    confirm_sessions,
    open_sessions,
)

log = structlog.get_logger(__name__)

_RETRY = 1.0


class SessionWriter:
    """A context manager around the life of the process; a thousand openings at once are a few statements.

    Every `confirm_every` seconds the process says that it is alive, and closes the sessions of processes that
    missed three such times.
    """

    def __init__(self, database: Database, confirm_every: float = 10.0) -> None:
        self._database = database
        self._confirm_every = confirm_every
        self._process_id = uuid7()
        self._opening: list[tuple[NewSession, asyncio.Future[None]]] = []
        self._closed: dict[UUID, int] = {}
        self._pending = asyncio.Event()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "SessionWriter":
        for work, name in ((self._write(), "session-writer"), (self._confirm(), "session-confirmer")):
            await self._stack.enter_async_context(background(work, name))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()
        await self._write_closed()

    async def open(self, session: NewSession) -> None:
        """Returns when the session is entered, so that others can address it."""
        entered = asyncio.get_running_loop().create_future()
        self._opening.append((session, entered))
        self._pending.set()
        await entered

    def close(self, session_id: UUID, code: int) -> None:
        """Note, soon, that the session ended."""
        self._closed[session_id] = code
        self._pending.set()

    async def _write(self) -> None:
        while True:
            await self._pending.wait()
            self._pending.clear()
            await self._write_opening()
            try:
                await self._write_closed()
            except Exception as error:
                log.warning("sessions_not_closed", error=type(error).__qualname__)
                await asyncio.sleep(_RETRY)
                self._pending.set()

    async def _write_opening(self) -> None:
        opening, self._opening = self._opening, []
        if not opening:
            return
        try:
            async with self._database.transaction() as connection:
                await open_sessions(connection, self._process_id, [session for session, _ in opening])
        except Exception as error:  # whoever connects is told, and tries again
            for _, entered in opening:
                if not entered.done():
                    entered.set_exception(error)
            return
        for _, entered in opening:
            if not entered.done():
                entered.set_result(None)

    async def _write_closed(self) -> None:
        if not self._closed:
            return
        closed = dict(self._closed)
        async with self._database.transaction() as connection:
            await close_sessions(connection, closed)
        for session_id in closed:
            del self._closed[session_id]

    async def _confirm(self) -> None:
        while True:
            await asyncio.sleep(self._confirm_every)
            try:
                async with self._database.transaction() as connection:
                    await confirm_sessions(connection, self._process_id)
                    await close_lost_sessions(connection, timedelta(seconds=3.5 * self._confirm_every))
            except Exception as error:
                log.warning("sessions_not_confirmed", error=type(error).__qualname__)
