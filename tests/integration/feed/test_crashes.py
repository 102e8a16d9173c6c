"""PostgreSQL crashes and gives transaction ids out again: no event is hidden, and none comes twice."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from app.config.settings import Settings
from app.database.pools import open_database
from services.core.errors import CursorExpired, CursorInvalid
from services.feed.feed import Feed
from services.feed.reading import carried_over, current_snapshot, read_batch
from services.feed.snapshots import Snapshot
from services.feed.wakeup import Wakeup
from tests.integration.feed.conftest import (
    Listening,
    Writer,
    about,
    add_instance,
    add_project,
    add_user,
    set_status,
)
from tests.support.redis import RedisServer, redis_server
from tests.support.restartable import RestartablePostgres, restartable_postgres
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.xdist_group("crashes")

_ASYNC = "SET synchronous_commit = off;"
_LOG = (
    "INSERT INTO cc_logs (cc_instance_id, log_level, category, message) "
    "VALUES ('{instance}', 'info', 'system', 'x')"
)
STATEMENTS = {
    "an id and nothing else": "SELECT pg_current_xact_id()",
    "a notification": "SELECT pg_notify('crashes', '')",
    "a notification of the product": "SELECT pg_notify('ccgraph_feed', '')",
    "a lock on a row": f"{_ASYNC} SELECT FROM cc_instances WHERE id = '{{instance}}' FOR UPDATE",
    "a lock on a table": f"{_ASYNC} BEGIN; LOCK TABLE cc_instances; COMMIT",
    "a sign of life": f"{_ASYNC} UPDATE cc_instances SET last_heartbeat = now() WHERE id = '{{instance}}'",
    "the last use of a token": f"{_ASYNC} UPDATE auth_tokens SET last_used = now()",
    "an attempt to log in": f"{_ASYNC} INSERT INTO login_attempts (subject, attempts, window_started_at) "
    "VALUES (sha256(random()::text::bytea), 1, now())",
    "an event that does not wait": f"{_ASYNC} UPDATE cc_instances SET status = "
    "CASE status WHEN 'IDLE' THEN 'RUNNING' ELSE 'IDLE' END WHERE id = '{instance}'",
    "an entry that does not wait": f"{_ASYNC} {_LOG}",
    "an event that is rolled back": "BEGIN; UPDATE cc_instances SET status = 'ERROR'; ROLLBACK",
    "an entry that is rolled back": f"BEGIN; {_LOG}; ROLLBACK",
    "a savepoint that is rolled back": f"{_ASYNC} BEGIN; SAVEPOINT one; "
    "UPDATE cc_instances SET status = 'ERROR'; ROLLBACK TO one; "
    "UPDATE cc_instances SET last_heartbeat = now(); COMMIT",
}
TIMES = 6
"""So many ids are taken: the first statements after a crash that want none of these events take some too."""


@pytest.fixture(scope="module")
def postgres(
    migrated_cluster: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RestartablePostgres]:
    """A PostgreSQL that only the tests of this module use."""
    with restartable_postgres(migrated_cluster, tmp_path_factory.mktemp("crashing") / "data") as opened:
        yield opened


@pytest.fixture
def url(postgres: RestartablePostgres) -> str:
    """A fresh database on it."""
    return postgres.clone()


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of the module's own."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Writer]:
    connection: Writer = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        connection.terminate()  # its server may have crashed


@asynccontextmanager
async def feed_on(url: str, broadcast_url: str) -> AsyncIterator[tuple[Feed, Wakeup]]:
    """The feed of a process."""
    settings = Settings(
        _env_file=None, database_url=url, broadcast_url=broadcast_url, jwt_secret_key="x" * 32
    )
    async with (
        open_database(settings) as database,
        Wakeup(broadcast_url) as wakeup,
        Feed(database, wakeup, b"secret") as feed,
    ):
        yield feed, wakeup


class Heard:
    """What a subscriber took, by table; `cursor` is where it would resume."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.events: list[str] = []
        self.cursor: str | None = None
        self._listening = Listening()

    async def begin(self, feed: Feed, *, after: str | None = None) -> None:
        topic = about(object(), tables=frozenset({self.table}))
        await self._listening.begin(feed, topic, after=after)
        assert self._listening.subscription is not None
        self.cursor = after or self._listening.subscription.subscriber.cursor

    async def take(self, key: UUID, seconds: float = PATIENCE) -> None:
        """Take events until one of the row comes that was not heard before."""
        async with asyncio.timeout(seconds):
            while True:
                [found, _] = await self._listening.next(seconds)
                self.events.append(found)
                self.cursor = self._listening.cursors[-1]
                if found == str(key):
                    return

    async def silent(self) -> bool:
        return await self._listening.silent()

    def close(self) -> None:
        self._listening.close()


