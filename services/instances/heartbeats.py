"""Instances that fell silent: each is marked once, whichever process notices (decision 25).

One that sends heartbeats becomes ERROR. One whose activity a source tells is silent only while it works: it
is taken for gone then, and has stopped.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import func, select

from models.enums import CcActivity, CcInstanceStatus, SessionStatus, listed
from services.core.background import repeatedly
from services.core.database import Database, WriteConnection
from services.writing.ended_instances import let_go
from services.writing.lifecycles import ALIVE, CC_INSTANCE, SESSION

log = structlog.get_logger(__name__)

AT_WORK: Final = (CcActivity.WORKING, CcActivity.RETRYING)
"""Activities in which a Claude Code says something all the time."""

WAITING: Final = (CcActivity.WAITING_PERMISSION, CcActivity.WAITING_ANSWER)
"""Activities in which it waits for a person, who may be away for days."""

_HEARD: Final = "GREATEST(last_heartbeat, activity_since)"

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


# Instances that are above and below each other are of one process. While one of them is heard, or waits for a
# person, the process lives. What is below one that is gone has gone with it. Whether one was heard in between
# is asked again once the rows are locked.
_GONE: Final = f"""
UPDATE cc_instances SET {CC_INSTANCE.assignments(CcInstanceStatus.STOPPED, after=ALIVE)}
WHERE id IN (
    WITH RECURSIVE above AS (
        SELECT id AS silent, id, parent_instance_id FROM cc_instances
        WHERE status IN ({listed(ALIVE)}) AND activity IN ({listed(AT_WORK)})
          AND {_HEARD} < now() - $1::interval
        UNION
        SELECT above.silent, parent.id, parent.parent_instance_id
        FROM above JOIN cc_instances AS parent ON parent.id = above.parent_instance_id
    ), process AS (
        SELECT silent, id FROM above
        UNION
        SELECT process.silent, child.id
        FROM process JOIN cc_instances AS child ON child.parent_instance_id = process.id
    ), gone AS (
        SELECT silent AS id FROM process JOIN cc_instances AS member USING (id)
        GROUP BY silent
        HAVING max({_HEARD}) < now() - $1::interval
           AND NOT bool_or(status IN ({listed(ALIVE)}) AND activity IN ({listed(WAITING)}))
        UNION
        SELECT child.id FROM gone JOIN cc_instances AS child ON child.parent_instance_id = gone.id
    )
    SELECT id FROM cc_instances
    WHERE id IN (SELECT id FROM gone) AND status IN ({listed(ALIVE)}) AND activity IS NOT NULL
      AND {_HEARD} < now() - $1::interval
    FOR UPDATE SKIP LOCKED)
RETURNING id
"""


# The main instance of a Claude Code has the key of its session.
_END_SESSIONS: Final = f"""
UPDATE sessions SET {SESSION.assignments(SessionStatus.STOPPED, after=[SessionStatus.RUNNING])}
WHERE session_id = ANY($1::uuid[]) AND status = {SessionStatus.RUNNING.value!r}
"""


async def mark_gone(connection: WriteConnection, working_for: timedelta) -> list[UUID]:
    """Take for gone what works and was not heard for `working_for`, with all below it; gives their keys.

    Their tasks are queued again, and what they ask for lapses. An instance at rest, or one that waits for a
    person, is left alone however long it says nothing, and so are those of its process.
    """
    marked = await connection.exec_driver_sql(_GONE, (working_for,))
    gone = [*marked.scalars()]
    if gone:
        await let_go(connection, gone)
        await connection.exec_driver_sql(_END_SESSIONS, (gone,))
    return gone


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
    anything, and for `working_for` before it takes anything for gone.
    """

    def __init__(
        self,
        database: Database,
        silent_for: timedelta,
        clock: Callable[[], float] = time.monotonic,
        *,
        working_for: timedelta = timedelta(hours=1),
    ) -> None:
        self._database = database
        self._silent_for = silent_for
        self._working_for = working_for
        self._clock = clock
        self._listening_since: float | None = None

    async def run(self) -> None:
        """Look often enough that a silence is noticed soon after it begins; for ever."""
        shortest = min(self._silent_for, self._working_for).total_seconds()
        await repeatedly(self.look, min(_LOOK_EVERY, shortest / 4), "heartbeats_not_watched")

    async def look(self) -> None:
        """Mark what is silent, once this process has listened for long enough."""
        since, self._listening_since = self._listening_since, None
        now = self._clock()
        heard = -1.0 if since is None else now - since
        marked, gone = [], []
        async with self._database.upkeep() as connection:
            if heard >= self._silent_for.total_seconds():
                marked = await mark_silent(connection, self._silent_for)
            if heard >= self._working_for.total_seconds():
                gone = await mark_gone(connection, self._working_for)
            if heard < self._silent_for.total_seconds():
                await connection.execute(select(func.now()))
        self._listening_since = now if since is None else since
        if marked or gone:
            self._database.after_commit()
        if marked:
            log.info("instances_silent", instances=[str(instance) for instance in marked])
        if gone:
            log.info("instances_gone", instances=[str(instance) for instance in gone])
