"""A clock that goes on only when a test says so."""

from dataclasses import dataclass


@dataclass(slots=True)
class Clock:
    """Stands in for `time.time` or `time.monotonic`; `now` is in seconds."""

    now: float = 0.0

    def __call__(self) -> float:
        """What the clock shows."""
        return self.now
