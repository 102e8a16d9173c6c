"""Budgets of an hour for what a person hands in, in records and bytes: apart from the calls of the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from services.accounts.rate_limits import Counter, HourlyQuota
from services.core.background import Running
from services.core.database import Database
from services.core.principal import Principal

RECORDS: Final = Counter(
    "ingest_counts",
    "records",
    20_000,
    "unused-ingest-records",
    "The budget of {quota} records an hour is used up; it is renewed in {minutes} min. Keep them until then.",
)
BYTES: Final = Counter(
    "ingest_counts",
    "bytes",
    50_000_000,
    "unused-ingest-bytes",
    "The budget of {quota} bytes an hour is used up; it is renewed in {minutes} min. Keep them until then.",
)


@dataclass(frozen=True, slots=True)
class Budget:
    """The budget of each person for an hour."""

    records: int
    bytes: int


class Budgets(Running):
    """Counts the records of people against their budgets, exactly over all processes."""

    def __init__(self, database: Database, budget: Budget) -> None:
        self._records = HourlyQuota(database, RECORDS)
        self._bytes = HourlyQuota(database, BYTES)
        self._budget = budget

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        async with self._records.watched_by(self.supervisor), self._bytes.watched_by(self.supervisor):
            yield

    async def admit(self, principal: Principal, records: int, size: int) -> None:
        """Count so many records of `size` bytes in all, or `RateLimited` with `retryAfter` in seconds."""
        await self._records.take(principal.user_id, self._budget.records, records)
        await self._bytes.take(principal.user_id, self._budget.bytes, size)