async def append(connection: Writer, instance: UUID) -> UUID:
    key: UUID = await connection.fetchval(
        "INSERT INTO cc_logs (cc_instance_id, log_level, category, message)"
        " VALUES ($1, 'info', 'system', 'kept') RETURNING id",
        instance,
    )
    return key


async def write_both(url: str, project: UUID, wakeup: Wakeup) -> tuple[UUID, UUID]:
    """An event and an entry of an instance that is new, the very first things after a start."""
    async with connected(url) as connection:
        instance = await add_instance(connection, project)
        entry = await append(connection, instance)
    wakeup.notify()
    return instance, entry


@pytest.mark.parametrize("broker", ["memory", "postgres", pytest.param("redis", marks=pytest.mark.redis)])
async def test_whatever_took_the_ids_before_a_crash_nothing_is_hidden_after_it(
    broker: str, postgres: RestartablePostgres, url: str, request: pytest.FixtureRequest
) -> None:
    broadcast = {"memory": "memory://", "postgres": url}.get(broker) or request.getfixturevalue("redis").url
    async with AsyncExitStack() as stack:
        async with connected(url) as connection:
            owner = await add_user(connection)
            project = await add_project(connection, owner)
            await connection.execute(
                "INSERT INTO auth_tokens (user_id, expires_at) VALUES ($1, now() + interval '1 day')",
                owner,
            )
        feed, wakeup = await stack.enter_async_context(feed_on(url, broadcast))
        live = [Heard("cc_instances"), Heard("cc_logs")]
        for subscriber in live:
            await subscriber.begin(feed)
        instance, entry = await write_both(url, project, wakeup)
        for subscriber, key in zip(live, (instance, entry), strict=True):
            await subscriber.take(key)
        for name, statement in STATEMENTS.items():
            async with connected(url) as connection:
                for _ in range(TIMES):
                    await connection.execute(statement.format(instance=instance))
                    wakeup.notify()
                taken = (await current_snapshot(connection)).xmax
                await until(partial(have_seen, feed, taken))
                places = [subscriber.cursor for subscriber in live]
            await postgres.restart(immediate=True)
            instance, entry = await write_both(url, project, wakeup)
            async with connected(url) as connection:
                xid = await connection.fetchval("SELECT xid::text::bigint FROM cc_logs WHERE id = $1", entry)
            assert xid < taken, f"{name}: no id was given out again"
            for subscriber, place, key in zip(live, places, (instance, entry), strict=True):
                resuming = Heard(subscriber.table)
                await resuming.begin(feed, after=place)
                await resuming.take(key)
                assert resuming.events[-1:] == [str(key)], name
                await subscriber.take(key)
                assert len({*resuming.events}) == len(resuming.events), name
                resuming.close()
        for subscriber in live:
            assert await subscriber.silent()


def have_seen(feed: Feed, xid: int) -> bool:
    """Whether both readers remember the ids below it."""
    return all(reader.position.xmax >= xid for reader in (feed._changes, feed._logs))


