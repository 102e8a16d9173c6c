"""Waiting for what another process does."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg

PATIENCE = 60.0
"""Seconds: whatever has not happened by then does not happen, however slow the machine."""


async def until(true: Callable[[], Awaitable[bool] | bool], seconds: float = PATIENCE) -> None:
    """Return when the condition holds. Raises: TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            found = true()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.02)


_WAITING_FOR_LOCKS = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()"
)


async def until_locked_out(url: str, statements: int = 1) -> None:
    """Return when just so many statements in the database at `url` wait for locks that others hold."""
    connection = await asyncpg.connect(url)
    try:

        async def they_wait() -> bool:
            found: int = await connection.fetchval(_WAITING_FOR_LOCKS)
            return found == statements

        await until(they_wait)
    finally:
        await connection.close()
