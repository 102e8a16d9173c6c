"""Waiting for what another process does."""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE = 30.0


async def until(true: Callable[[], Awaitable[bool] | bool], seconds: float = PATIENCE) -> None:
    """Return when the condition holds, or TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            found = true()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.02)
