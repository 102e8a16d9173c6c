"""Ends all that instances have under way when they end."""

from collections.abc import Sequence
from uuid import UUID

from services.core.database import WriteConnection
from services.writing.open_requests import fail_open_calls, lapse_requests
from services.writing.task_claims import release_claims


async def let_go(connection: WriteConnection, instance_ids: Sequence[UUID]) -> None:
    """Queue their tasks again, let lapse what they ask for, and fail calls of which no result will come."""
    await release_claims(connection, instance_ids)
    await lapse_requests(connection, instance_ids)
    await fail_open_calls(connection, instance_ids)
