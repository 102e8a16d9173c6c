"""Ends requests for a permission: by an answer, or because their instance ends."""

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


_FAIL: Final = """
UPDATE mcp_tool_calls SET status = 'failed', error_details = jsonb_build_object(
    'message', 'The process ended before the tool did.', 'interrupted', true)
WHERE id IN (
    SELECT id FROM mcp_tool_calls
    WHERE cc_instance_id = ANY($1::uuid[]) AND status IN ('pending', 'running')
    ORDER BY id FOR NO KEY UPDATE)
"""


async def fail_open_calls(connection: WriteConnection, instance_ids: Sequence[UUID]) -> None:
    """Fail the tool calls of these instances that are under way: no result will come."""
    await connection.exec_driver_sql(_FAIL, (list(instance_ids),))


async def lapse_requests(connection: WriteConnection, instance_ids: Sequence[UUID]) -> None:
    """End the requests of these instances that wait, without an answer."""
    await connection.exec_driver_sql(_LAPSE, (list(instance_ids),))
