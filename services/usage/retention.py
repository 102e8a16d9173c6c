"""Removes usage and requests for permissions that are past their retention (decision 29)."""

from typing import Final

from sqlalchemy import text

from services.core.database import WriteConnection

PURGED: Final = {"cc_usage": "requested_at", "cc_permission_requests": "asked_at"}
"""Tables, and the time by which their rows grow old; the setting is `retention.<table>_days`."""


async def purge_usage(connection: WriteConnection) -> None:
    """Remove what is past its retention; without a figure nothing goes."""
    for table, time in PURGED.items():
        await connection.execute(
            text(
                f"DELETE FROM {table} WHERE {time}"
                f" < now() - INTERVAL '1 day' * ccgraph_setting('retention.{table}_days')"
            )
        )