@pytest.mark.parametrize("killed", ["the server", "one process of it"])
async def test_what_was_heard_and_outlived_the_crash_does_not_come_again(
    killed: str, postgres: RestartablePostgres, url: str
) -> None:
    async with connected(url) as connection, connected(url) as other:
        project = await add_project(connection, await add_user(connection))
        before = await current_snapshot(connection)
        kept = await add_instance(connection, project)
        heard = await read_batch(connection, before)
        await connection.execute("SET synchronous_commit = off")
        lost = await add_instance(connection, project)
        also = await read_batch(connection, heard.after)
        assert [event.key for event in (*heard.events, *also.events)] == [str(kept), str(lost)]
        if killed == "the server":
            await postgres.restart(immediate=True)
        else:
            postgres.kill(connection.get_server_pid())
        await until(other.is_closed)  # until then the server has not noticed, and takes connections
    async with connected_again(url) as connection:
        assert await connection.fetchval("SELECT count(*) FROM cc_instances WHERE id = $1", lost) == 0
        new = await add_instance(connection, project)
        for seen in (heard.after, also.after):
            batch = await read_batch(connection, seen)
            assert [event.key for event in batch.events] == [str(new)]
        both = await read_batch(connection, before)
        assert [event.key for event in both.events] == [str(kept), str(new)]


@asynccontextmanager
async def connected_again(url: str) -> AsyncIterator[Writer]:
    """Once the server takes connections."""
    for attempt in count():
        try:
            async with connected(url) as connection:
                await connection.execute("SELECT")
                break
        except (OSError, asyncpg.PostgresError):
            if attempt > PATIENCE / 0.05:
                raise
            await asyncio.sleep(0.05)
    async with connected(url) as connection:
        yield connection


async def test_a_clean_restart_begins_no_new_start(postgres: RestartablePostgres, url: str) -> None:
    async with connected(url) as connection:
        project = await add_project(connection, await add_user(connection))
        before = await current_snapshot(connection)
    await postgres.restart(immediate=False)
    async with connected(url) as connection:
        assert (await current_snapshot(connection)).start == before.start
        instance = await add_instance(connection, project)
        assert [event.key for event in (await read_batch(connection, before)).events] == [str(instance)]


async def test_after_a_start_whose_first_id_is_unknown_a_loss_is_told(
    postgres: RestartablePostgres, url: str
) -> None:
    """As when the server was recovered, and has made a checkpoint, while no process of ours looked."""
    await postgres.restart(immediate=True)
    async with feed_on(url, "memory://") as (feed, wakeup):
        async with connected(url) as connection:
            project = await add_project(connection, await add_user(connection))
            instance = await add_instance(connection, project)
        subscribers = [Listening(), Listening()]
        for subscriber in subscribers:
            await subscriber.begin(feed, about(object()))
        assert subscribers[0].subscription is not None
        place = subscribers[0].subscription.subscriber.cursor
        async with connected(url) as connection:
            # At once, or the feed sees the start while its first id is known.
            await connection.execute(
                "BEGIN; DELETE FROM feed_running; SELECT ccgraph_feed_start(); "
                "UPDATE feed_starts SET first_xid = NULL; COMMIT"
            )
            await set_status(connection, instance, "RUNNING")
        wakeup.notify()
        for subscriber in subscribers:
            assert isinstance(await subscriber.ended(), CursorExpired)
        with pytest.raises(CursorExpired):
            await Listening().begin(feed, about(object()), after=place)
        fresh = await Listening().begin(feed, about(object()))
        async with connected(url) as connection:
            await set_status(connection, instance, "STOPPED")
        wakeup.notify()
        assert await fresh.next() == [str(instance), "STOPPED"]


async def test_a_snapshot_of_a_start_that_the_database_has_not_seen_is_refused(
    postgres: RestartablePostgres, url: str
) -> None:
    async with connected(url) as connection:
        now = await current_snapshot(connection)
        with pytest.raises(CursorInvalid):
            await carried_over(connection, Snapshot(now.xmin, now.xmax, (), now.start + 1))


async def test_two_processes_that_note_a_start_at_once_note_one(
    postgres: RestartablePostgres, url: str
) -> None:
    async with connected(url) as one, connected(url) as other:
        snapshots = await asyncio.gather(current_snapshot(one), current_snapshot(other))
        assert {snapshot.start for snapshot in snapshots} == {1}
        assert await one.fetchval("SELECT count(*) FROM feed_starts") == 1
