"""Follows a source of events in one process: wakes up, reads what became visible, hands it on, in order.

A change by plain SQL sends no wake-up. So the reader glances, many times a second, whether a transaction has
begun or ended, which costs a quarter of a reading. That is a hint and no more: it reads at times in any case.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from services.core import database
from services.core.errors import CursorExpired, CursorInvalid
from services.core.glances import Glances
from services.feed.dedicated_connection import READ_EVENTS, DedicatedConnection
from services.feed.events import Batch
from services.feed.reading import current_snapshot
from services.feed.snapshots import Snapshot
from services.feed.sources import Source
from services.feed.wakeup import Wakeup

_GLANCE = "SELECT pg_current_snapshot()"


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. The reader glances every `shortest` while events come, and slower the longer none came.

    So a change by plain SQL, which sends no wake-up, is heard of after `longest`. It reads every `anyway`, or
    every `longest` where that is more.
    """

    shortest: float = 0.005
    longest: float = 0.02
    anyway: float = 0.25


Deliver: TypeAlias = Callable[[Batch, int], Awaitable[None]]


class Reader:
    """Reads only while there are followers. `deliver` gets every batch, and the next is read when it returns.

    Its second argument is the number of the batch: who came at that `turn` or later is not to hear of it.
    Where `run` was ended in the middle of a batch, its next life reads that batch again and gives it to
    `interrupted`: how far it had come is not known.
    `lose` gets the error when events may have been lost for good; the reader goes on from the present.
    """

    def __init__(
        self,
        pool: database.PrimaryPool,
        wakeup: Wakeup,
        source: Source,
        deliver: Deliver,
        interrupted: Deliver,
        lose: Callable[[Exception], None],
        pace: Pace,
    ) -> None:
        self._connection = DedicatedConnection(pool, READ_EVENTS)
        self._wakeup_event = wakeup.event()
        self.source = source
        self._deliver = deliver
        self._interrupted = interrupted
        self._undelivered: Batch | None = None
        self._lose = lose
        self._pace = pace
        self._followers = 0
        self._followed = asyncio.Event()
        self._started = asyncio.Event()
        self._position = self._settled = Snapshot(0, 0)
        self._turn = 0
        self._glances = Glances(pace.shortest, pace.longest)
        self._in_vain = 0.0
        self._glanced: object = None

    @property
    def position(self) -> Snapshot:
        """Everything that this snapshot sees has been read, if perhaps not yet delivered to the end."""
        return self._position

    @property
    def turn(self) -> int:
        """The number of the batch that was read last; who comes now is to hear of those after it."""
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
        """Follow the source for ever; the position is given up only when the last follower has gone."""
        try:
            await self._or_lose(self._take_up())
            while True:
                await self._followed.wait()
                if not self._started.is_set():
                    self._position = self._settled = await self._connection.retry(current_snapshot)
                    self._glances.forget()
                    self._started.set()
                while self._followers:
                    await self._or_lose(self._step())
                    await self._rest()
                self._started.clear()
                await self._connection.release()
        finally:
            await self._connection.release()

    async def _or_lose(self, work: Coroutine[object, object, None]) -> None:
        """Read, or go on from the present when what comes next is not known."""
        try:
            await work
        except (CursorExpired, CursorInvalid) as error:
            self._undelivered = None
            self._position = self._settled = await self._connection.retry(current_snapshot)
            self._lose(error)

    async def _take_up(self) -> None:
        """Finish the batch in the middle of which the life before ended."""
        cut = self._undelivered
        if cut is not None:
            batch = await self._connection.retry(
                partial(self.source.first, before=cut.before, until=cut.after)
            )
            await self._hand_on(batch, self._interrupted)

    async def _next(self) -> Batch:
        """The events since the position, or since `_settled`, after which there were none either.

        The position is ahead of a server that has taken the primary's place without the end of its log. What
        that server lacks may be nothing that a subscriber heard of.
        """
        try:
            return await self._connection.retry(partial(self.source.first, before=self._position))
        except CursorInvalid:
            return await self._connection.retry(partial(self.source.first, before=self._settled))

    async def _step(self) -> None:
        clock = asyncio.get_running_loop().time
        started = clock()
        batch = await self._next()
        self._position = batch.after
        if batch.events:
            self._settled = batch.after
        self._in_vain = 0.0 if batch.events else clock() - started
        if batch.events:
            self._turn += 1
            self._glances.found()
            await self._hand_on(batch, self._deliver)

    async def _hand_on(self, batch: Batch, deliver: Deliver) -> None:
        """The whole of a batch, of which the beginning has been read."""
        self._undelivered = batch
        if batch.events:
            await deliver(batch, self._turn)
        while not batch.complete:
            past = batch.events[-1].place
            batch = await self._connection.retry(
                partial(self.source.rest, before=batch.before, until=batch.after, past=past)
            )
            self._position = batch.after
            if batch.events:
                await deliver(batch, self._turn)
        self._undelivered = None

    async def _rest(self) -> None:
        """Wait until a wake-up comes, a glance shows that something may be committed, or the poll is due."""
        clock = asyncio.get_running_loop().time
        due = clock() + self._pace.anyway
        while not await self._wakeup_event.wait(self._interval()) and clock() < due:
            if await self._connection.retry(self._has_moved):
                return

    def _interval(self) -> float:
        """Seconds to the next glance; where others write much, reading in vain takes a tenth of the time."""
        return max(self._glances.pause(), min(10 * self._in_vain, self._pace.anyway))

    async def _has_moved(self, connection: database.PrimaryConnection) -> bool:
        """True if a transaction that writes has begun or ended since the last glance."""
        before, self._glanced = self._glanced, await connection.fetchval(_GLANCE)
        return bool(self._glanced != before)
