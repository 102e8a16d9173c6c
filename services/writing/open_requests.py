"""How a request for a permission ends, and what becomes of those that wait when their instance ends."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from services.core.database import WriteConnection

# By way of seconds: plain SQL can store a time such as infinity, from which nothing can be subtracted.
WAITED: Final = (
    "least(greatest((extract(epoch FROM now()) - extract(epoch FROM asked_at)) * 1000, 0),"
    " 9223372036854775807)::bigint"
)
"""Milliseconds from the question to now, as SQL."""

ENDED: Final = f"answered_at = now(), waited_ms = {WAITED}"
"""What every end of a request sets beside the decision, as SQL behind SET."""

_LAPSE: Final = f"""
UPDATE cc_permission_requests SET decision = 'lapsed', {ENDED}
WHERE id IN (
    SELECT id FROM cc_permission_requests
    WHERE cc_instance_id = ANY($1::uuid[]) AND decision IS NULL
    ORDER BY id FOR NO KEY UPDATE)
"""


async def lapse_requests(connection: WriteConnection, instance_ids: Sequence[UUID]) -> None:
    """End the requests of these instances that wait, without an answer."""
    await connection.exec_driver_sql(_LAPSE, (list(instance_ids),))
