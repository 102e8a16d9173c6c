"""How long the feed waits for subscribers that are behind, before it goes on and ends them."""

import asyncio
from collections.abc import Iterable, Sequence

from services.feed.subscribers import Subscriber

_GLANCE = 0.005
_STANDSTILL = 0.25
"""Seconds: whoever takes nothing for so long is not waited for as one of a few."""


class Patience:
    """While most subscribers are behind, everybody waits: each time at most `seconds`, None without end.

    Of the few who are behind those are waited for who keep taking, `seconds` for all times together: a burst
    that is longer than any queue would end whoever is a little slower than most. Who takes nothing holds up
    nobody. `population` is the number of all subscribers, be they reached or not.
    """

    def __init__(self, seconds: float | None, population: int = 1) -> None:
        self._seconds = seconds
        self._grace = seconds or 0.0
        self._population = population

    async def drain(self, reached: Sequence[Subscriber]) -> None:
        """Wait for those of `reached` who are behind; returns at once when nobody is."""
        clock = asyncio.get_running_loop().time
        started = clock()
        behind = _behind(reached)
        while 2 * len(behind) > self._population and (
            self._seconds is None or clock() - started < self._seconds
        ):
            await asyncio.sleep(_GLANCE)
            behind = _behind(behind)
        if behind and self._grace > 0:
            started = clock()
            await self._drain_few(behind)
            self._grace -= clock() - started

    async def _drain_few(self, behind: Sequence[Subscriber]) -> None:
        clock = asyncio.get_running_loop().time
        until = clock() + self._grace
        taking = dict.fromkeys(behind, (0, 0.0))
        while taking and clock() < until:
            now = clock()
            for subscriber, (waiting, _) in taking.items():
                if subscriber.waiting != waiting:
                    taking[subscriber] = (subscriber.waiting, now)
            await asyncio.sleep(_GLANCE)
            taking = {
                subscriber: (waiting, since)
                for subscriber, (waiting, since) in taking.items()
                if subscriber.congested and clock() - since < _STANDSTILL
            }


def _behind(subscribers: Iterable[Subscriber]) -> list[Subscriber]:
    return [subscriber for subscriber in subscribers if subscriber.congested]
