"""The primary is lost and the standby promoted: writes go on, subscribers resume, and a loss is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette

from app.config.settings import Settings
from app.database.configuration import OWNER
from app.database.pools import open_database
from app.database.reaching import reach
from migrations.run import upgrade
from services.core.errors import CursorInvalid
from services.feed.feed import Feed
from services.feed.reading import current_snapshot, read_batch
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
from tests.integration.replicas.conftest import CREATE, Pair, Person, caught_up, person
from tests.support.clusters import TEMPLATE
from tests.support.replication import address
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("replicas")


@pytest.fixture
async def ada(app: Starlette, client: httpx.AsyncClient) -> Person:
    """A person."""
    return await person(app, client)


@asynccontextmanager
async def connected(pair: Pair, database_name: str) -> AsyncIterator[Writer]:
    """A connection to the present primary."""
    connection: Writer = await asyncpg.connect(pair.primary.server.url(database_name))
    try:
        yield connection
    finally:
        if not connection.is_closed():
            await connection.close(timeout=5)


@asynccontextmanager
async def feed_on(settings: Settings) -> AsyncIterator[tuple[Feed, Wakeup]]:
    """The feed of a process."""
    async with (
        open_database(settings) as database,
        Wakeup("memory://") as wakeup,
        Feed(database, wakeup, b"secret") as feed,
    ):
        yield feed, wakeup


async def test_writes_wait_for_a_primary_and_go_on_without_a_restart(
    whole: Pair, app: Starlette, ada: Person
) -> None:
    written = await ada.create()
    await caught_up(whole)
    await asyncio.to_thread(whole.primary.kill)
    for _ in range(3):
        answer = await ada.ask(CREATE, name="none")
        assert answer["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE", answer
    await asyncio.to_thread(whole.standby.promote)
    whole.primary, whole.standby = whole.standby, whole.primary

    async def writes() -> bool:
        return "errors" not in await ada.ask(CREATE, name=f"after {uuid4()}")

    await until(writes)
    for _ in range(10):
        assert {await ada.create(), written} <= await ada.names()


async def test_subscribers_go_on_where_the_standby_had_everything(
    whole: Pair, settings: Settings, database_name: str
) -> None:
    async with feed_on(settings) as (feed, wakeup):
        async with connected(whole, database_name) as connection:
            project = await add_project(connection, await add_user(connection))
            instance = await add_instance(connection, project)
            live = await Listening().begin(feed, about(object()))
            await set_status(connection, instance, "RUNNING")
            wakeup.notify()
            assert await live.next() == [str(instance), "RUNNING"]
            assert live.cursors[-1]
            place = live.cursors[-1]
            await caught_up(whole)
        await asyncio.to_thread(whole.fail_over)
        async with connected(whole, database_name) as connection:
            for status in ("IDLE", "ERROR"):
                await set_status(connection, instance, status)
        wakeup.notify()
        resumed = await Listening().begin(feed, about(object()), after=place)
        for subscriber in (live, resumed):
            assert await subscriber.next() == [str(instance), "IDLE"]
            assert await subscriber.next() == [str(instance), "ERROR"]
            assert await subscriber.silent()


async def test_what_the_standby_had_not_received_is_told(
    whole: Pair, settings: Settings, database_name: str
) -> None:
    async with feed_on(settings) as (feed, wakeup):
        async with connected(whole, database_name) as connection:
            project = await add_project(connection, await add_user(connection))
            instance = await add_instance(connection, project)
            heard = await Listening().begin(feed, about(object()))
            await set_status(connection, instance, "RUNNING")
            wakeup.notify()
            assert await heard.next() == [str(instance), "RUNNING"]
            early = heard.cursors[-1]
            await caught_up(whole)
            await asyncio.to_thread(whole.standby.stop)
            await set_status(connection, instance, "STOPPED")
            wakeup.notify()
            assert await heard.next() == [str(instance), "STOPPED"]
            late = heard.cursors[-1]
        await asyncio.to_thread(whole.primary.kill)
        await asyncio.to_thread(whole.standby.start)
        await asyncio.to_thread(whole.standby.promote)
        whole.primary, whole.standby = whole.standby, whole.primary
        assert isinstance(await heard.ended(), CursorInvalid)
        with pytest.raises(CursorInvalid):
            await Listening().begin(feed, about(object()), after=late)
        async with connected(whole, database_name) as connection:
            assert (
                await connection.fetchval("SELECT status FROM cc_instances WHERE id = $1", instance)
                == "RUNNING"
            )
            await set_status(connection, instance, "ERROR")
        wakeup.notify()
        resumed = await Listening().begin(feed, about(object()), after=early)
        assert await resumed.next() == [str(instance), "ERROR"]


async def test_ids_that_are_given_out_again_after_a_promotion_hide_nothing(
    whole: Pair, settings: Settings, database_name: str
) -> None:
    """Before the promoted server has made a checkpoint, when its control file speaks of the old timeline.

    In the other database the standby has not even received that there was a start.
    """
    other = f"{database_name}_other"
    whole.primary.server.run("createdb", "--owner", OWNER, "--template", TEMPLATE, other)
    async with connected(whole, database_name) as connection:
        project = await add_project(connection, await add_user(connection))
        instance = await add_instance(connection, project)
        kept = await current_snapshot(connection)
        await caught_up(whole)
        await asyncio.to_thread(whole.standby.stop)
        for number in range(20):
            await set_status(connection, instance, "RUNNING" if number % 2 else "IDLE")
        lost = await current_snapshot(connection)
    async with connected(whole, other) as connection:
        lost_start = await current_snapshot(connection)
    await asyncio.to_thread(whole.primary.kill)
    await asyncio.to_thread(whole.standby.start)
    await asyncio.to_thread(whole.standby.promote)
    whole.primary, whole.standby = whole.standby, whole.primary
    async with connected(whole, database_name) as connection:
        await set_status(connection, instance, "ERROR")
        xid = await connection.fetchval("SELECT max(xid::text::bigint) FROM change_events")
        assert xid < lost.xmax, "no id was given out again"
        with pytest.raises(CursorInvalid):
            await read_batch(connection, lost)
        batch = await read_batch(connection, kept)
        assert [(event.key, (event.new or {})["status"]) for event in batch.events] == [
            (str(instance), "ERROR")
        ]
    async with connected(whole, other) as connection:
        with pytest.raises(CursorInvalid):
            await read_batch(connection, lost_start)


async def test_of_several_hosts_the_primary_is_found_whichever_is_named_first(
    whole: Pair, database_name: str
) -> None:
    for nodes in ((whole.standby, whole.primary), (whole.primary, whole.standby)):
        settings = Settings.model_validate({"database_url": address(database_name, *nodes)})
        assert settings.database_url is not None
        await reach(settings.database_url.get_secret_value(), "DATABASE_URL", 0, print)
        await upgrade(settings.database_url.get_secret_value())
        async with open_database(settings) as database:
            assert await database.primary.fetchval("SELECT NOT pg_is_in_recovery()")
