"""Instances that fell silent: each is marked ERROR once, whichever process notices (decision 25)."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import func, select

from models.enums import CcInstanceStatus, listed
from services.core.background import repeatedly
from services.core.database import Database, WriteConnection
from services.writing.lifecycles import ALIVE, CC_INSTANCE

log = structlog.get_logger(__name__)

_LOOK_EVERY = 5.0

SILENT: Final = f"status IN ({listed(ALIVE)}) AND last_heartbeat < now() - $1::interval AND activity IS NULL"
"""SQL for the instances that have been silent for $1."""

_MARK: Final = f"""
UPDATE cc_instances SET {CC_INSTANCE.assignments(CcInstanceStatus.ERROR, after=ALIVE)}
WHERE id IN (
    SELECT id FROM cc_instances
    WHERE {SILENT}
    LIMIT $2::bigint FOR UPDATE SKIP LOCKED)
RETURNING id
"""


async def mark_silent(
    connection: WriteConnection, silent_for: timedelta, most: int | None = None
) -> list[UUID]:
    """Mark the instances whose last heartbeat is older than `silent_for`, at most so many; gives their keys.

    One that never sent any is not watched, and neither is one whose activity a source tells: a Claude that
    waits for a person says nothing for days and is well. A row that is being changed at this moment is left
    alone, and a heartbeat that came in between saves the instance, because the condition is asked again once
    it is locked.
    """
    marked = await connection.exec_driver_sql(_MARK, (silent_for, most))
    return [*marked.scalars()]


class HeartbeatWatch:
    """Looks for silent instances. Any number of processes may do this at once.

    A server that heard nothing cannot tell which were silent: after the start, and after the database was
    away, when no heartbeat could be written, it first listens for `silent_for`, by `clock`, before it marks
    anything.
    """

    def __init__(
        self, database: Database, silent_for: timedelta, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._silent_for = silent_for
        self._clock = clock
        self._listening_since: float | None = None

    async def run(self) -> None:
        """For ever: look often enough that a silence is noticed soon after it is one."""
        await repeatedly(
            self.look, min(_LOOK_EVERY, self._silent_for.total_seconds() / 4), "heartbeats_not_watched"
        )

    async def look(self) -> None:
        """Mark what is silent, once this process has listened for long enough."""
        since, self._listening_since = self._listening_since, None
        now = self._clock()
        async with self._database.upkeep() as connection:
            if since is not None and now - since >= self._silent_for.total_seconds():
                marked = await mark_silent(connection, self._silent_for)
            else:
                marked = []
                await connection.execute(select(func.now()))
        self._listening_since = now if since is None else since
        if marked:
            self._database.after_commit()
            log.info("instances_silent", instances=[str(instance) for instance in marked])
