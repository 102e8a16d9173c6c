"""All who follow the same query: one reading serves them all."""

import asyncio
from asyncio import Semaphore
from collections.abc import Awaitable, Callable, Collection, Hashable
from dataclasses import dataclass

import structlog

from services.core.errors import ServiceUnavailable
from services.core.fair_shares import FairShares, Place
from services.core.retry import retry
from services.live.pacing import Pacing
from services.live.results import LiveSubscriber, Result

log = structlog.get_logger(__name__)

_OFFERS_IN_A_TURN = 5_000
"""After so many the connections get a turn to write."""


@dataclass(frozen=True, slots=True)
class LiveQuery:
    """`read` gives the GraphQL response as of now, for all whose query has an equal `key`.

    `tables` are those it reads, `pause` the seconds between two readings at least. `covered` says that the
    change events tell of everything on which the response depends. `person` is who asks.
    """

    key: Hashable
    tables: frozenset[str]
    pause: float
    covered: bool
    read: Callable[[], Awaitable[bytes]]
    person: Hashable = None


class LiveTopic:
    """The subscribers of one query. `places` bounds how many queries are read at a time, `shares` how many of
    those are for one person; a query that several people follow counts for none of them.

    A subscriber's first result is from a reading that began after it came, so who changes something and
    then subscribes sees the change. Not a batcher: a reading serves those who stay, at a pace of its own.
    """

    def __init__(self, query: LiveQuery, places: Semaphore, shares: FairShares, poll: float) -> None:
        self.query = query
        self._places = places
        self._shares = shares
        self._pacing = Pacing(query.pause, None if query.covered else poll)
        self._subscribers: dict[LiveSubscriber, Hashable] = {}
        self._newcomers: set[LiveSubscriber] = set()
        self._stirred = asyncio.Event()
        self._place: Place | None = None

    def __len__(self) -> int:
        return len(self._subscribers)

    def join(self, subscriber: LiveSubscriber, person: Hashable) -> None:
        """Add a subscriber."""
        self._subscribers[subscriber] = person
        self._newcomers.add(subscriber)
        self._stirred.set()
        if self._place is not None and self._only_person() is None:
            self._place.do_without()

    def leave(self, subscriber: LiveSubscriber) -> None:
        """Take a subscriber out."""
        self._subscribers.pop(subscriber, None)
        self._newcomers.discard(subscriber)

    def touch(self) -> None:
        """Note a change of rows that the query may depend on."""
        self._pacing.touch()
        self._stirred.set()

    async def run(self) -> None:
        """Read and hand out, one reading after the other; an error of the query ends all subscribers.

        A further life begins with a reading for all: what the one before did not hand out is in it.
        """
        self.touch()
        try:
            while True:
                await self._turn()
        except Exception as error:
            log.warning("live_query_ended", error=type(error).__qualname__, subscribers=len(self))
            self._end(error)

    def give_up(self) -> None:
        """Tell all subscribers that this cannot be read on."""
        self._end(ServiceUnavailable("This live query was interrupted; subscribe again."))

    def _end(self, error: Exception) -> None:
        for subscriber in self._subscribers:
            subscriber.end(error)

    async def _turn(self) -> None:
        due = await self._rest()
        # A subscriber who comes during the reading may have changed something since it began.
        served = [*(self._subscribers if due else self._newcomers)]
        self._newcomers.clear()
        if due:
            self._pacing.begin()
        result = Result.of(await self._insist())
        if due:
            self._pacing.end(_now())
        await _offer(result, served)

    async def _rest(self) -> bool:
        """Wait for a reason to read; whether it is one for all, not only for newcomers."""
        while True:
            seconds = self._pacing.wait(_now())
            if seconds == 0 or self._newcomers:
                return seconds == 0
            self._stirred.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._stirred.wait()
            except TimeoutError:
                continue

    async def _insist(self) -> bytes:
        """Read, again and again while the database is away."""

        async def read() -> bytes:
            self._place = self._shares.of(self._only_person())
            async with self._place, self._places:
                return await self.query.read()

        return await retry(read, "live_query_not_read")

    def _only_person(self) -> Hashable:
        """The person who follows it; None when several people do."""
        people = set(self._subscribers.values())
        return people.pop() if len(people) == 1 else None


async def _offer(result: Result, subscribers: Collection[LiveSubscriber]) -> None:
    for number, subscriber in enumerate(subscribers, 1):
        subscriber.offer(result)
        if number % _OFFERS_IN_A_TURN == 0:
            await asyncio.sleep(0)


def _now() -> float:
    return asyncio.get_running_loop().time()
