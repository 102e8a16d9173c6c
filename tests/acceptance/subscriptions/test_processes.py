"""Two server processes on one database: what one writes the other tells, and any of them may fail."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from services.feed.wakeup import CHANNEL
from tests.acceptance.subscriptions.conftest import Fleet, PlainSql
from tests.support.background import background
from tests.support.following import Follower, SocketFollower, StreamFollower
from tests.support.graphql_ws import logged_in, open_socket
from tests.support.installation import FEED_POLL, PROCESS_TIMEOUT, Installation, Writer
from tests.support.redis import RedisServer, redis_server
from tests.support.restartable import RestartablePostgres, restartable_postgres
from tests.support.sse import open_stream
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.xdist_group("processes")

SOON = 10.0
"""Seconds in which a wake-up has brought an event for certain, and a poll has not."""

NAMES = "taskChanged", "task { name }"
STATUSES = "ccInstanceStatusChanged", "previousStatus status", "statuses: [ERROR, RUNNING]"
TASKS = "subscription { taskChanged { task { name } } }"

Build = Callable[[str], Installation]
with_both = pytest.mark.parametrize(
    "installation", ["postgres", pytest.param("redis", marks=pytest.mark.redis)], indirect=True
)
with_postgres = pytest.mark.parametrize("installation", ["postgres"], indirect=True)
with_redis = pytest.mark.parametrize(
    "installation", [pytest.param("redis", marks=pytest.mark.redis)], indirect=True
)


@pytest.fixture(scope="module")
def own_postgres(
    migrated_cluster: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RestartablePostgres]:
    """A PostgreSQL that only the tests of this module use."""
    with restartable_postgres(migrated_cluster, tmp_path_factory.mktemp("restartable") / "data") as postgres:
        yield postgres


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that only the tests of this module use."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def build(
    own_postgres: RestartablePostgres,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Build]:
    """Makes the installation with a broker, once: processes take long to start."""
    with ExitStack() as stack:
        built: dict[str, Installation] = {}

        def one(broker: str) -> Installation:
            if broker not in built:
                url = own_postgres.clone()
                broadcast = url if broker == "postgres" else request.getfixturevalue("redis").url
                built[broker] = Installation(tmp_path_factory.mktemp(broker), url, broadcast)
                stack.callback(built[broker].close)
            return built[broker]

        yield one


@pytest.fixture
def installation(build: Build, request: pytest.FixtureRequest) -> Installation:
    """Two processes that wake each other by the broker that the test names."""
    installation = build(request.param)
    installation.ensure(2)
    return installation


@pytest.fixture
def database_url(installation: Installation) -> str:
    """What `fleet` and `sql` work on."""
    return installation.database_url


@pytest.fixture
def writer(installation: Installation, fleet: Fleet) -> Writer:
    """Writes into the project of the fleet."""
    return Writer(installation, fleet.owner_token, fleet.project_id)


@asynccontextmanager
async def following(*followers: Follower) -> AsyncIterator[None]:
    """All of them, from a moment at which each has begun."""
    async with AsyncExitStack() as stack:
        for follower in followers:
            await stack.enter_async_context(background(follower.follow(), "follower"))
        async with asyncio.timeout(PATIENCE):
            for follower in followers:
                await follower.begun.wait()
        yield


def numbers(follower: Follower) -> list[int]:
    """Of the tasks that it heard of."""
    return [int(event["task"]["name"]) for event in follower.heard]


async def heard(*followers: Follower, number: int, seconds: float = PATIENCE) -> None:
    """Return when all of them have heard of a task."""
    try:
        await until(lambda: all(number in numbers(follower) for follower in followers), seconds)
    except TimeoutError:
        found = [(numbers(follower)[-2:], follower.lost[-3:]) for follower in followers]
        raise AssertionError(f"not all heard of {number}; each heard and lost last: {found}") from None


async def crosses_at_once(installation: Installation, fleet: Fleet, writer: Writer) -> None:
    """Assert that a wake-up, and no poll, takes what one process writes to the other."""
    for here, there in ((0, 1), (1, 0)):
        # Its reader slows down when its last subscriber goes, and begins anew with this one.
        follower = SocketFollower(installation, [there], fleet.owner_token, *NAMES)
        async with following(follower):
            number = await writer.by_server(here)
            await heard(follower, number=number, seconds=SOON)


async def cut_listeners(installation: Installation, sql: PlainSql, redis: RedisServer | None) -> None:
    """Close the connections over which processes hear of each other, and return when they have new ones."""
    if redis is not None:
        await until(lambda: redis.subscribers(CHANNEL) == 2)
        assert redis.cut_subscribers() == 2
        await until(lambda: redis.subscribers(CHANNEL) == 2)
        return
    listening = (
        "FROM pg_stat_activity WHERE application_name = 'ccgraph listen' AND datname = current_database()"
    )
    await until(lambda: sql.connection.fetchval(f"SELECT count(*) = 2 {listening}"))
    pids = await sql.connection.fetchval(f"SELECT array_agg(pid) {listening}")
    await sql.connection.execute(f"SELECT pg_terminate_backend(pid) {listening}")
    new = f"SELECT count(*) = 2 {listening} AND state = 'idle' AND query <> '' AND pid <> ALL($1)"
    await until(lambda: sql.connection.fetchval(new, pids))


def broker(installation: Installation, request: pytest.FixtureRequest) -> RedisServer | None:
    """The Redis of an installation that has one."""
    if not installation.broadcast_url.startswith("redis"):
        return None
    server: RedisServer = request.getfixturevalue("redis")
    return server


@with_both
async def test_what_one_process_writes_the_other_tells_at_once_and_again_after_its_listener_was_cut(
    installation: Installation, fleet: Fleet, writer: Writer, sql: PlainSql, request: pytest.FixtureRequest
) -> None:
    await crosses_at_once(installation, fleet, writer)
    await cut_listeners(installation, sql, broker(installation, request))
    await crosses_at_once(installation, fleet, writer)


@with_redis
async def test_while_redis_is_away_the_poll_brings_events_and_then_wake_ups_do_again(
    installation: Installation, fleet: Fleet, writer: Writer, redis: RedisServer
) -> None:
    follower = SocketFollower(installation, [1], fleet.owner_token, *NAMES)
    redis.stop()
    try:
        async with following(follower):
            number = await writer.by_server(0)
            await heard(follower, number=number, seconds=FEED_POLL + PATIENCE)
    finally:
        redis.start()
    await until(lambda: redis.subscribers(CHANNEL) == 2)
    await crosses_at_once(installation, fleet, writer)


@with_both
async def test_whatever_fails_subscribers_that_resume_hear_of_each_event_once_and_in_order(
    installation: Installation,
    fleet: Fleet,
    writer: Writer,
    own_postgres: RestartablePostgres,
    request: pytest.FixtureRequest,
) -> None:
    redis = broker(installation, request)
    followers = [
        kind(installation, places, fleet.owner_token, *NAMES)
        for kind in (SocketFollower, StreamFollower)
        for places in ([0, 1], [1, 0])
    ]

    async def all_go_on() -> None:
        await heard(*followers, number=writer.last + 5)

    async with following(*followers), background(writer.write(), "writer"):
        await all_go_on()
        for immediate in (False, True):
            await own_postgres.restart(immediate=immediate)
            await all_go_on()
        if redis is not None:
            redis.stop()
            before = writer.last
            await until(lambda: writer.last > before + 5)  # of five one is a server's, which wakes others
            redis.start()
            await all_go_on()
        installation.end(0, signal.SIGKILL)
        await all_go_on()
        await asyncio.to_thread(installation.ensure, 2)
        assert await asyncio.to_thread(installation.end, 1, signal.SIGTERM) == 0
        await all_go_on()
        await heard(*followers, number=await writer.finish())
        last = await writer.by_server(0)  # what was told twice comes before it
        await heard(*followers, number=last)
    for follower in followers:
        assert numbers(follower) == [*range(1, last + 1)], follower.lost


@with_postgres
async def test_the_sockets_of_a_killed_process_are_closed_by_another(
    installation: Installation, fleet: Fleet, sql: PlainSql
) -> None:
    async with (
        logged_in(installation.websocket_url(0), fleet.owner_token) as lost,
        logged_in(installation.websocket_url(1), fleet.owner_token) as kept,
    ):
        stream = open_stream(installation.url(0), fleet.owner_token, TASKS)
        async with stream as streaming:
            lost_ids = [lost.socket_id, streaming.response.headers["x-socket-id"]]
            installation.end(0, signal.SIGKILL)
        expected = {**dict.fromkeys(lost_ids, 1006), kept.socket_id: None}

        async def closed() -> bool:
            return await close_codes(sql, fleet.owner_id) == expected

        await until(closed, PROCESS_TIMEOUT + PATIENCE)


async def close_codes(sql: PlainSql, user_id: int) -> dict[str, int | None]:
    """Of the connections of a person."""
    rows = await sql.connection.fetch(
        "SELECT id::text, close_code FROM websocket_sessions WHERE user_id = $1", user_id
    )
    return {row["id"]: row["close_code"] for row in rows}


@with_postgres
async def test_a_revoked_token_ends_its_connections_in_every_process(
    installation: Installation, fleet: Fleet, sql: PlainSql
) -> None:
    async with (
        logged_in(installation.websocket_url(0), fleet.owner_token) as here,
        logged_in(installation.websocket_url(1), fleet.owner_token) as there,
        open_stream(installation.url(1), fleet.owner_token, TASKS) as stream,
    ):
        await sql.connection.execute(
            "UPDATE auth_tokens SET is_active = false WHERE user_id = $1", fleet.owner_id
        )
        assert await here.closed() == (4401, "Unauthorized")
        assert await there.closed() == (4401, "Unauthorized")
        refusal = await stream.hear()
        assert refusal is not None
        assert refusal.body["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@with_postgres
async def test_a_server_that_stops_finishes_what_runs_and_sends_its_subscribers_elsewhere(
    installation: Installation, fleet: Fleet, sql: PlainSql
) -> None:
    rename = 'mutation { updateProject(input: {id: %s, patch: {name: "新"}}) { project { name } } }'
    key = await sql.connection.fetchval("SELECT id FROM projects WHERE project_id = $1", fleet.project_id)
    async with (
        logged_in(installation.websocket_url(0), fleet.owner_token) as busy,
        logged_in(installation.websocket_url(0), fleet.owner_token) as idle,
        open_socket(installation.websocket_url(0)) as new,
        open_stream(installation.url(0), fleet.owner_token, TASKS) as stream,
    ):
        await idle.subscribe(TASKS)
        async with sql.connection.transaction():
            await sql.connection.execute("SELECT FROM projects WHERE id = $1 FOR UPDATE", key)
            await busy.say(id="1", type="subscribe", payload={"query": rename % key})
            await busy.say(type="ping")
            assert await busy.hear() == {"type": "pong"}
            stopping = asyncio.create_task(asyncio.to_thread(installation.end, 0, signal.SIGTERM))
            assert await idle.closed() == (1012, "Service restart")
            assert await stream.hear() is None
        result = await busy.hear()
        assert result["payload"]["data"]["updateProject"]["project"]["name"] == "新"
        assert await busy.hear() == {"id": "1", "type": "complete"}
        assert await busy.closed() == (1012, "Service restart")
        assert (await new.closed())[0] == 1012
        async with asyncio.timeout(PATIENCE):
            assert await stopping == 0
    assert b"complete" not in stream.raw
    assert {*(await close_codes(sql, fleet.owner_id)).values()} == {1012}


@with_postgres
async def test_an_instance_that_falls_silent_is_marked_once_and_told_once_at_every_process(
    installation: Installation, fleet: Fleet, sql: PlainSql
) -> None:
    followers = [SocketFollower(installation, [place], fleet.owner_token, *STATUSES) for place in (0, 1)]
    fallen = {"previousStatus": "IDLE", "status": "ERROR"}
    async with following(*followers):
        beat = "mutation ($id: UUID!) { heartbeat(input: {ids: [$id]}) { alive } }"
        await installation.ask(0, fleet.owner_token, beat, id=str(fleet.instance_id))
        await until(lambda: all(follower.heard for follower in followers))
        await asyncio.sleep(1)
        assert [follower.heard for follower in followers] == [[fallen], [fallen]]
        # A late sign of life changes nothing; somebody has to start the instance again.
        answer = await installation.ask(1, fleet.owner_token, beat, id=str(fleet.instance_id))
        assert answer["heartbeat"]["alive"] == []
        start = "mutation ($id: UUID!) { startCcInstance(input: {id: $id}) { ccInstance { status } } }"
        await installation.ask(1, fleet.owner_token, start, id=str(fleet.instance_id))
        await until(lambda: all(len(follower.heard) > 1 for follower in followers))
    for follower in followers:
        assert [event["status"] for event in follower.heard[:2]] == ["ERROR", "RUNNING"]
