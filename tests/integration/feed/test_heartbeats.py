"""An instance that falls silent is marked once, and subscribers hear of it."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.exc import ProgrammingError

from services.core.database import Database
from services.feed.feed import Feed
from services.instances.heartbeats import HeartbeatWatch, mark_gone, mark_silent
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
        assert await listening.silent(0.4)


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


async def doing(writer: Writer, instance: UUID, activity: str, ago: str) -> None:
    """What the instance does, and how long ago it was heard last."""
    await writer.execute(
        "UPDATE cc_instances SET activity = $2, activity_since = now() - $3::text::interval,"
        " last_heartbeat = now() - $3::text::interval WHERE id = $1",
        instance,
        activity,
        ago,
    )


@pytest.mark.parametrize(
    ("activity", "is_gone"),
    [
        ("WORKING", True),
        ("RETRYING", True),
        ("IDLE", False),
        ("WAITING_PERMISSION", False),
        ("WAITING_ANSWER", False),
        ("BACKGROUND", False),
    ],
)
async def test_what_works_and_says_nothing_is_gone_and_what_rests_is_well(
    database: Database, writer: Writer, project_id: UUID, activity: str, is_gone: bool
) -> None:
    silent, lively = [await add_instance(writer, project_id, "RUNNING") for _ in range(2)]
    await doing(writer, silent, activity, "9 days")
    await doing(writer, lively, activity, "1 s")
    task = await writer.fetchval(
        "INSERT INTO tasks (project_id, name, task_type, status, assigned_to, lease_expires_at)"
        " VALUES ($1, 't', 'testing', 'RUNNING', $2, now() + INTERVAL '1 day') RETURNING id",
        project_id,
        silent,
    )
    await writer.execute(
        "INSERT INTO cc_permission_requests (cc_instance_id, tool_name) VALUES ($1, 'Bash')", silent
    )
    clock = Clock()
    watch = HeartbeatWatch(database, MINUTE, clock, working_for=10 * MINUTE)
    await watch.look()
    clock.now += 599
    await watch.look()
    assert await status(writer, silent) == "RUNNING"
    clock.now += 1
    await watch.look()

    row = await writer.fetchrow("SELECT * FROM cc_instances WHERE id = $1", silent)
    assert row is not None
    gone = ("STOPPED", "GONE", True)
    left = ("RUNNING", activity, False)
    assert (row["status"], row["activity"], row["terminated_at"] is not None) == (gone if is_gone else left)
    assert await status(writer, lively) == "RUNNING"
    decision = await writer.fetchval("SELECT decision FROM cc_permission_requests")
    assert decision == ("lapsed" if is_gone else None)
    holder = await writer.fetchval("SELECT assigned_to FROM tasks WHERE id = $1", task)
    assert holder == (None if is_gone else silent)


async def test_a_process_lives_while_any_of_its_instances_is_heard_or_waits_for_a_person(
    database: Database, writer: Writer, project_id: UUID
) -> None:
    trees = {}
    for name, activity, ago in (
        ("heard", "WORKING", "1 s"),
        ("waits", "WAITING_PERMISSION", "1 day"),
        ("silent", "IDLE", "1 day"),
    ):
        main = await add_instance(writer, project_id, "RUNNING")
        child, grandchild = [await add_instance(writer, project_id, "RUNNING") for _ in range(2)]
        for below, above in ((child, main), (grandchild, child)):
            await writer.execute(
                "UPDATE cc_instances SET parent_instance_id = $2, type = 'CHILD' WHERE id = $1", below, above
            )
        await doing(writer, main, "WORKING", "1 day")
        await doing(writer, child, "IDLE", "1 day")
        await doing(writer, grandchild, activity, ago)
        trees[name] = {main, child, grandchild}
    async with database.transaction() as connection:
        assert set(await mark_gone(connection, MINUTE)) == trees["silent"]
        assert await mark_silent(connection, MINUTE) == []
