"""Tells the reader that something may have been committed, in this process or in another.

A wake-up carries no data and may be lost: what the reader then misses, its next poll finds. So a broken
connection to the broker costs delay and nothing else.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from broadcaster import Broadcast

from services.core.background import Running, background
from services.feed.wakeup_backends import backend_for

log = structlog.get_logger(__name__)

CHANNEL = "ccgraph_feed"
_SHORTEST_GAP = 0.005
"""Seconds between two publications: a hundred commits in that time are one wake-up."""
_PUBLISH_TIMEOUT = 2.0
_RETRY = 0.5
"""Seconds until what could not be published is published again, for the others may poll rarely."""


class Bell:
    """What one reader waits at, so that another one's waiting takes nothing from it."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """End the waiting, or the next one at once."""
        self._rung.set()

    async def wait(self, seconds: float) -> bool:
        """Until somebody rings or `seconds` have passed; whether somebody rang."""
        try:
            async with asyncio.timeout(seconds):
                return await self._rung.wait()
        except TimeoutError:
            return False
        finally:
            self._rung.clear()


class Wakeup(Running):
    """`url` is memory:// (one process), postgres://... or redis://... (many); used as a context manager."""

    def __init__(self, url: str) -> None:
        self._broadcast = Broadcast(backend=backend_for(url))
        self._bells: list[Bell] = []
        self._unsent = asyncio.Event()

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        async with (
            self._broadcast,
            background(self._publish(), "feed-wakeup-publisher"),
            background(self._listen(), "feed-wakeup-listener"),
        ):
            yield

    def ring(self) -> None:
        """Call after a commit, never inside a transaction; returns at once and never raises."""
        self._hear()
        self._unsent.set()

    def bell(self) -> Bell:
        """A bell that rings whenever somebody rings, here or in another process."""
        bell = Bell()
        self._bells.append(bell)
        return bell

    def _hear(self) -> None:
        for bell in self._bells:
            bell.ring()

    async def _publish(self) -> None:
        reported = False
        while True:
            await self._unsent.wait()
            self._unsent.clear()
            pause = _SHORTEST_GAP
            try:
                async with asyncio.timeout(_PUBLISH_TIMEOUT):
                    await self._broadcast.publish(CHANNEL, "")
                reported = False
            except Exception as error:  # other processes poll meanwhile
                if not reported:
                    log.warning("wakeup_not_published", error=type(error).__qualname__)
                reported = True
                self._unsent.set()
                pause = _RETRY
            await asyncio.sleep(pause)

    async def _listen(self) -> None:
        async with self._broadcast.subscribe(CHANNEL) as subscriber:
            while True:
                await subscriber.get()
                self._hear()
