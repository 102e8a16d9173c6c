"""Calls an hour and the like: exact over all processes, without a write for each call (decision 23)."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import TextClause, text

from services.core.background import Running, repeatedly
from services.core.database import Database
from services.core.errors import RateLimited
from services.core.principal import Principal

_HOUR = timedelta(hours=1)
# A lease is this part of what is left of the hour's quota, so leases shrink to one call at its end.
_LEASE_FRACTION = 20
_THIS_HOUR = "date_trunc('hour', now())"
# What a process leased and did not use goes back, for the others to use.
_IDLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter: a column of a table with a row for each person and hour.

    `longest_lease` is how many a process takes in advance at most. `task` names the side task that gives back
    what was not used. `told` has the places `{quota}` and `{minutes}`.
    """

    table: str
    column: str
    longest_lease: int
    task: str
    told: str

    @property
    def take(self) -> str:
        """SQL that counts $2 more for the person $1, where they fit into $3."""
        table, column = self.table, self.column
        return (
            f"INSERT INTO {table} AS counted (user_id, hour, {column})"
            f" VALUES ($1, {_THIS_HOUR}, $2)"
            f" ON CONFLICT (user_id, hour) DO UPDATE SET {column} = counted.{column} + $2"
            f" WHERE counted.{column} + $2 <= $3 RETURNING hour, {column}"
        )

    @property
    def give_back(self) -> TextClause:
        """SQL that counts fewer."""
        return text(
            f"UPDATE {self.table} SET {self.column} = {self.column} - :unused"
            " WHERE user_id = :of_user AND hour = :of_hour"
        )


API_CALLS: Final = Counter(
    "api_call_counts",
    "calls",
    1_000,
    "unused-api-calls",
    "The quota of {quota} API calls an hour is used up; it is renewed in {minutes} min.",
)


@dataclass(slots=True)
class _Lease:
    """The calls that one process may still let through for one account in one hour.

    `counted` is what all processes had taken when it was renewed. Times are those of time.time().
    """

    renewing: asyncio.Lock = field(default_factory=asyncio.Lock)
    hour: datetime | None = None
    ends_at: float = 0.0
    left: int = 0
    counted: int = 0
    used_at: float = 0.0
    refused: int = 0
    refused_until: float = 0.0


class HourlyQuota(Running):
    """Counts what accounts take against a quota an hour.

    Each process takes from the hour's quota in blocks, in advance: the quota is never passed, however many
    processes there are, and a block costs one write. Hours begin at minute 0, UTC.
    """

    def __init__(self, database: Database, counter: Counter) -> None:
        self._database = database
        self._counter = counter
        self._leases: dict[int, _Lease] = {}

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        # Without the database nothing can be counted either; the caller is told.
        failed = f"{self._counter.task.replace('-', '_')}_not_returned"
        giving_back = partial(repeatedly, self._give_back_idle, 1.0, failed)
        async with self.supervisor.running(giving_back, self._counter.task):
            yield
        await self.close()

    async def take(self, user_id: int, quota: int, amount: int = 1) -> None:
        """Count so many, or `RateLimited` with `retryAfter` in seconds."""
        lease = self._leases.get(user_id) or self._open(user_id)
        lease.used_at = now = time.time()
        if lease.left >= amount and lease.ends_at > now:
            lease.left -= amount
            return
        async with lease.renewing:
            if lease.left < amount or lease.ends_at <= now:
                await self._renew(lease, user_id, quota, amount)
            lease.left -= amount

    async def close(self) -> None:
        """Give back what this process did not use."""
        await self._give_back(idle_since=math.inf)

    def _open(self, user_id: int) -> _Lease:
        lease = self._leases[user_id] = _Lease()
        return lease

    async def _renew(self, lease: _Lease, user_id: int, quota: int, amount: int) -> None:
        now = time.time()
        if quota < amount or (lease.refused_until > now and amount >= lease.refused):
            raise self._exhausted(quota, now)
        current = lease.ends_at > now
        counted = lease.counted if current else 0
        block = min(max((quota - counted) // _LEASE_FRACTION, 1), self._counter.longest_lease)
        lacking = amount - lease.left if current else amount
        for more in (max(block, lacking), lacking):
            if await self._take(lease, user_id, more, quota):
                return
        # Others may give some back, so this is asked again, though not for each refused call.
        lease.refused, lease.refused_until = amount, now + 1
        raise self._exhausted(quota, now)

    async def _take(self, lease: _Lease, user_id: int, more: int, quota: int) -> bool:
        """Take a block for the hour that the database's clock shows, if the quota still has it."""
        async with self._database.checks.acquire() as connection:
            row = await connection.fetchrow(self._counter.take, user_id, more, quota)
        if row is None:
            return False
        lease.left = more + (lease.left if row["hour"] == lease.hour else 0)
        lease.hour, lease.counted = row["hour"], row[self._counter.column]
        lease.ends_at = (row["hour"] + _HOUR).timestamp()
        return True

    async def _give_back_idle(self) -> None:
        await self._give_back(idle_since=time.time() - _IDLE_SECONDS)

    async def _give_back(self, idle_since: float) -> None:
        idle = {
            user_id: lease
            for user_id, lease in self._leases.items()
            if lease.used_at < idle_since and not lease.renewing.locked()
        }
        for user_id in idle:
            del self._leases[user_id]
        unused = [
            {"of_user": user_id, "of_hour": lease.hour, "unused": lease.left}
            for user_id, lease in sorted(idle.items())
            if lease.left > 0
        ]
        if unused:
            async with self._database.transaction() as connection:
                await connection.execute(self._counter.give_back, unused)

    def _exhausted(self, quota: int, now: float) -> RateLimited:
        wait = math.ceil(_HOUR.total_seconds() - now % _HOUR.total_seconds())
        minutes = math.ceil(wait / 60)
        return RateLimited(self._counter.told.format(quota=quota, minutes=minutes), retryAfter=wait)


class ApiCalls(HourlyQuota):
    """Counts the calls of every account against users.resource_quota.api_calls_per_hour."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, API_CALLS)

    async def admit(self, principal: Principal) -> None:
        """Count one call, or `RateLimited` with `retryAfter` in seconds. Without a quota all calls pass."""
        if principal.api_calls_per_hour is not None:
            await self.take(principal.user_id, principal.api_calls_per_hour)
