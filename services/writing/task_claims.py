"""What becomes of claimed tasks when their holder ends."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from services.core.database import WriteConnection

_RELEASE: Final = """
UPDATE tasks SET status = 'QUEUED', queued_at = now(), assigned_to = NULL, lease_expires_at = NULL,
                 started_at = NULL
WHERE id IN (
    SELECT id FROM tasks
    WHERE assigned_to = ANY($1::uuid[]) AND status = 'RUNNING' AND lease_expires_at IS NOT NULL
    ORDER BY id FOR NO KEY UPDATE)
"""


async def release_claims(connection: WriteConnection, instance_ids: Sequence[UUID]) -> None:
    """Queue the tasks again that these instances hold."""
    await connection.exec_driver_sql(_RELEASE, (list(instance_ids),))
