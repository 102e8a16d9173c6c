"""Leases of claimed tasks: how long they last, and what becomes of a task when one is over."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from services.core.background import repeatedly
from services.core.database import Database, WriteConnection
from services.core.errors import BadInput
from services.writing.task_claims import QUEUE_AGAIN

log = structlog.get_logger(__name__)

LEASE: Final = timedelta(minutes=5)
LONGEST_LEASE: Final = timedelta(days=1)

EXPIRED: Final = "lease_expires_at < now() AND status = 'RUNNING'"
"""SQL for the tasks whose lease ran out."""

_REQUEUE: Final = f"""
UPDATE tasks SET {QUEUE_AGAIN}
WHERE id IN (
    SELECT id FROM tasks
    WHERE {EXPIRED} AND ($1::uuid IS NULL OR project_id = $1)
    ORDER BY id LIMIT $2::bigint FOR NO KEY UPDATE SKIP LOCKED)
"""


def require_lease(lease: timedelta) -> None:
    """Return when a claim may last so long.

    Raises: BadInput.
    """
    if not timedelta(seconds=1) <= lease <= LONGEST_LEASE:
        raise BadInput("A lease lasts from 1 second to 24 hours.", field="input.leaseSeconds")


async def requeue_expired(
    connection: WriteConnection, project_id: UUID | None = None, most: int | None = None
) -> int:
    """Queue again the tasks whose lease ran out, of one project or all, and at most so many; how many."""
    return (await connection.exec_driver_sql(_REQUEUE, (project_id, most))).rowcount


async def watch_leases(database: Database, every: float = 5.0) -> None:
    """Queue expired tasks again every `every` seconds, for ever, in any number of processes at once."""

    async def requeue() -> None:
        async with database.upkeep() as connection:
            requeued = await requeue_expired(connection)
        if requeued:
            database.after_commit()
            log.info("claims_expired", tasks=requeued)

    await repeatedly(requeue, every, "leases_not_watched")
