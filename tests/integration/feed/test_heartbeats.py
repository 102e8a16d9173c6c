"""An instance that falls silent is marked once, and subscribers hear of it."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.exc import ProgrammingError

from services.core.database import Database
from services.feed.feed import Feed
from services.instances.heartbeats import HeartbeatWatch, mark_silent
from tests.integration.feed.conftest import Listening, Writer, about, add_instance
from tests.support.background import background
from tests.support.clock import Clock
from tests.support.waiting import PATIENCE

MOMENT = timedelta(seconds=0.2)
MINUTE = timedelta(minutes=1)


async def last_heard(writer: Writer, instance: UUID, ago: str) -> None:
    await writer.execute(
        "UPDATE cc_instances SET last_heartbeat = now() - $2::text::interval WHERE id = $1", instance, ago
    )


async def status(writer: Writer, instance: UUID) -> str:
    found: str = await writer.fetchval("SELECT status FROM cc_instances WHERE id = $1", instance)
    return found


async def test_only_living_instances_whose_heartbeat_stopped_are_marked(
    database: Database, writer: Writer, project_id: UUID
) -> None:
    silent, idle, lively, never, stopped = [
        await add_instance(writer, project_id, status)
        for status in ("RUNNING", "IDLE", "RUNNING", "RUNNING", "STOPPED")
    ]
    for instance, ago in ((silent, "2 min"), (idle, "1 day"), (lively, "1 s"), (stopped, "1 day")):
        await last_heard(writer, instance, ago)
    async with database.transaction() as connection:
        assert set(await mark_silent(connection, MINUTE)) == {silent, idle}
    rows = await writer.fetch("SELECT id, status FROM cc_instances")
    statuses = {row["id"]: row["status"] for row in rows}
    assert statuses == {
        silent: "ERROR",
        idle: "ERROR",
        lively: "RUNNING",
        never: "RUNNING",
        stopped: "STOPPED",
    }


async def test_several_processes_mark_an_instance_once_and_its_subscribers_hear_it_once(
    database: Database, feed: Feed, writer: Writer, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id, "RUNNING")
    listening = await Listening().begin(feed, about())
    await last_heard(writer, instance, "2 min")
    watches = [HeartbeatWatch(database, MOMENT) for _ in range(3)]
    async with (
        background(watches[0].run(), "first"),
        background(watches[1].run(), "second"),
        background(watches[2].run(), "third"),
    ):
        assert await listening.next() == [str(instance), "ERROR"]
        assert await listening.silent()


async def test_a_process_that_was_deaf_listens_first(
    database: Database, writer: Writer, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id, "RUNNING")
    await last_heard(writer, instance, "2 min")
    clock = Clock()
    watch = HeartbeatWatch(database, MINUTE, clock)
    await watch.look()
    assert await status(writer, instance) == "RUNNING"
    clock.now += 60
    await writer.execute("ALTER TABLE cc_instances RENAME TO away")
    with pytest.raises(ProgrammingError):
        await watch.look()
    await writer.execute("ALTER TABLE away RENAME TO cc_instances")
    await watch.look()
    await watch.look()
    assert await status(writer, instance) == "RUNNING"
    clock.now += 60
    await watch.look()
    assert await status(writer, instance) == "ERROR"


async def test_the_clock_of_the_database_alone_says_how_long_the_silence_was(
    database: Database, writer: Writer, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id, "RUNNING")
    await last_heard(writer, instance, "0 s")
    clock = Clock()
    watch = HeartbeatWatch(database, MINUTE, clock)
    await watch.look()
    clock.now += 86_400
    await watch.look()
    assert await status(writer, instance) == "RUNNING"


async def test_a_heartbeat_that_is_just_being_written_saves_the_instance(
    database: Database, writer: Writer, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id, "RUNNING")
    await last_heard(writer, instance, "2 min")
    async with writer.transaction():
        await last_heard(writer, instance, "0 s")
        async with asyncio.timeout(PATIENCE), database.transaction() as connection:
            assert await mark_silent(connection, MINUTE) == []
