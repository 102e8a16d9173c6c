"""Counts of calls begin anew with the hour."""

import asyncio
import time

_HOUR, _ENOUGH = 3600, 90
"""Seconds."""


async def within_an_hour() -> None:
    """Return now, or once the next hour has begun if too little of this one is left for a test."""
    left = _HOUR - time.time() % _HOUR
    if left < _ENOUGH:
        await asyncio.sleep(left + 1)
