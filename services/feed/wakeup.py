"""Tells the reader that something may have been committed, in this process or in another.

A wake-up carries no data and may be lost: what the reader then misses, its next poll finds. So a broken
connection to the broker costs delay and nothing else.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from broadcaster import Broadcast

from services.core.background import Running
from services.core.retry import Backoff, retry
from services.feed.wakeup_backends import SupervisedBackend, backend_for, is_broker_away

CHANNEL = "ccgraph_feed"
_SHORTEST_GAP = 0.005
"""Seconds between two publications: a hundred commits in that time are one wake-up."""
_PUBLISH_TIMEOUT = 2.0
_PUBLISH_AGAIN = Backoff(first=0.1, longest=0.5)
"""What could not be published is published soon, for the others may poll rarely."""


class WakeupEvent:
    """An event that one reader waits for, so that another one's waiting takes nothing from it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """End the waiting, or the next one at once."""
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until it is set or `seconds` have passed; True if it was set. It is clear after that."""
        try:
            async with asyncio.timeout(seconds):
                return await self._event.wait()
        except TimeoutError:
            return False
        finally:
            self._event.clear()


class Wakeup(Running):
    """`url` is memory:// (one process), postgres://... or redis://... (many); used as a context manager.

    Not a batcher: a wake-up carries nothing, and no caller waits for it.
    """

    def __init__(self, url: str) -> None:
        self._backend = backend_for(url)
        self._broadcast = Broadcast(backend=self._backend)
        self._events: list[WakeupEvent] = []
        self._unsent = asyncio.Event()

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        running = self.supervisor.running
        try:
            async with AsyncExitStack() as stack:
                if isinstance(self._backend, SupervisedBackend):
                    await stack.enter_async_context(running(self._backend.run, "feed-wakeup-broker"))
                await stack.enter_async_context(running(self._listen, "feed-wakeup-listener"))
                await stack.enter_async_context(running(self._publish, "feed-wakeup-publisher"))
                yield
        finally:
            await self._backend.close()

    def notify(self) -> None:
        """Call after a commit, never inside a transaction; returns at once and never raises."""
        self._set_events()
        self._unsent.set()

    def event(self) -> WakeupEvent:
        """An event that is set with each wake-up, from here or from another process."""
        event = WakeupEvent()
        self._events.append(event)
        return event

    def _set_events(self) -> None:
        for event in self._events:
            event.set()

    async def _publish(self) -> None:
        while True:
            await self._unsent.wait()
            self._unsent.clear()
            try:
                await retry(
                    self._publish_once, "wakeup_not_published", helps=is_broker_away, backoff=_PUBLISH_AGAIN
                )
            except BaseException:
                self._unsent.set()  # for the next life of this task
                raise
            await asyncio.sleep(_SHORTEST_GAP)

    async def _publish_once(self) -> None:
        async with asyncio.timeout(_PUBLISH_TIMEOUT):
            await self._broadcast.publish(CHANNEL, "")

    async def _listen(self) -> None:
        """Set the events for what comes from the broker, and first for what may have been missed.

        broadcaster has a task of its own that hands events on. Its death ends this one, and both begin anew.
        """
        listening = asyncio.current_task()

        def end(_: "asyncio.Task[None]") -> None:
            if listening is not None:
                listening.cancel()

        async with self._broadcast:
            handing_on = self._broadcast._listener_task
            handing_on.add_done_callback(end)
            try:
                async with self._broadcast.subscribe(CHANNEL) as subscriber:
                    self._set_events()
                    while True:
                        await subscriber.get()
                        self._set_events()
            finally:
                handing_on.remove_done_callback(end)
