"""One subscriber and the bounded queue between the feed and its connection."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from models.policy import Viewer
from services.core.errors import SlowConsumer


@dataclass(eq=False, slots=True)
class Delivery:
    """An event as it goes out: one value for everybody who asked for the same.

    `payload` is the GraphQL response as JSON in UTF-8, `cursor` the place right after the event; None for
    what has no place, such as the result of a live query. Connections keep in `wrapped` what they made of it
    last and for what, because the next one mostly wants the same. They call `confirm` for what they have
    written to their client.
    """

    payload: bytes
    cursor: str | None = None
    wrapped: tuple[bytes, tuple[bytes, ...]] | None = None
    written: Callable[[], None] | None = None


def confirm(deliveries: Iterable[Delivery]) -> None:
    """Tell whoever wants to know that these were written to a client."""
    for delivery in deliveries:
        if delivery.written is not None:
            delivery.written()


class Source(Protocol):
    """What a connection takes from, whichever kind of subscription it is."""

    @property
    def waiting(self) -> int:
        """Deliveries not yet taken."""

    @property
    def ended(self) -> bool:
        """Whether nothing comes after those."""

    @property
    def error(self) -> Exception | None:
        """Why it ended; None that all is told."""

    @property
    def cursor(self) -> str | None:
        """Where to resume, if there is such a place."""

    def take(self) -> Delivery | None:
        """The next delivery, or None when there is none."""

    def take_some(self, size: int) -> list[Delivery]:
        """The next deliveries, until they have `size` bytes of payload; one at least, if there is any."""


class Opened(Protocol):
    """A subscription that is open."""

    @property
    def subscriber(self) -> Source:
        """What it brings."""

    def close(self) -> None:
        """Get nothing more; safe to call twice."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much may wait for one subscriber: `events` deliveries and `size` bytes of payload."""

    events: int = 256
    size: int = 1_048_576


_USUAL = Capacity()


class Subscriber:
    """The feed pushes, the connection takes; neither waits for the other.

    `start` is the cursor of the point from which this subscriber gets events. `ready` is called when there is
    something to take after there was nothing. What is pushed past the capacity ends the subscriber with
    `SlowConsumer`; `cursor` is that of the last delivery taken, so that resuming there loses nothing.
    """

    __slots__ = ("_capacity", "_cursor", "_queue", "_ready", "_size", "ended", "error", "joined", "viewer")

    def __init__(
        self, viewer: Viewer, start: str, ready: Callable[[], None], capacity: Capacity | None = None
    ) -> None:
        self.viewer = viewer
        self.joined = 0
        self.ended = False
        self.error: Exception | None = None
        # A list, which is mostly empty and then small: a deque takes 600 bytes for the thousands that wait.
        self._queue: list[Delivery] = []
        self._size = 0
        self._cursor = start
        self._ready = ready
        self._capacity = capacity or _USUAL

    @property
    def cursor(self) -> str:
        """Where to resume: right after the last delivery taken."""
        return self._cursor

    @property
    def waiting(self) -> int:
        """Deliveries not yet taken."""
        return len(self._queue)

    @property
    def congested(self) -> bool:
        """True when half of the capacity is used."""
        return 2 * len(self._queue) >= self._capacity.events or 2 * self._size >= self._capacity.size

    def push(self, deliveries: Iterable[Delivery]) -> None:
        """Queue deliveries; once the subscriber has ended, nothing happens."""
        if self.ended:
            return
        queue = self._queue
        idle = not queue
        for delivery in deliveries:
            size = self._size + len(delivery.payload)
            if queue and (len(queue) >= self._capacity.events or size > self._capacity.size):
                self._overflow()
                return
            queue.append(delivery)
            self._size = size
        if idle and queue:
            self._ready()

    def take(self) -> Delivery | None:
        """The next delivery, or None when there is none."""
        taken = self.take_some(1)
        return taken[0] if taken else None

    def take_some(self, size: int) -> list[Delivery]:
        """The next deliveries, until they have `size` bytes of payload; one at least, if there is any."""
        queue = self._queue
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
        return taken

    def end(self, error: Exception | None = None) -> None:
        """No more deliveries after those that wait; `error` says why, None that all is told."""
        if self.ended:
            return
        self.ended = True
        self.error = error
        if not self._queue:
            self._ready()

    def _overflow(self) -> None:
        self._queue.clear()
        self._size = 0
        self.end(
            SlowConsumer(
                "Events came faster than this connection took them, so the subscription was ended. Subscribe "
                "again with `after` set to the cursor in `extensions`: nothing is lost."
            )
        )
