"""Keeps websocket_sessions true for one process, writing together what comes together."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog
from uuid_utils.compat import uuid7

from services.core.background import Running, repeatedly
from services.core.database import Database
from services.core.retry import Backoff
from services.notifications.websocket_sessions import (
    NewSession,
    close_lost_sessions,
    close_sessions,
    confirm_sessions,
    open_sessions,
    reopen_sessions,
)

log = structlog.get_logger(__name__)

_CLOSE_AGAIN = Backoff(first=0.2, longest=2.0)
_CHANCES = 3
"""So often a process says that it is alive in the time after which it counts as dead."""


class SessionWriter(Running):
    """A context manager around the life of the process; a thousand openings at once are a few statements.

    The sessions of processes that were silent for `lost_after` are closed by those that are alive.
    """

    def __init__(self, database: Database, lost_after: timedelta) -> None:
        self._database = database
        self._lost_after = lost_after
        self._process_id = uuid7()
        self._open: set[UUID] = set()
        self._opening: list[tuple[NewSession, asyncio.Future[None]]] = []
        self._closed: dict[UUID, int] = {}
        self._pending = asyncio.Event()

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        confirm_every = self._lost_after.total_seconds() / _CHANCES
        confirming = partial(repeatedly, self._confirm, confirm_every, "sessions_not_confirmed")
        running = self.supervisor.running
        async with running(self._write, "session-writer"), running(confirming, "session-confirmer"):
            yield
        try:
            await self._write_closed()
        except Exception as error:  # then another process finds that this one is gone
            log.warning("sessions_not_closed", error=type(error).__qualname__)

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
        loop = asyncio.get_running_loop()
        failures = 0
        self._pending.set()  # for what the life before has left
        while True:
            await self._pending.wait()
            self._pending.clear()
            await self._write_opening()
            try:
                await self._write_closed()
                failures = 0
            except Exception as error:  # closed later, while others may open
                failures += 1
                log.warning("sessions_not_closed", error=type(error).__qualname__)
                loop.call_later(_CLOSE_AGAIN.delay(failures), self._pending.set)

    async def _write_opening(self) -> None:
        opening, self._opening = self._opening, []
        if not opening:
            return
        try:
            async with self._database.upkeep() as connection:
                await open_sessions(connection, self._process_id, [session for session, _ in opening])
        except Exception as error:  # whoever connects is told, and tries again
            _refuse(opening, error)
            return
        except BaseException:
            _refuse(opening, ConnectionAbortedError("the writer of sessions was ended"))
            raise
        for session, entered in opening:
            self._open.add(session.id)
            if not entered.done():
                entered.set_result(None)

    async def _write_closed(self) -> None:
        if not self._closed:
            return
        closed = dict(self._closed)
        async with self._database.upkeep() as connection:
            await close_sessions(connection, closed)
        self._open.difference_update(closed)
        for session_id in closed:
            del self._closed[session_id]

    async def _confirm(self) -> None:
        """Say that this process is alive, and close what others left behind.

        Where the database was away for long, others may have been faster to close ours.
        """
        async with self._database.upkeep() as connection:
            confirmed = await confirm_sessions(connection, self._process_id)
            if confirmed < len(self._open - self._closed.keys()):
                await reopen_sessions(connection, self._process_id, self._open - self._closed.keys())
            await close_lost_sessions(connection, self._lost_after)


def _refuse(opening: Sequence[tuple[NewSession, "asyncio.Future[None]"]], error: Exception) -> None:
    for _, entered in opening:
        if not entered.done():
            entered.set_exception(error)
