"""Receipts of all sockets: how late, and whether each of them got every event once and in order."""

import asyncio
import contextlib
import re
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from benchmarks.sockets import Client

_AT = re.compile(rb'"at":"([^"]+)"')
_CURSOR = re.compile(rb'"cursor":"([^"]+)"')


@dataclass(slots=True)
class Receipts:
    """`latencies` are in seconds, of every receipt since `clear`. A message to many sockets is read once.

    Events are numbered as they are first seen, so a socket that gets each of them once and in order gets the
    numbers in order too; the cursors of what it got otherwise are in `wrong`.
    """

    latencies: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    _numbers: dict[bytes, int] = field(default_factory=dict)
    _known: dict[bytes, tuple[int, float]] = field(default_factory=dict)
    _awaited: int = 0
    _there: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def events(self) -> int:
        """The number of different events that were seen so far."""
        return len(self._numbers)

    @property
    def times(self) -> list[float]:
        """The times of the events since `clear`, in the order in which they were first seen."""
        return [at for _, at in sorted(set(self._known.values()))]

    def take(self, client: Client, frame: bytes) -> None:
        """Note one receipt."""
        now = time.time()
        number, at = self._known.get(frame) or self._read(frame)
        self.latencies.append(now - at)
        if len(self.latencies) == self._awaited:
            self._there.set()
        if number != client.count:
            self.wrong.append(f"{number} in place of {client.count}: {frame.decode()}")

    async def wait(self, receipts: int, seconds: float = 60) -> None:
        """Wait until there were so many since `clear`, at most some seconds."""
        self._awaited = receipts
        if len(self.latencies) < receipts:
            self._there.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._there.wait(), seconds)

    def clear(self) -> None:
        """Forget the latencies, and the messages, which are not delivered any more."""
        self.latencies = []
        self._known = {}

    def verdict(self, clients: Collection[Client], expected: int) -> str:
        """A phrase: all sockets got the `expected` events, each once and in order, or what is wrong."""
        short = sum(client.count != expected for client in clients)
        if not self.wrong and not short and self.events == expected:
            return "exactly"
        return f"NOT EXACTLY: {short} sockets got more or less, {len(self.wrong)} events out of place"

    def _read(self, frame: bytes) -> tuple[int, float]:
        at, cursor = _AT.search(frame), _CURSOR.search(frame)
        if at is None or cursor is None:
            raise RuntimeError(f"not an event: {frame.decode()}")
        number = self._numbers.setdefault(cursor[1], len(self._numbers))
        known = number, datetime.fromisoformat(at[1].decode()).timestamp()
        self._known[frame] = known
        return known
