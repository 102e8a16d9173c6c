"""Keeps websocket_sessions true for one process, writing together what comes together."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from uuid import UUID

import asyncpg
import structlog
from uuid_utils.compat import uuid7

from services.core.background import Running, repeatedly
from services.core.batching import Batcher
from services.core.database import Database
from services.core.retry import Backoff, retry
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
_REFUSED = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)
"""One session cannot be entered, such as that of an account that was just deleted; the others can."""
_CHANCES = 3
"""So often a process says that it is alive in the time after which it counts as dead."""


class SessionWriter(Running):
    """A context manager around the life of the process; a thousand openings at once are a few statements.

    The sessions of processes that were silent for `lost_after` are closed by those that are alive. Closings
    are no items of a batcher: they are kept until they are written, also while the database is away.
    """

    def __init__(self, database: Database, lost_after: timedelta) -> None:
        self._database = database
        self._lost_after = lost_after
        self._process_id = uuid7()
        self._open: set[UUID] = set()
        self._batcher = Batcher()
        self._one_at_a_time = asyncio.Lock()
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
        await self._batcher.submit("open", session, self._enter, max_batch=None, separately_after=_REFUSED)

    def close(self, session_id: UUID, code: int) -> None:
        """Note, soon, that the session ended."""
        self._closed[session_id] = code
        self._pending.set()

    async def _enter(self, sessions: Sequence[NewSession]) -> Sequence[None]:
        async with self._one_at_a_time, self._database.upkeep() as connection:
            await open_sessions(connection, self._process_id, sessions)
        for session in sessions:
            self._database.wrote(session.user_id)
        self._open.update(session.id for session in sessions)
        return [None] * len(sessions)

    async def _write(self) -> None:
        self._pending.set()  # for what the life before has left
        while True:
            await self._pending.wait()
            self._pending.clear()
            await retry(
                self._write_closed, "sessions_not_closed", helps=lambda error: True, backoff=_CLOSE_AGAIN
            )

    async def _write_closed(self) -> None:
        if not self._closed:
            return
        # A session that is being entered although its connection has gone is to be closed after that.
        async with self._one_at_a_time, self._database.upkeep() as connection:
            closed = dict(self._closed)
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
