"""Clocks that go on only when a test says so."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any


@dataclass(slots=True)
class Clock:
    """Stands in for `time.time` or `time.monotonic`; `now` is in seconds."""

    now: float = 0.0

    def __call__(self) -> float:
        """The time of the clock."""
        return self.now


class HeldLoop:
    """Stands in for the running event loop, whose time goes on only by `advance`; all else is the loop's."""

    def __init__(self) -> None:
        self._now = 0.0
        self._timers: list[tuple[float, asyncio.Handle]] = []
        self._loop = asyncio.get_running_loop()

    def __getattr__(self, name: str) -> Any:
        """The loop's own attribute, for what it does at once."""
        return getattr(self._loop, name)

    def time(self) -> float:
        """The time of its clock, in seconds."""
        return self._now

    def call_later(self, delay: float, callback: Callable[..., object], *arguments: Any) -> asyncio.Handle:
        """Call it once so many seconds have passed."""
        return self.call_at(self._now + delay, callback, *arguments)

    def call_at(self, when: float, callback: Callable[..., object], *arguments: Any) -> asyncio.Handle:
        """Call it at that time."""
        handle = asyncio.Handle(callback, arguments, self._loop)
        self._timers.append((when, handle))
        return handle

    async def advance(self, seconds: float) -> None:
        """Let time pass: what becomes due is called. Tasks have turns before and after."""
        await turns()
        self._now += seconds
        for timer in sorted(self._timers, key=itemgetter(0)):
            when, handle = timer
            if when <= self._now:
                self._timers.remove(timer)
                if not handle.cancelled():
                    handle._run()
        await turns()


async def turns(number: int = 10) -> None:
    """Let the loop go round so many times: what is due at once is done."""
    for _ in range(number):
        await asyncio.sleep(0)
