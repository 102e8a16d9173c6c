"""Waiting for what another process does."""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE = 60.0
"""Seconds: whatever has not happened by then does not happen, however slow the machine."""


async def until(true: Callable[[], Awaitable[bool] | bool], seconds: float = PATIENCE) -> None:
    """Return when the condition holds, or TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            found = true()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.02)
