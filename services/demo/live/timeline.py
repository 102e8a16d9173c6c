"""The time of a simulation: who goes on next, one at a time, so that the same seed gives the same course."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Coroutine
from typing import Any


class Timeline:
    """Runs scripts by a time of their own, `speed` of whose seconds pass in one of the clock.

    Only one script works at any moment; it hands over by `pause` or `answered`. Where the work takes longer
    than the time that it stands for, what follows is put off, and nothing is made up for.
    """

    def __init__(self, speed: float = 1.0, *, held: bool = False) -> None:
        """`held` lets no time pass: what comes next comes at once."""
        self.now = 0.0
        self._speed = speed
        self._held = held
        self._order = itertools.count()
        self._due: list[tuple[float, int, asyncio.Future[None]]] = []
        self._handed_over = asyncio.Event()
        self._hurried = asyncio.Event()
        self._scripts: set[asyncio.Task[None]] = set()
        self._started = time.monotonic()

    def begin(self, script: Coroutine[Any, Any, None], after: float = 0.0) -> None:
        """Let a script begin in so many seconds."""
        self._scripts.add(asyncio.get_running_loop().create_task(self._run(script, after)))

    async def pause(self, seconds: float) -> None:
        """Let a script go on after so many seconds."""
        await self._hand_over(seconds)

    async def answered(self, waiting: "asyncio.Future[Any]", seconds: float) -> bool:
        """Let a script go on when something outside of the simulation is done; False after `seconds`."""
        woken = self._enter(seconds)
        waiting.add_done_callback(lambda _: self._hurry(woken))
        self._handed_over.set()
        await woken
        return waiting.done()

    async def run(self, until: float | None = None) -> None:
        """Run until no script is left, or until a time of the simulation.

        Raises: what a script raises; the others are ended then, as when this is cancelled.
        """
        self._started = time.monotonic() - self.now / self._speed
        try:
            await asyncio.sleep(0)  # what was begun takes its place
            while self._due and (until is None or self._due[0][0] <= until):
                at, _, woken = self._due[0]
                if not woken.done() and not await self._reached(at):
                    continue
                heapq.heappop(self._due)
                if woken.done():
                    continue
                self.now = max(self.now, at)
                self._handed_over.clear()
                woken.set_result(None)
                await self._handed_over.wait()
                self._raise_what_failed()
        finally:
            await self._end()

    async def _reached(self, at: float) -> bool:
        """Wait for a time; False where another one is to go on before it."""
        behind = time.monotonic() - self._started - at / self._speed
        if self._held or behind >= 0:
            self._started += max(behind, 0.0)
            await asyncio.sleep(0)
            return not self._hurried.is_set() or self._calm()
        try:
            async with asyncio.timeout(-behind):
                await self._hurried.wait()
        except TimeoutError:
            return True
        self._calm()
        return False

    def _calm(self) -> bool:
        self._hurried.clear()
        return False

    def _enter(self, seconds: float) -> "asyncio.Future[None]":
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._due, (self.now + seconds, next(self._order), woken))
        return woken

    def _hurry(self, woken: "asyncio.Future[None]") -> None:
        if not woken.done():
            heapq.heappush(self._due, (self.now, next(self._order), woken))
            self._hurried.set()

    async def _hand_over(self, seconds: float) -> None:
        woken = self._enter(seconds)
        self._handed_over.set()
        await woken

    async def _run(self, script: Coroutine[Any, Any, None], after: float) -> None:
        try:
            await self._enter(after)
            await script
        finally:
            script.close()
            self._handed_over.set()

    def _raise_what_failed(self) -> None:
        for script in [script for script in self._scripts if script.done()]:
            self._scripts.discard(script)
            script.result()

    async def _end(self) -> None:
        for script in self._scripts:
            script.cancel()
        await asyncio.gather(*self._scripts, return_exceptions=True)
        self._scripts.clear()
        self._due.clear()
