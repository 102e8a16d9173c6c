"""Follows a flow of events in one process: wakes up, reads what became visible, hands it on, in order."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from services import database
from services.feed.events import Batch
from services.feed.flows import Flow
from services.feed.line import Line
from services.feed.reading import current_snapshot
from services.feed.snapshots import Snapshot
from services.feed.wakeup import Wakeup


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. The reader polls every `shortest` while events come, and slower the longer none came.

    So a change by plain SQL, which wakes nobody, is heard of after `longest` at most. While the database is
    away it tries again every `retry`.
    """

    shortest: float = 0.01
    longest: float = 0.25
    retry: float = 0.5


class Reader:
    """Reads only while somebody follows. `deliver` gets every batch, and the next is read when it returns.

    Its second argument is the number of the batch: whoever came at that `turn` or later is not to hear of it.
    """

    def __init__(
        self,
        pool: database.Reader,
        wakeup: Wakeup,
        flow: Flow,
        deliver: Callable[[Batch, int], Awaitable[None]],
        pace: Pace,
    ) -> None:
        self._line = Line(pool, pace.retry)
        self._bell = wakeup.bell()
        self.flow = flow
        self._deliver = deliver
        self._pace = pace
        self._followers = 0
        self._followed = asyncio.Event()
        self._started = asyncio.Event()
        self._position = Snapshot(0, 0)
        self._turn = 0
        self._last_event = 0.0

    @property
    def position(self) -> Snapshot:
        """Everything that this snapshot sees has been read, if perhaps not yet delivered to the end."""
        return self._position

    @property
    def turn(self) -> int:
        """The number of the batch that was read last; whoever comes now is to hear of those after it."""
        return self._turn

    async def follow(self) -> None:
        """Keep the reader reading until as many calls of `unfollow`; returns when `position` is known."""
        self._followers += 1
        self._followed.set()
        try:
            await self._started.wait()
        except asyncio.CancelledError:
            self.unfollow()
            raise

    def unfollow(self) -> None:
        """The counterpart of `follow`."""
        self._followers -= 1
        if not self._followers:
            self._followed.clear()

    async def run(self) -> None:
        """For ever; the position is given up only when nobody follows any more."""
        try:
            while True:
                await self._followed.wait()
                self._position = await self._line.insist(current_snapshot)
                self._last_event = 0.0
                self._started.set()
                while self._followers:
                    await self._step()
                    await self._bell.wait(self._interval())
                self._started.clear()
                await self._line.release()
        finally:
            await self._line.release()

    async def _step(self) -> None:
        batch = await self._line.insist(partial(self.flow.first, before=self._position))
        self._position = batch.after
        if batch.events:
            self._turn += 1
            self._last_event = asyncio.get_running_loop().time()
            await self._deliver(batch, self._turn)
        while not batch.complete:
            past = batch.events[-1].place
            batch = await self._line.insist(
                partial(self.flow.rest, before=batch.before, until=batch.after, past=past)
            )
            if batch.events:
                await self._deliver(batch, self._turn)

    def _interval(self) -> float:
        quiet = asyncio.get_running_loop().time() - self._last_event
        return min(max(quiet / 8, self._pace.shortest), self._pace.longest)
