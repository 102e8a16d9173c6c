"""Calls an hour, exact over all processes, without a write for each call (decision 23)."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import bindparam, update

from models import api_call_counts
from services.core.background import Running, repeatedly
from services.core.database import Database
from services.core.errors import RateLimited
from services.core.principal import Principal

_HOUR = timedelta(hours=1)
# A lease is this part of what is left of the hour's quota, so leases shrink to one call at its end.
_LEASE_FRACTION = 20
_MAXIMUM_LEASE = 1_000
# Calls that a process leased and did not use go back, for the others to use.
_IDLE_SECONDS = 5.0


@dataclass(slots=True)
class _Lease:
    """Calls that one process may still let through for one account in one hour.

    `counted` is what all processes had taken when it was renewed. Times are those of time.time().
    """

    renewing: asyncio.Lock = field(default_factory=asyncio.Lock)
    hour: datetime | None = None
    ends_at: float = 0.0
    calls: int = 0
    counted: int = 0
    used_at: float = 0.0
    refused_until: float = 0.0


class ApiCalls(Running):
    """Counts the calls of every account against users.resource_quota.api_calls_per_hour.

    Each process takes calls from the hour's quota in blocks, in advance: the quota is never passed,
    however many processes there are, and a block costs one write. Hours begin at minute 0, UTC.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._leases: dict[int, _Lease] = {}

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        # Without the database nothing can be counted either; the caller is told.
        giving_back = partial(repeatedly, self._give_back_idle, 1.0, "unused_api_calls_not_returned")
        async with self.supervisor.running(giving_back, "unused-api-calls"):
            yield
        await self.close()

    async def admit(self, principal: Principal) -> None:
        """Count one call, or `RateLimited` with `retryAfter` in seconds. Without a quota all calls pass."""
        quota = principal.api_calls_per_hour
        if quota is None:
            return
        lease = self._leases.get(principal.user_id) or self._open(principal.user_id)
        lease.used_at = now = time.time()
        if lease.calls > 0 and lease.ends_at > now:
            lease.calls -= 1
            return
        async with lease.renewing:
            if lease.calls == 0 or lease.ends_at <= now:
                await self._renew(lease, principal.user_id, quota)
            lease.calls -= 1

    async def close(self) -> None:
        """Give back what this process did not use."""
        await self._give_back(idle_since=math.inf)

    def _open(self, user_id: int) -> _Lease:
        lease = self._leases[user_id] = _Lease()
        return lease

    async def _renew(self, lease: _Lease, user_id: int, quota: int) -> None:
        now = time.time()
        if quota < 1 or lease.refused_until > now:
            raise _exhausted(quota, now)
        counted = lease.counted if lease.ends_at > now else 0
        block = min(max((quota - counted) // _LEASE_FRACTION, 1), _MAXIMUM_LEASE)
        for calls in (block, 1):
            if await self._take(lease, user_id, calls, quota):
                return
        # An administrator may give calls back, so this is asked again, though not for each refused call.
        lease.refused_until = now + 1
        raise _exhausted(quota, now)

    async def _take(self, lease: _Lease, user_id: int, calls: int, quota: int) -> bool:
        """Take a block for the hour that the database's clock shows, if the quota still has it."""
        async with self._database.checks.acquire() as connection:
            row = await connection.fetchrow(_TAKE, user_id, calls, quota)
        if row is None:
            return False
        lease.hour, lease.counted = row["hour"], row["calls"]
        lease.ends_at = (row["hour"] + _HOUR).timestamp()
        lease.calls = calls
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
            {"of_user": user_id, "of_hour": lease.hour, "unused": lease.calls}
            for user_id, lease in sorted(idle.items())
            if lease.calls > 0
        ]
        if unused:
            async with self._database.transaction() as connection:
                await connection.execute(_RETURN, unused)


_TAKE = """
INSERT INTO api_call_counts AS counted (user_id, hour, calls)
VALUES ($1, date_trunc('hour', now()), $2)
ON CONFLICT (user_id, hour) DO UPDATE SET calls = counted.calls + $2 WHERE counted.calls + $2 <= $3
RETURNING hour, calls
"""

_RETURN = (
    update(api_call_counts)
    .where(api_call_counts.c.user_id == bindparam("of_user"), api_call_counts.c.hour == bindparam("of_hour"))
    .values(calls=api_call_counts.c.calls - bindparam("unused"))
)


def _exhausted(quota: int, now: float) -> RateLimited:
    wait = math.ceil(_HOUR.total_seconds() - now % _HOUR.total_seconds())
    return RateLimited(
        f"The quota of {quota} API calls an hour is used up; it is renewed in {math.ceil(wait / 60)} min.",
        retryAfter=wait,
    )
