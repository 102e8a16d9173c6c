"""The quota of calls an hour: exact over several processes, and far from one write a call."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import event, insert, select, text, update

from app.config.settings import Settings
from models import api_call_counts
from services.accounts.rate_limits import ApiCalls
from services.core.database import Database
from services.core.errors import RateLimited
from services.core.principal import Principal
from tests.integration.accounts.conftest import Account
from tests.support.hours import hold_the_hour
from tests.support.maintaining import maintain


@pytest.fixture
async def processes(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[ApiCalls]]:
    """Three processes that share the database, in an hour that does not end."""
    hold_the_hour(monkeypatch)
    opened = [ApiCalls(database) for _ in range(3)]
    yield opened
    for process in opened:
        await process.close()


def caller(account: Account, quota: int | None) -> Principal:
    return Principal(account.user_id, account.username, is_admin=False, api_calls_per_hour=quota)


async def counted(database: Database) -> Any:
    """The calls that the database has counted."""
    async with database.writer.connect() as connection:
        return (await connection.execute(select(api_call_counts.c.calls))).scalar_one()


async def admitted(process: ApiCalls, principal: Principal, calls: int) -> int:
    """How many of so many calls pass."""
    passed = 0
    for _ in range(calls):
        try:
            await process.admit(principal)
        except RateLimited:
            continue
        passed += 1
    return passed


async def test_several_processes_together_let_exactly_the_quota_through(
    database: Database, processes: list[ApiCalls], alice: Account
) -> None:
    principal = caller(alice, 300)

    passed = await asyncio.gather(*(admitted(process, principal, 200) for process in processes))

    assert sum(passed) == 300
    assert await counted(database) == 300


async def test_past_the_quota_a_call_is_told_when_to_come_back(
    processes: list[ApiCalls], alice: Account
) -> None:
    principal = caller(alice, 2)
    await processes[0].admit(principal)
    await processes[0].admit(principal)

    with pytest.raises(RateLimited) as refusal:
        await processes[0].admit(principal)

    wait = refusal.value.details["retryAfter"]
    assert isinstance(wait, int)
    assert 0 < wait <= 3600


async def test_a_quota_of_nothing_admits_nothing_and_no_quota_admits_all(
    processes: list[ApiCalls], alice: Account
) -> None:
    assert await admitted(processes[0], caller(alice, 0), 3) == 0
    assert await admitted(processes[0], caller(alice, None), 3) == 3


async def test_calls_are_counted_with_few_writes(
    database: Database, processes: list[ApiCalls], alice: Account
) -> None:
    writes: list[str] = []

    @event.listens_for(database.writer.sync_engine, "before_cursor_execute")
    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        writes.append(statement)

    assert await admitted(processes[0], caller(alice, 100_000), 10_000) == 10_000
    assert len(writes) <= 11


async def test_calls_at_the_same_time_share_one_block(
    database: Database, processes: list[ApiCalls], alice: Account
) -> None:
    principal = caller(alice, 1_000)

    await asyncio.gather(*(processes[0].admit(principal) for _ in range(50)))

    assert await counted(database) == 50


async def test_what_a_process_does_not_use_goes_back(
    database: Database, processes: list[ApiCalls], alice: Account
) -> None:
    await processes[0].admit(caller(alice, 1_000))
    assert await counted(database) == 50

    await processes[0].close()

    assert await counted(database) == 1


async def test_the_next_hour_begins_with_the_whole_quota(
    database: Database, processes: list[ApiCalls], alice: Account
) -> None:
    async with database.transaction() as connection:
        await connection.execute(
            insert(api_call_counts).values(
                user_id=alice.user_id, hour=text("date_trunc('hour', now()) - interval '1 hour'"), calls=5
            )
        )

    assert await admitted(processes[0], caller(alice, 5), 6) == 5


async def test_maintenance_deletes_hours_that_have_passed(
    settings: Settings, database: Database, processes: list[ApiCalls], alice: Account
) -> None:
    await processes[0].admit(caller(alice, 5))
    await maintain(settings, database)
    assert await counted(database) == 1

    async with database.transaction() as connection:
        await connection.execute(
            update(api_call_counts).values(hour=text("date_trunc('hour', now()) - interval '1 hour'"))
        )
    assert (await maintain(settings, database))["tokens"].done == {"api_call_counts": 1}
    async with database.transaction() as connection:
        assert (await connection.execute(select(api_call_counts))).all() == []
