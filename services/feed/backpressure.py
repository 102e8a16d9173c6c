"""How long the feed waits for subscribers that are behind, before it goes on and ends them."""

import asyncio
from collections.abc import Iterable, Sequence

from services.feed.subscribers import Subscriber

_GLANCE = 0.005
_STANDSTILL = 50
"""Glances: whoever takes nothing between so many is not waited for as one of a few. They are counted, because
a pause of the whole process, in which nobody can take anything, is a single one."""


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
        seen = {subscriber: (subscriber.waiting, 0) for subscriber in behind}
        while seen and clock() < until:
            await asyncio.sleep(_GLANCE)
            seen = {
                subscriber: (subscriber.waiting, idle + 1 if subscriber.waiting == waiting else 0)
                for subscriber, (waiting, idle) in seen.items()
                if subscriber.congested and idle < _STANDSTILL
            }


def _behind(subscribers: Iterable[Subscriber]) -> list[Subscriber]:
    return [subscriber for subscriber in subscribers if subscriber.congested]
