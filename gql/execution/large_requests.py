"""Reads large requests beside the event loop, so that those of one person hold up no other's answers."""

import asyncio
import sys
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from services.core.fair_shares import FairShares

LARGE_DOCUMENT = 4_000
"""Characters of a document that is not known: to parse and validate these takes about 10 ms."""

LARGE_REQUEST = 50_000
"""Bytes of a request with its variables, which take as long to coerce."""

MOST_WAITING = 50
"""Large requests of one person that wait; each may be in memory as a thousand small ones."""

LONGEST_WAIT = 30.0
"""Seconds."""

SWITCH_INTERVAL = 0.0005
"""Seconds that the thread keeps the interpreter from the event loop; Python's default is ten times that."""

Result = TypeVar("Result")


class LargeRequests:
    """Does work in one thread, one request of each person at a time.

    A second thread would make nothing faster, and the event loop would wait for both.
    """

    def __init__(self) -> None:
        # For the process: a small request gets the interpreter several times before it is answered.
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._thread = ThreadPoolExecutor(1, "large requests")
        self._shares = FairShares(1, most_waiting=MOST_WAITING, longest_wait=LONGEST_WAIT)

    async def do(self, person: Hashable, work: Callable[..., Result], *arguments: Any) -> Result:
        """Run `work` in the thread, in the person's turn: gives what it gives, and raises what it raises.

        Raises: RateLimited when too many requests of the person wait, or this one has waited too long.
        """
        async with self._shares.of(person):
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)
