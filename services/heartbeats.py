"""Instances that fell silent: each is marked ERROR once, whichever process notices (decisions.md 25)."""

import asyncio
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import func, select, update

from models import CcInstance
from models.enums import CcInstanceStatus
from services.database import Database, WriteConnection

log = structlog.get_logger(__name__)

_ALIVE = (CcInstanceStatus.IDLE, CcInstanceStatus.RUNNING)


async def mark_silent(connection: WriteConnection, silent_for: timedelta) -> list[UUID]:
    """Mark the instances whose last heartbeat is older than `silent_for`; gives their keys.

    One that never sent any is not watched. A row that is being changed at this moment is left alone, and a
    heartbeat that came in between saves the instance, because the condition is asked again once it is locked.
    """
    silent = (
        select(CcInstance.id)
        .where(CcInstance.status.in_(_ALIVE), CcInstance.last_heartbeat < func.now() - silent_for)
        .with_for_update(skip_locked=True)
    )
    marked = await connection.execute(
        update(CcInstance)
        .where(CcInstance.id.in_(silent))
        .values(status=CcInstanceStatus.ERROR)
        .returning(CcInstance.id)
    )
    return [*marked.scalars()]


async def watch_heartbeats(database: Database, silent_for: timedelta, every: float = 5.0) -> None:
    """For ever: look every `every` seconds. Any number of processes may do this at once."""
    while True:
        await asyncio.sleep(every)
        try:
            async with database.transaction() as connection:
                marked = await mark_silent(connection, silent_for)
        except Exception as error:  # the database is away; the silence will still be there when it is back
            log.warning("heartbeats_not_watched", error=type(error).__qualname__)
            continue
        if marked:
            log.info("instances_silent", instances=[str(instance) for instance in marked])
