"""An instance that falls silent is marked once, and subscribers hear of it."""

import asyncio
from datetime import timedelta
from uuid import UUID

from services.background import background
from services.database import Database
from services.feed.feed import Feed
from services.heartbeats import mark_silent, watch_heartbeats
from tests.integration.feed.conftest import Listening, Writer, about, add_instance

MINUTE = timedelta(minutes=1)


async def last_heard(writer: Writer, instance: UUID, ago: str) -> None:
    await writer.execute(
        "UPDATE cc_instances SET last_heartbeat = now() - $2::text::interval WHERE id = $1", instance, ago
    )


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
    async with (
        background(watch_heartbeats(database, MINUTE, every=0.01), "first"),
        background(watch_heartbeats(database, MINUTE, every=0.01), "second"),
    ):
        assert await listening.next() == [str(instance), "ERROR"]
        assert await listening.silent()


async def test_a_heartbeat_that_is_just_being_written_saves_the_instance(
    database: Database, writer: Writer, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id, "RUNNING")
    await last_heard(writer, instance, "2 min")
    async with writer.transaction():
        await last_heard(writer, instance, "0 s")
        async with asyncio.timeout(2), database.transaction() as connection:
            assert await mark_silent(connection, MINUTE) == []
