"""One subscriber and the bounded queue between the feed and its connection."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from models.policy import Viewer
from services.feed.cursors import Cursor


@dataclass(eq=False, slots=True)
class Delivery:
    """An event as it goes out: one value for all who asked for the same.

    `payload` is the GraphQL response as JSON in UTF-8, `cursor` the place right after the event; None for
    what has no place, such as the result of a live query. Connections keep in `wrapped` what they made of it
    last and for what, because the next one mostly wants the same. They call `confirm` for what they have
    written to their client. `begin` is the place right before the event, from which it can be had again.
    """

    payload: bytes
    cursor: str | None = None
    wrapped: tuple[bytes, tuple[bytes, ...]] | None = None
    written: Callable[[], None] | None = None
    begin: Cursor | None = None


def confirm(deliveries: Iterable[Delivery]) -> None:
    """Call what was given for this: these were written to a client."""
    for delivery in deliveries:
        if delivery.written is not None:
            delivery.written()


class Source(Protocol):
    """The source that a connection takes from, of any kind of subscription."""

    @property
    def waiting(self) -> int:
        """Deliveries not yet taken."""

    @property
    def ended(self) -> bool:
        """True if no deliveries follow those."""

    @property
    def error(self) -> Exception | None:
        """The error that ended it; None when all is told."""

    @property
    def cursor(self) -> str | None:
        """The cursor at which to resume; None where there is no such place."""

    def take(self) -> Delivery | None:
        """The next delivery, or None when there is none."""

    def take_some(self, size: int) -> list[Delivery]:
        """The next deliveries, until they have `size` bytes of payload; one at least, if there is any."""


class Opened(Protocol):
    """A subscription that is open."""

    @property
    def subscriber(self) -> Source:
        """The source of the deliveries."""

    def close(self) -> None:
        """Get nothing more; safe to call twice."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """The most that may wait for one subscriber: `events` deliveries and `size` bytes of payload."""

    events: int = 256
    size: int = 1_048_576


_USUAL = Capacity()


class Subscriber:
    """The feed pushes, the connection takes; neither waits for the other.

    `start` is the cursor of the point from which this subscriber gets events, `cursor` that of the last
    delivery taken, so that resuming there loses nothing. `ready` is called when there is something to take
    after there was nothing.

    A subscriber for which more is pushed than its capacity falls *behind*: what waited for it is dropped and
    nothing is pushed any more, so a connection that stands still costs no memory. `fell_behind` is told.
    When the connection takes again, `resume` is called with the place of what it is to get next; `join` makes
    it live again.
    """

    __slots__ = (
        "_behind",
        "_capacity",
        "_cursor",
        "_emptied",
        "_queue",
        "_ready",
        "_size",
        "ended",
        "error",
        "fell_behind",
        "is_live",
        "joined",
        "lagging",
        "resume",
        "viewer",
    )

    def __init__(
        self, viewer: Viewer, start: str, ready: Callable[[], None], capacity: Capacity | None = None
    ) -> None:
        self.viewer = viewer
        self.joined = 0
        self.is_live = False
        self.ended = False
        self.error: Exception | None = None
        self.lagging = False
        self.fell_behind: Callable[[], None] = _nothing
        self.resume: Callable[[Cursor], None] = _nothing
        # A list, which is mostly empty and then small: a deque takes 600 bytes for the thousands that wait.
        self._queue: list[Delivery] = []
        self._size = 0
        self._cursor = start
        self._ready = ready
        self._capacity = capacity or _USUAL
        self._behind: Cursor | None = None
        self._emptied: asyncio.Event | None = None

    @property
    def cursor(self) -> str:
        """The cursor at which to resume: right after the last delivery taken."""
        return self._cursor

    @property
    def waiting(self) -> int:
        """Deliveries not yet taken; one is counted for those that the feed still has to bring again."""
        return len(self._queue) + (self._behind is not None)

    @property
    def congested(self) -> bool:
        """True when half of the capacity is used."""
        return 2 * len(self._queue) >= self._capacity.events or 2 * self._size >= self._capacity.size

    @property
    def load(self) -> float:
        """The used share of the capacity."""
        return max(len(self._queue) / self._capacity.events, self._size / self._capacity.size)

    def join(self, turn: int) -> None:
        """Get what is read after `turn`, as services/feed/reader.py counts."""
        self.joined = turn
        self.is_live = True

    def hears(self, turn: int) -> bool:
        """True if the subscriber gets the events that were read at this turn when they are pushed."""
        return self.is_live and self.joined < turn

    def push(self, deliveries: Sequence[Delivery]) -> None:
        """Queue deliveries, or fall behind; once the subscriber has ended, nothing happens."""
        rest = self.fill(deliveries)
        if rest:
            self.fall_behind(rest[0].begin)

    def fill(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Queue as many deliveries as there is room for, at least one; those that are left."""
        if self.ended:
            return ()
        queue = self._queue
        idle = not queue
        taken = 0
        for delivery in deliveries:
            size = self._size + len(delivery.payload)
            if queue and (len(queue) >= self._capacity.events or size > self._capacity.size):
                break
            queue.append(delivery)
            self._size = size
            taken += 1
        if idle and queue:
            self._ready()
        return deliveries[taken:]

    def fall_behind(self, begin: Cursor | None) -> None:
        """Drop what waits and get nothing more until the connection takes; `begin` if nothing waits."""
        if self.ended:
            return
        idle = not self._queue
        self.is_live = self.lagging = False
        self._behind = begin if idle else self._queue[0].begin
        self._drop()
        self.fell_behind()
        if idle:
            self._ready()

    async def until_empty(self) -> None:
        """Return when the connection has taken all that waits."""
        while self._queue:
            self._emptied = asyncio.Event()
            await self._emptied.wait()

    def take(self) -> Delivery | None:
        """The next delivery, or None when there is none."""
        taken = self.take_some(1)
        return taken[0] if taken else None

    def take_some(self, size: int) -> list[Delivery]:
        """The next deliveries, until they have `size` bytes of payload; one at least, if there is any."""
        queue = self._queue
        if self._behind is not None:
            begin, self._behind = self._behind, None
            self.resume(begin)
            return []
        if self._size <= size or len(queue) == 1:
            taken, self._queue, self._size = queue, [], 0
        else:
            count = 0
            while size > 0:
                size -= len(queue[count].payload)
                count += 1
            taken = queue[:count]
            del queue[:count]
            self._size -= sum(len(delivery.payload) for delivery in taken)
        if taken:
            self._cursor = taken[-1].cursor or self._cursor
            if not self._queue:
                self.lagging = False
                self._tell_emptied()
        return taken

    def end(self, error: Exception | None = None) -> None:
        """End after the deliveries that wait; `error` says why, None that all is told."""
        if self.ended:
            return
        self.ended = True
        self.error = error
        self._behind = None
        if not self._queue:
            self._ready()
        self._tell_emptied()

    def _drop(self) -> None:
        self._queue = []
        self._size = 0
        self._tell_emptied()

    def _tell_emptied(self) -> None:
        if self._emptied is not None:
            self._emptied.set()
            self._emptied = None


def _nothing(*_: object) -> None:
    """Do nothing: the callback of a subscriber outside of a feed."""
