"""Wake-ups reach other processes, and come back by themselves when the broker was away."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from weakref import WeakKeyDictionary

import pytest

from services.feed.wakeup import Wakeup, WakeupEvent
from tests.integration.feed.conftest import Writer
from tests.support.redis import RedisServer, redis_server
from tests.support.relay import Relay, relay
from tests.support.waiting import PATIENCE, until


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own."""
    with redis_server(tmp_path) as server:
        yield server


_EVENTS: WeakKeyDictionary[Wakeup, WakeupEvent] = WeakKeyDictionary()


async def hears(wakeup: Wakeup, seconds: float = PATIENCE) -> bool:
    """Whether a wake-up comes in time."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    if wakeup not in _EVENTS:
        _EVENTS[wakeup] = wakeup.event()
    await _EVENTS[wakeup].wait(seconds)
    return loop.time() - started < seconds * 0.95


async def heard_from(ringing: Wakeup, listening: Wakeup, attempts: int = 600) -> bool:
    """Whether ringing at one process is heard at another sooner or later."""
    for _ in range(attempts):
        ringing.notify()
        if await hears(listening, 0.1):
            return True
    return False


async def quiet(wakeup: Wakeup) -> None:
    """Let the wake-up that a new connection gives pass."""
    while await hears(wakeup, 0.3):
        pass


async def test_ringing_wakes_the_reader_of_the_same_process() -> None:
    async with Wakeup("memory://") as wakeup:
        await quiet(wakeup)
        wakeup.notify()
        assert await hears(wakeup)


async def test_postgresql_carries_a_wake_up_to_another_process(database_url: str) -> None:
    async with Wakeup(database_url) as here, Wakeup(database_url) as there:
        await quiet(here)
        await quiet(there)
        here.notify()
        assert await hears(there)


LISTENERS = (
    "pg_stat_activity WHERE datname = current_database() AND query ILIKE '%listen%' AND state = 'idle'"
    " AND pid <> pg_backend_pid()"
)


async def test_a_listener_whose_connection_is_cut_wakes_up_and_hears_again(
    database_url: str, writer: Writer
) -> None:
    async with Wakeup(database_url) as here, Wakeup(database_url) as there:
        await until(lambda: writer.fetchval(f"SELECT count(*) = 2 FROM {LISTENERS}"))
        await quiet(here)
        await quiet(there)
        assert await writer.fetchval(f"SELECT count(pg_terminate_backend(pid)) FROM {LISTENERS}") == 2
        assert await hears(there)  # something may have been missed
        assert await heard_from(here, there)


@pytest.mark.redis
async def test_redis_carries_a_wake_up_to_another_process(redis: RedisServer) -> None:
    async with Wakeup(redis.url) as here, Wakeup(redis.url) as there:
        await quiet(here)
        await quiet(there)
        here.notify()
        assert await hears(there)


@pytest.mark.redis
async def test_wake_ups_come_back_after_redis_was_away_and_ringing_never_fails(redis: RedisServer) -> None:
    async with Wakeup(redis.url) as here, Wakeup(redis.url) as there:
        await quiet(here)
        await quiet(there)
        redis.stop()
        here.notify()
        assert await hears(here)  # this process needs no broker
        redis.start()
        assert await heard_from(here, there)


async def hears_again_behind_a_cut(wires: Relay, here_url: str, there_url: str) -> None:
    """Assert that a listener whose connection is silent for ever makes a new one, and hears of wake-ups."""
    async with Wakeup(here_url) as here, Wakeup(there_url) as there:
        await quiet(there)
        wires.cut()
        await until(lambda: wires.accepted > 1)
        await quiet(there)
        here.notify()
        assert await hears(there)


@asynccontextmanager
async def relayed(database_url: str, *, keeps_open: bool = False) -> AsyncIterator[tuple[Relay, str]]:
    """A relay before PostgreSQL, and the URL of the database through it."""
    socket = parse_qs(urlsplit(database_url).query)["host"][0] + "/.s.PGSQL.5432"
    async with relay(partial(asyncio.open_unix_connection, socket), keeps_open=keeps_open) as wires:
        yield wires, f"postgresql://ccgraph@127.0.0.1:{wires.port}{urlsplit(database_url).path}"


async def test_a_silent_connection_to_postgresql_is_noticed(database_url: str) -> None:
    async with relayed(database_url) as (wires, behind):
        await hears_again_behind_a_cut(wires, database_url, behind)


async def test_a_listener_whose_server_says_that_it_ends_connects_again_before_it_is_closed(
    database_url: str, writer: Writer
) -> None:
    async with relayed(database_url, keeps_open=True) as (wires, behind), Wakeup(behind) as there:
        await until(lambda: writer.fetchval(f"SELECT count(*) = 1 FROM {LISTENERS}"))
        await quiet(there)
        await writer.fetchval(f"SELECT count(pg_terminate_backend(pid)) FROM {LISTENERS}")
        await until(lambda: wires.accepted > 1)
        assert await hears(there)


@pytest.mark.redis
async def test_a_silent_connection_to_redis_is_noticed(redis: RedisServer) -> None:
    async with relay(partial(asyncio.open_connection, "127.0.0.1", urlsplit(redis.url).port)) as wires:
        await hears_again_behind_a_cut(wires, redis.url, f"redis://127.0.0.1:{wires.port}/0")


@pytest.mark.redis
async def test_what_could_not_be_published_is_published_when_the_broker_is_back(redis: RedisServer) -> None:
    redis.stop()
    async with Wakeup(redis.url) as here:
        here.notify()
        await asyncio.sleep(0.2)
        redis.start()
        await until(lambda: redis.published > 0)


async def test_a_broker_that_is_away_does_not_keep_a_process_from_starting() -> None:
    async with Wakeup("redis://127.0.0.1:1/0") as wakeup:
        event = wakeup.event()
        wakeup.notify()
        async with asyncio.timeout(PATIENCE):
            await event.wait(2 * PATIENCE)


def test_an_unknown_broker_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="memory://, postgres:// or redis://"):
        Wakeup("kafka://localhost")
