"""Releases claimed tasks when their holder ends."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from models.enums import TaskStatus
from services.core.database import WriteConnection
from services.writing.lifecycles import TASK

QUEUE_AGAIN: Final = TASK.assignments(TaskStatus.QUEUED, after=[TaskStatus.RUNNING])
"""What becomes of a task whose claim ends and whose work is not done, as SQL behind SET."""

_RELEASE: Final = f"""
UPDATE tasks SET {QUEUE_AGAIN}
WHERE id IN (
    SELECT id FROM tasks
    WHERE assigned_to = ANY($1::uuid[]) AND status = 'RUNNING' AND lease_expires_at IS NOT NULL
    ORDER BY id FOR NO KEY UPDATE)
"""


async def release_claims(connection: WriteConnection, instance_ids: Sequence[UUID]) -> None:
    """Queue the tasks again that these instances hold."""
    await connection.exec_driver_sql(_RELEASE, (list(instance_ids),))
