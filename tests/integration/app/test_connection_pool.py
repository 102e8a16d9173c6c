"""Connections that are lent to one user at a time."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from app.database.connection_pool import ConnectionPool
from services.core.database import Connection
from services.core.database_errors import is_away
from tests.support.relay import relay
from tests.support.waiting import PATIENCE, until


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[ConnectionPool]:
    """Two connections at most."""
    opened = ConnectionPool(partial(asyncpg.connect, database_url), 2)
    yield opened
    await opened.close()


async def taken(*tasks: asyncio.Task[Connection]) -> list[bool]:
    """Which of them have a connection, after everybody had a turn."""
    for _ in range(5):
        await asyncio.sleep(0)
    return [task.done() for task in tasks]


async def ask(url: str, sql: str, *parameters: object) -> Any:
    """A value, by a connection beside the pool's."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql, *parameters)
    finally:
        await connection.close()


async def test_the_connection_that_came_back_last_is_lent_first(pool: ConnectionPool) -> None:
    first, second = await pool.acquire(), await pool.acquire()
    assert first is not second
    pool.release(second)
    pool.release(first)
    assert await pool.acquire() is first
    assert await pool.acquire() is second
    pool.release(first)
    pool.release(second)


async def test_those_who_wait_are_served_in_order(pool: ConnectionPool) -> None:
    held = [await pool.acquire(), await pool.acquire()]
    one, other = asyncio.ensure_future(pool.acquire()), asyncio.ensure_future(pool.acquire())
    assert await taken(one, other) == [False, False]
    pool.release(held[0])
    late = asyncio.ensure_future(pool.acquire())
    assert await taken(one, other, late) == [True, False, False]
    pool.release(held[1])
    assert await taken(other, late) == [True, False]
    pool.release(await one)
    assert await taken(late) == [True]
    pool.release(await other)
    pool.release(await late)


async def test_a_connection_handed_to_somebody_who_has_just_given_up_goes_to_the_next(
    pool: ConnectionPool,
) -> None:
    held = [await pool.acquire(), await pool.acquire()]
    gone, impatient, patient = (asyncio.ensure_future(pool.acquire()) for _ in range(3))
    assert await taken(gone, impatient, patient) == [False, False, False]
    gone.cancel()
    await taken(gone)
    pool.release(held[0])
    impatient.cancel()
    assert await taken(impatient, patient) == [True, True]
    assert impatient.cancelled()
    assert await patient is held[0]
    pool.release(held[0])
    pool.release(held[1])
    assert {await pool.acquire(), await pool.acquire()} == set(held)
    for connection in held:
        pool.release(connection)


async def test_a_lost_connection_is_replaced(pool: ConnectionPool) -> None:
    async with pool.acquire() as lost:
        with pytest.raises(asyncpg.PostgresConnectionError):
            await lost.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    async with pool.acquire() as one, pool.acquire() as another:
        assert lost not in (one, another)
        assert await another.fetchval("SELECT 1") == await one.fetchval("SELECT 1") == 1


async def test_whoever_waits_gets_a_new_connection_for_a_lost_one(pool: ConnectionPool) -> None:
    held = [await pool.acquire(), await pool.acquire()]
    waiting = asyncio.ensure_future(pool.acquire())
    await taken(waiting)
    held[0].terminate()
    pool.release(held[0])
    assert await (await waiting).fetchval("SELECT 1") == 1
    pool.release(await waiting)
    pool.release(held[1])


async def test_a_connection_whose_server_says_that_it_ends_is_replaced_before_it_is_closed(
    database_url: str,
) -> None:
    async def through() -> Connection:
        return await asyncpg.connect(
            f"postgresql://ccgraph@127.0.0.1:{wires.port}{urlsplit(database_url).path}"
        )

    socket = parse_qs(urlsplit(database_url).query)["host"][0] + "/.s.PGSQL.5432"
    async with relay(partial(asyncio.open_unix_connection, socket), keeps_open=True) as wires:
        pool = ConnectionPool(through, 1)
        process = await pool.fetchval("SELECT pg_backend_pid()")
        await ask(database_url, "SELECT pg_terminate_backend($1)", process)
        # A query that is under way when the server ends would wait for this network for ever.
        gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)"
        await until(lambda: ask(database_url, gone, process))
        await until(lambda: wires.ended == 1)
        for _ in range(10):  # turns of the event loop, in which its last words come through
            await asyncio.sleep(0)
        with pytest.raises(Exception) as raised:  # noqa: PT011 - what asyncpg says of it is its own affair
            await pool.fetchval("SELECT 1")
        assert is_away(raised.value)
        assert await pool.fetchval("SELECT pg_backend_pid()") != process
        await pool.close()


async def test_a_cancelled_user_leaves_a_connection_that_works(
    pool: ConnectionPool, database_url: str
) -> None:
    async def sleep() -> None:
        async with pool.acquire() as connection:
            await connection.execute("SET work_mem = '64kB'; SELECT pg_sleep(600)")

    sleeping = [asyncio.create_task(sleep()) for _ in range(2)]
    both_sleep = (
        "SELECT count(*) = 2 FROM pg_stat_activity"
        " WHERE wait_event = 'PgSleep' AND datname = current_database()"
    )
    await until(lambda: ask(database_url, both_sleep))
    for task in sleeping:
        task.cancel()
    async with asyncio.timeout(PATIENCE):
        assert await pool.fetchval("SHOW work_mem") == "4MB"
        async with pool.acquire() as one, pool.acquire() as other:
            assert one is not other
            assert await other.fetchval("SELECT 2") == 2


async def test_a_transaction_that_is_left_open_is_rolled_back(pool: ConnectionPool) -> None:
    async def begin_and_fail() -> None:
        async with pool.acquire() as connection:
            await connection.execute("BEGIN; CREATE TABLE kept (n int)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await begin_and_fail()
    assert await pool.fetchval("SELECT to_regclass('kept')") is None


async def test_opening_that_fails_takes_no_place(database_url: str) -> None:
    attempts = 0

    async def connect() -> Connection:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise ConnectionRefusedError
        return await asyncpg.connect(database_url)

    pool = ConnectionPool(connect, 1)
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            await pool.acquire()
    assert await pool.fetchval("SELECT 1") == 1
    await pool.close()


async def test_closing_waits_for_what_is_lent_and_refuses_everybody_else(pool: ConnectionPool) -> None:
    held = [await pool.acquire(), await pool.acquire()]
    waiting = asyncio.ensure_future(pool.acquire())
    await taken(waiting)
    closing = asyncio.create_task(pool.close(within=PATIENCE))
    with pytest.raises(asyncpg.InterfaceError):
        await waiting
    with pytest.raises(asyncpg.InterfaceError):
        await pool.acquire()
    assert await held[0].fetchval("SELECT 1") == 1
    assert not closing.done()
    for connection in held:
        pool.release(connection)
    await closing
    assert all(connection.is_closed() for connection in held)


async def test_closing_ends_what_does_not_come_back(pool: ConnectionPool) -> None:
    held = await pool.acquire()
    running = asyncio.create_task(held.execute("SELECT pg_sleep(600)"))
    await asyncio.sleep(0)
    await pool.close(within=0.1)
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
        await running
    assert held.is_closed()
