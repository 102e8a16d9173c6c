"""Decides when a query is read again: at once after a quiet time, otherwise when the pause is over."""

from math import inf


class Pacing:
    """Times are seconds on any clock that does not go back.

    Between the end of a reading and the next one lie at least `pause` seconds; what changes meanwhile is read
    when they are over, so the last state is never missed. With `poll` it is also read when so many seconds
    went by without word of a change.
    """

    def __init__(self, pause: float, poll: float | None = None) -> None:
        self._pause = pause
        self._poll = None if poll is None else max(pause, poll)
        self._stale = True
        self._ended = -inf

    def touch(self) -> None:
        """Note a change, perhaps during a reading."""
        self._stale = True

    def wait(self, now: float) -> float | None:
        """Seconds until the next reading: 0 when it is due, None when nothing calls for one."""
        rest = self._pause if self._stale else self._poll
        return None if rest is None else max(0.0, self._ended + rest - now)

    def begin(self) -> None:
        """A reading begins: it sees whatever changed before."""
        self._stale = False

    def end(self, now: float) -> None:
        """The reading that began last has ended."""
        self._ended = now
