"""Keeps the attempts away from a destination that takes nothing, and lets it be tried from time to time."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from models.enums import NotificationService
from services.delivery.outcomes import Outcome, Verdict

MOST_REMEMBERED: Final = 10_000
"""Destinations; those that were idle longest and owe nothing are forgotten."""

Destination = tuple[int, NotificationService]
"""A person and a service."""


@dataclass(slots=True)
class State:
    """`closed_until` is when the next attempt may begin, on the clock of `Breakers`."""

    in_flight: int = 0
    failures: int = 0
    openings: int = 0
    closed_until: float = 0.0


@dataclass(slots=True)
class Breakers:
    """One circuit breaker for each destination of this process.

    After `failures` attempts in a row that the receiver did not take, nothing is sent for `first` seconds,
    then one message; when that is not taken either, for twice as long, up to `longest`. A receiver that asks
    for a pause (429, Discord's rate limit) gets it. `places` is how many messages a destination is sent at a
    time.
    """

    failures: int = 5
    first: float = 30.0
    longest: float = 600.0
    places: int = 8
    clock: Callable[[], float] = time.monotonic
    _states: dict[Destination, State] = field(default_factory=dict)

    def begin(self, destination: Destination) -> None:
        """An attempt begins."""
        self._states.setdefault(destination, State()).in_flight += 1

    def end(self, destination: Destination, outcome: Outcome | None) -> None:
        """Note the end of an attempt; its outcome is None when nothing was sent."""
        state = self._states[destination]
        state.in_flight -= 1
        if outcome is not None and outcome.verdict is not Verdict.DEFER:
            self._judge(state, outcome)
        if len(self._states) > MOST_REMEMBERED:
            self._forget()

    def wait(self, destination: Destination) -> float:
        """Seconds until the destination may be tried; 0 when it may be now."""
        state = self._states.get(destination)
        return 0.0 if state is None else max(0.0, state.closed_until - self.clock())

    def free(self) -> Mapping[Destination, int]:
        """The number of further messages that each known destination may be sent now; of others, `places`."""
        now = self.clock()
        return {destination: self._free(state, now) for destination, state in self._states.items()}

    def is_open(self, destination: Destination) -> bool:
        """True if the destination is not tried because its attempts failed."""
        state = self._states.get(destination)
        return state is not None and state.failures >= self.failures and self.wait(destination) > 0

    def _free(self, state: State, now: float) -> int:
        if state.closed_until > now:
            return 0
        # One message finds out whether a receiver that has failed takes anything again.
        places = self.places if state.failures == 0 else 1
        return max(0, places - state.in_flight)

    def _judge(self, state: State, outcome: Outcome) -> None:
        now = self.clock()
        if outcome.verdict is Verdict.RETRY and outcome.pause is None:
            state.failures += 1
            if state.failures >= self.failures and state.closed_until <= now:
                state.closed_until = now + min(self.first * 2.0 ** min(state.openings, 30), self.longest)
                state.openings += 1
        elif outcome.verdict is not Verdict.RETRY:
            state.failures = state.openings = 0
        if outcome.pause:
            state.closed_until = max(state.closed_until, now + outcome.pause)

    def _forget(self) -> None:
        now = self.clock()
        idle = [
            destination
            for destination, state in self._states.items()
            if not state.in_flight and state.closed_until <= now
        ]
        for destination in idle[: len(self._states) - MOST_REMEMBERED // 2]:
            del self._states[destination]
