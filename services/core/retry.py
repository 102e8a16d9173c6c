"""Tries again what could not be done while the database, or another server, was away."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from services.core.database_errors import is_away

log = structlog.get_logger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds between attempts: `first` at most after the first failure, twice as much after each other one.

    No pause is longer than `longest`, nor shorter than half of what it could be: chance decides, so that
    processes that failed together do not come back together.
    """

    first: float = 0.1
    longest: float = 1.0

    def delay(self, failures: int) -> float:
        """The pause after so many failures in a row, 1 or more."""
        full = min(self.first * 2.0 ** min(failures - 1, 30), self.longest)
        share: float = random.uniform(0.5, 1)  # noqa: S311 - no secret rests on it
        return full * share


USUAL = Backoff()


async def retry(
    work: Callable[[], Awaitable[Result]],
    failed: str,
    *,
    helps: Callable[[Exception], bool] = is_away,
    backoff: Backoff = USUAL,
    within: float | None = None,
    tell: Callable[[Exception], None] | None = None,
) -> Result:
    """The result of `work`, tried until it succeeds; by default for as long as the database is away.

    `helps` says of an error whether another attempt helps. `within` is in seconds: no attempt begins later.
    The failures are logged as `failed`, by their type, each time when there are twice as many; or `tell` is
    called with each. An attempt
    that lasted longer than the longest pause did something, so the pauses begin anew after it.

    Raises: the last error, when another attempt does not help or comes too late. A cancellation ends it.
    """
    clock = asyncio.get_running_loop().time
    begun = clock()
    failures = 0
    while True:
        started = clock()
        try:
            return await work()
        except Exception as error:
            failures = 1 if clock() - started > backoff.longest else failures + 1
            delay = backoff.delay(failures)
            if not helps(error) or (within is not None and clock() + delay - begun > within):
                raise
            if tell is not None:
                tell(error)
            elif not failures & (failures - 1):
                log.warning(
                    failed, error=type(error).__qualname__, failures=failures, retry_in=round(delay, 3)
                )
        await asyncio.sleep(delay)
