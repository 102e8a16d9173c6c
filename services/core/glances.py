"""Pauses between looks at what changes without a word."""

from collections.abc import Callable
from time import monotonic


class Glances:
    """The pause before the next look: shorter than `longest` for a while after something was found.

    It is `shortest` at first, an eighth of the time since then later; all in seconds. So what is idle costs
    little, and what is busy is not slowed down.
    """

    def __init__(self, shortest: float, longest: float, clock: Callable[[], float] = monotonic) -> None:
        self._shortest = min(shortest, longest)
        self._longest = longest
        self._clock = clock
        self._found: float | None = None

    def found(self) -> None:
        """Note that something was found just now."""
        self._found = self._clock()

    def forget(self) -> None:
        """Be as at the beginning, when nothing had been found."""
        self._found = None

    def pause(self) -> float:
        """Seconds until the next look."""
        if self._found is None:
            return self._longest
        return min(max((self._clock() - self._found) / 8, self._shortest), self._longest)
