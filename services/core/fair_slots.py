"""A bounded number of slots, shared by accounts so that none of them can hold all."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

PATIENCE = 0.015
"""Seconds that another one may hold the preferred slot; whoever waits for it then takes any that is free."""


class _Waiting:
    """One who waits for a slot; `preferred` is None when any slot will do."""

    __slots__ = ("granted", "preferred")

    def __init__(self, preferred: int | None) -> None:
        self.granted: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.preferred = preferred


class FairSlots:
    """`total` slots, numbered from 0, of which one account holds `each` at most.

    Accounts that wait are served in turn, and the requests of one account in the order in which they came, as
    far as their preferred slots are free.
    """

    def __init__(self, total: int, each: int) -> None:
        self._each = each
        self._free = set(range(total))
        self._since = [0.0] * total
        self._held: Counter[Hashable] = Counter()
        self._waiting: dict[Hashable, deque[_Waiting]] = {}

    @asynccontextmanager
    async def slot(self, account: Hashable, preferred: int | None = None) -> AsyncIterator[int]:
        """Hold a slot for the length of the block; `preferred` is the number of the one that suits best."""
        number = await self._acquire(account, preferred)
        try:
            yield number
        finally:
            self._release(account, number)

    async def _acquire(self, account: Hashable, preferred: int | None) -> int:
        waiting = _Waiting(preferred)
        self._waiting.setdefault(account, deque()).append(waiting)
        self._grant()
        if not waiting.granted.done() and preferred is not None:
            asyncio.get_running_loop().call_later(PATIENCE, self._look_again, waiting)
        try:
            return await waiting.granted
        except asyncio.CancelledError:
            if waiting.granted.done() and not waiting.granted.cancelled():
                self._release(account, waiting.granted.result())
            else:
                self._forget(account, waiting)
            raise

    def _look_again(self, waiting: _Waiting) -> None:
        """Let it have any slot if its preferred one is held for long; a long line in front of it moves on."""
        if waiting.granted.done() or waiting.preferred is None:
            return
        loop = asyncio.get_running_loop()
        if waiting.preferred not in self._free and loop.time() - self._since[waiting.preferred] > PATIENCE:
            waiting.preferred = None
            self._grant()
        else:
            loop.call_later(PATIENCE, self._look_again, waiting)

    def _release(self, account: Hashable, number: int) -> None:
        self._free.add(number)
        self._held[account] -= 1
        if not self._held[account]:
            del self._held[account]
        self._grant()

    def _forget(self, account: Hashable, waiting: _Waiting) -> None:
        queue = self._waiting.get(account)
        if queue is not None and waiting in queue:
            queue.remove(waiting)
            if not queue:
                del self._waiting[account]

    def _grant(self) -> None:
        """Give the free slots away; an account that got one goes to the end of the line."""
        granted = True
        while granted and self._free:
            granted = False
            for account in [*self._waiting]:
                if self._held[account] < self._each and self._grant_to(account):
                    granted = True
                if not self._free:
                    return

    def _grant_to(self, account: Hashable) -> bool:
        queue = self._waiting[account]
        suits = (waiting for waiting in queue if waiting.preferred is None or waiting.preferred in self._free)
        first = next(suits, None)
        if first is None:
            return False
        number = min(self._free) if first.preferred is None else first.preferred
        self._free.discard(number)
        self._since[number] = asyncio.get_running_loop().time()
        self._held[account] += 1
        first.granted.set_result(number)
        queue.remove(first)
        del self._waiting[account]
        if queue:
            self._waiting[account] = queue
        return True
