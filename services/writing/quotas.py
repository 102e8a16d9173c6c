"""Quotas of a person (users.resource_quota, client §3.1.1), counted when something is created."""

from typing import Final

from services.core.database import WriteConnection
from services.core.errors import QuotaExceeded

# Two creations by one person take turns, so that both see what the other has made.
_HOLD_PERSON: Final = "SELECT resource_quota FROM users WHERE id = $1 FOR NO KEY UPDATE"

_BYTES_PER_GB: Final = 1024**3


async def require_session(connection: WriteConnection, user_id: int) -> None:
    """Check for room for a session. Raises: QuotaExceeded when the person has `max_sessions` already."""
    await _require_place(connection, user_id, "sessions", "max_sessions")


async def require_worktree(connection: WriteConnection, user_id: int, size_bytes: int = 0) -> None:
    """Check for room for a worktree.

    Raises: QuotaExceeded when the person has `max_worktrees`, or gets past `storage_limit_gb`.
    """
    await _require_place(connection, user_id, "worktrees", "max_worktrees")
    await require_storage(connection, user_id, size_bytes)


async def require_storage(connection: WriteConnection, user_id: int, more_bytes: int) -> None:
    """Check for room on the disk.

    Raises: QuotaExceeded when the person's worktrees would take more than `storage_limit_gb`.
    """
    limit = await _limit(connection, user_id, "storage_limit_gb")
    if limit is None or more_bytes <= 0:
        return
    used = await connection.exec_driver_sql(
        "SELECT COALESCE(sum(total_size_bytes), 0) FROM worktrees WHERE user_id = $1", (user_id,)
    )
    if used.scalar_one() + more_bytes > limit * _BYTES_PER_GB:
        raise QuotaExceeded(
            f"The worktrees would pass the quota of {limit:g} GB; delete some, or ask an administrator.",
            field="input.totalSizeBytes",
            limit=limit,
        )


async def _require_place(connection: WriteConnection, user_id: int, table: str, quota: str) -> None:
    limit = await _limit(connection, user_id, quota)
    if limit is None:
        return
    used = await connection.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE user_id = $1", (user_id,))
    if used.scalar_one() >= limit:
        raise QuotaExceeded(
            f"The quota of {limit:g} {table} is used up; delete one, or ask an administrator for more.",
            limit=limit,
        )


async def _limit(connection: WriteConnection, user_id: int, quota: str) -> float | None:
    """The person's limit, None when there is none; holds the person's row until the commit.

    Quotas of another shape, as plain SQL can write them, allow nothing.
    """
    row = (await connection.exec_driver_sql(_HOLD_PERSON, (user_id,))).one_or_none()
    quotas = None if row is None else row[0]
    if quotas is None or (isinstance(quotas, dict) and quota not in quotas):
        return None
    limit = quotas[quota] if isinstance(quotas, dict) else 0
    return limit if isinstance(limit, int | float) and not isinstance(limit, bool) else 0
