"""What connections keep of statements: bounded by their texts, on every pool, and replaced with time."""

from pathlib import Path

import pytest
from sqlalchemy import text

from app.config.settings import Settings
from app.database import pools
from app.database.connection_pool import ConnectionPool
from app.database.statement_cache import LARGE, MOST_CHARACTERS
from services.core.database import Database, WritePool
from tests.support.clock import Clock
from tests.support.waiting import until

KEPT = "SELECT count(*), coalesce(sum(length(statement)), 0) FROM pg_prepared_statements"
GROWTH = 64_000_000
"""Bytes."""


def private_memory(process: int) -> int:
    """Bytes of a process that no other one shares."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Pools of one connection: while that one is tidied up, no second one is opened."""
    monkeypatch.setattr(pools, "FEED_CONNECTIONS", 0)
    return settings.model_copy(update={"read_pool_size": 1, "write_pool_size": 1})


@pytest.fixture(params=["reader", "autocommit"])
def pool(request: pytest.FixtureRequest, database: Database) -> WritePool:
    """A pool that lends one connection again and again."""
    found: WritePool = getattr(database, request.param)
    return found


def many_conditions(number: int, conditions: int) -> str:
    """A statement that no other one is equal to."""
    alternatives = " OR ".join(
        f"id = '{number:08}-0000-4000-8000-{place:012}'::uuid" for place in range(conditions)
    )
    return f"SELECT count(*) FROM tasks WHERE {alternatives}"


async def test_large_statements_leave_nothing_behind(pool: WritePool) -> None:
    async with pool.acquire() as connection:
        process = connection.get_server_pid()
        before = private_memory(process)
    for number in range(40):
        statement = many_conditions(number, 2_200)
        size = len(statement)
        assert size > 100_000 > LARGE
        found = await pool.fetchval(statement)
        assert found == 0
    async with pool.acquire() as connection:
        assert connection.get_server_pid() == process
        assert (await connection.fetch(KEPT))[0]["count"] <= 5
        assert private_memory(process) - before < GROWTH


async def test_many_statements_are_kept_as_far_as_their_texts_go(pool: WritePool) -> None:
    async with pool.acquire() as connection:
        process = connection.get_server_pid()
        before = private_memory(process)
    for number in range(1_500):
        await pool.fetchval(many_conditions(number, 25))
    async with pool.acquire() as connection:
        ((count, characters),) = await connection.fetch(KEPT)
        assert 50 < count < 150
        assert MOST_CHARACTERS * 0.8 < characters <= MOST_CHARACTERS * 1.1
        assert private_memory(process) - before < GROWTH


async def test_transactions_keep_no_more(database: Database) -> None:
    for number in range(300):
        async with database.transaction() as connection:
            await connection.execute(text(many_conditions(number, 25)))
    async with database.transaction() as connection:
        kept = (await connection.execute(text(KEPT))).one()
    assert kept[1] < MOST_CHARACTERS * 1.1


async def test_what_is_asked_often_stays_prepared(pool: WritePool) -> None:
    often = many_conditions(0, 20)
    for number in range(300):
        await pool.fetchval(often)
        await pool.fetchval(many_conditions(number + 1, 25))
    found = await pool.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE statement = $1", often)
    assert found == 1


async def test_an_old_connection_is_replaced(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    pool = ConnectionPool(lambda: pools.connect_reader(settings, url), 1, lifetime=60)
    clock = Clock()
    monkeypatch.setattr("app.database.connection_pool.time.monotonic", clock)
    try:
        process = await pool.fetchval("SELECT pg_backend_pid()")
        assert await pool.fetchval("SELECT pg_backend_pid()") == process
        clock.now += 61
        assert await pool.fetchval("SELECT pg_backend_pid()") == process, "it ends when it comes back"
        assert await pool.fetchval("SELECT pg_backend_pid()") != process
        await until(lambda: _is_gone(pool, process))
    finally:
        await pool.close()


async def _is_gone(pool: ConnectionPool, process: int) -> bool:
    left = await pool.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", process)
    return bool(left == 0)
