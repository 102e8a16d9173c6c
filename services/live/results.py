"""A result, and a subscriber that gets the newest one."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

from services.feed.subscribers import Delivery

_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Result:
    """One value for all subscribers. Results with the same digest are the same JSON, byte for byte."""

    delivery: Delivery
    digest: bytes

    @classmethod
    def of(cls, payload: bytes) -> "Result":
        """The result whose GraphQL response is `payload`."""
        return cls(Delivery(payload), blake2b(payload, digest_size=_DIGEST_BYTES).digest())


class LiveSubscriber:
    """Holds one result at most: a newer one takes the place of one that the connection has not taken yet.

    So a slow reader leaves out states between, needs no memory, and is never ended for being slow. `ready` is
    called when there is something to take after there was nothing. There is no cursor: who comes back begins
    with the whole present state.
    """

    __slots__ = ("_ready", "_taken", "_waiting", "ended", "error")

    cursor = None

    def __init__(self, ready: Callable[[], None]) -> None:
        self.ended = False
        self.error: Exception | None = None
        self._ready = ready
        self._waiting: Result | None = None
        self._taken = b""

    @property
    def waiting(self) -> int:
        """Results not yet taken: one or none."""
        return self._waiting is not None

    def offer(self, result: Result) -> None:
        """Hold the result for the connection, unless it is what the connection took last."""
        if self.ended:
            return
        nothing_waited = self._waiting is None
        self._waiting = None if result.digest == self._taken else result
        if nothing_waited and self._waiting is not None:
            self._ready()

    def take(self) -> Delivery | None:
        """The newest result, or None when there is none that is new."""
        result, self._waiting = self._waiting, None
        if result is None:
            return None
        self._taken = result.digest
        return result.delivery

    def take_some(self, size: int) -> list[Delivery]:
        """The same in a list, however long it is: there is one at most."""
        delivery = self.take()
        return [] if delivery is None else [delivery]

    def end(self, error: Exception | None = None) -> None:
        """End after the result that waits; `error` says why, None that all is told."""
        if self.ended:
            return
        self.ended = True
        self.error = error
        if self._waiting is None:
            self._ready()
