"""Subscribers of one process: live, from a cursor on, and only what they may see."""

import asyncio
import itertools
from uuid import UUID

import pytest

from models.policy import Viewer
from services.core.database import Database
from services.core.errors import CursorExpired, CursorInvalid
from services.feed import catching_up, reader
from services.feed.feed import Feed
from services.feed.reader import Pace
from services.feed.wakeup import Wakeup, WakeupEvent
from tests.integration.feed.conftest import (
    Connect,
    KeysAndStatuses,
    Listening,
    Writer,
    about,
    add_instance,
    add_project,
    add_user,
    set_status,
    until_unread,
)
from tests.support.statements import Statements
from tests.support.waiting import until


async def test_a_change_by_plain_sql_is_heard_within_a_second(
    feed: Feed, writer: Writer, project_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    wait = WakeupEvent.wait

    async def noted(event: WakeupEvent, seconds: float) -> bool:
        pauses.append(seconds)
        return await wait(event, seconds)

    monkeypatch.setattr(WakeupEvent, "wait", noted)
    instance = await add_instance(writer, project_id)
    listening = await Listening().begin(feed, about())
    await until(lambda: len(pauses) > 2)  # so that the reader looks as seldom as it does
    await set_status(writer, instance, "RUNNING")
    assert await listening.next() == [str(instance), "RUNNING"]
    assert max(pauses) < 0.5


async def test_a_glance_at_the_transactions_is_enough_to_hear_of_a_change(
    database: Database, writer: Writer, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id)
    async with Wakeup("memory://") as wakeup, Feed(database, wakeup, b"secret", Pace(anyway=600)) as feed:
        listening = await Listening().begin(feed, about())
        await set_status(writer, instance, "RUNNING")
        assert await listening.next() == [str(instance), "RUNNING"]


async def test_what_no_glance_shows_is_found_by_reading_anyway(
    feed: Feed, writer: Writer, project_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_GLANCE", "SELECT 1")
    instance = await add_instance(writer, project_id)
    listening = await Listening().begin(feed, about())
    await set_status(writer, instance, "RUNNING")
    assert await listening.next() == [str(instance), "RUNNING"]


async def test_what_is_committed_after_subscribing_is_heard_and_what_was_before_is_not(
    feed: Feed, writer: Writer, project_id: UUID
) -> None:
    await add_instance(writer, project_id)
    listening = await Listening().begin(feed, about())
    instance = await add_instance(writer, project_id)
    assert await listening.next() == [str(instance), "IDLE"]
    assert await listening.silent()


async def test_a_cursor_replays_what_came_after_it_and_then_goes_live(
    feed: Feed, writer: Writer, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id)
    first = await Listening().begin(feed, about())
    for status in ("RUNNING", "ERROR", "IDLE"):
        await set_status(writer, instance, status)
    assert [event[1] for event in await first.several(3)] == ["RUNNING", "ERROR", "IDLE"]
    second = await Listening().begin(feed, about(), after=first.cursors[0])
    assert [event[1] for event in await second.several(2)] == ["ERROR", "IDLE"]
    await set_status(writer, instance, "STOPPED")
    assert await second.next() == [str(instance), "STOPPED"]
    assert await second.silent()


async def test_resuming_again_and_again_under_load_gives_every_event_once(
    feed: Feed, connect: Connect, project_id: UUID
) -> None:
    written: list[str] = []
    heard: list[str] = []
    writers = [await connect() for _ in range(4)]

    async def write(connection: Writer) -> None:
        for _ in range(60):
            written.append(str(await add_instance(connection, project_id)))
            await asyncio.sleep(0.001)

    listening = await Listening().begin(feed, about())
    writing = asyncio.gather(*(write(connection) for connection in writers))
    while len(heard) < 240:
        heard += [event[0] for event in await listening.several(1)]
        if len(heard) % 7 == 0:
            listening.close()
            listening = await Listening().begin(feed, about(), after=listening.cursors[-1])
    await writing
    assert sorted(heard) == sorted(written)
    assert await listening.silent()


async def test_a_cursor_that_was_altered_is_refused(feed: Feed) -> None:
    with pytest.raises(CursorInvalid):
        await Listening().begin(feed, about(), after="AAAA")


async def test_viewers_hear_only_of_rows_that_they_may_see(feed: Feed, writer: Writer, owner_id: int) -> None:
    stranger = await add_user(writer)
    mine, theirs = await add_project(writer, owner_id), await add_project(writer, stranger)
    owner_hears = await Listening().begin(feed, about(), Viewer(owner_id))
    stranger_hears = await Listening().begin(feed, about(), Viewer(stranger))
    administrator_hears = await Listening().begin(feed, about())
    first, second = await add_instance(writer, mine), await add_instance(writer, theirs)
    assert await owner_hears.next() == [str(first), "IDLE"]
    assert await stranger_hears.next() == [str(second), "IDLE"]
    assert [event[0] for event in await administrator_hears.several(2)] == [str(first), str(second)]
    assert await owner_hears.silent()
    assert await stranger_hears.silent()


async def test_events_stop_at_once_when_access_is_taken_away(
    feed: Feed, writer: Writer, owner_id: int, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id)
    guest = await add_user(writer)
    await writer.execute(
        "UPDATE projects SET collaborators = jsonb_build_array(jsonb_build_object('user_id', $2::int))"
        " WHERE project_id = $1",
        project_id,
        guest,
    )
    owner_hears = await Listening().begin(feed, about(), Viewer(owner_id))
    guest_hears = await Listening().begin(feed, about(), Viewer(guest))
    await set_status(writer, instance, "RUNNING")
    assert await guest_hears.next() == [str(instance), "RUNNING"]
    async with writer.transaction():
        await writer.execute("UPDATE projects SET collaborators = '[]' WHERE project_id = $1", project_id)
        await set_status(writer, instance, "STOPPED")
    assert [event[1] for event in await owner_hears.several(2)] == ["RUNNING", "STOPPED"]
    assert await guest_hears.silent()


async def test_the_owner_hears_that_a_row_was_deleted_and_a_stranger_does_not(
    feed: Feed, writer: Writer, owner_id: int, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id)
    stranger = await add_user(writer)
    owner_hears = await Listening().begin(feed, about(), Viewer(owner_id))
    stranger_hears = await Listening().begin(feed, about(), Viewer(stranger))
    await writer.execute("DELETE FROM cc_instances WHERE id = $1", instance)
    assert await owner_hears.next() == [str(instance), "IDLE"]
    assert await stranger_hears.silent()


async def test_a_subscription_to_a_subtree_hears_of_an_instance_and_all_below_it(
    feed: Feed, writer: Writer, project_id: UUID
) -> None:
    root = await add_instance(writer, project_id)
    child = await add_instance(writer, project_id, parent=root)
    grandchild = await add_instance(writer, project_id, parent=child)
    listening = await Listening().begin(feed, about(subtree_of=child))
    for instance in (root, child, grandchild):
        await set_status(writer, instance, "RUNNING")
    assert [event[0] for event in await listening.several(2)] == [str(child), str(grandchild)]
    assert await listening.silent()


async def test_a_topic_is_rendered_once_for_all_subscribers_that_see_the_same(
    feed: Feed, writer: Writer, owner_id: int, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id)
    renderer = KeysAndStatuses()
    viewers = [Viewer(owner_id), Viewer(0, is_admin=True)] * 20
    audience = [await Listening().begin(feed, about(renderer=renderer), viewer) for viewer in viewers]
    await set_status(writer, instance, "RUNNING")
    for listening in audience:
        assert await listening.next() == [str(instance), "RUNNING"]
    assert renderer.rendered == [1]


async def test_when_nobody_follows_nothing_is_read(
    feed: Feed, writer: Writer, project_id: UUID, statements: Statements
) -> None:
    listening = await Listening().begin(feed, about())
    await add_instance(writer, project_id)
    await listening.next()
    listening.close()
    listening.close()
    assert any("change_events" in statement for statement in statements)
    await until_unread(statements, "change_events")


async def test_a_cursor_whose_events_retention_has_removed_has_expired(
    feed: Feed, writer: Writer, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id)
    listening = await Listening().begin(feed, about())
    await set_status(writer, instance, "RUNNING")
    await listening.next()
    for status in itertools.cycle(("STOPPED", "RUNNING")):
        await set_status(writer, instance, status)
        await listening.next()
        # A transaction that is open at the last event, be it of another database, ages its cursor.
        if not feed._cursors.decode(listening.cursors[-1]).before.in_progress:
            break
    await writer.execute(
        "UPDATE change_events SET at = at - interval '8 days'"
        " WHERE seq = (SELECT max(seq) FROM change_events)"
    )
    await writer.execute("SELECT cleanup_old_logs()")
    with pytest.raises(CursorExpired) as refusal:
        await Listening().begin(feed, about(), after=listening.cursors[-2])
    assert refusal.value.field == "after"
    await Listening().begin(feed, about(), after=listening.cursors[-1])


async def test_one_who_catches_up_is_told_when_retention_removes_what_is_still_to_come(
    feed: Feed, writer: Writer, project_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The clean-up may take longer than a connection may stand still.
    monkeypatch.setattr(catching_up, "STANDSTILL", 3600.0)
    present = await Listening().begin(feed, about())
    await add_instance(writer, project_id)
    await present.next()
    await writer.execute(
        "INSERT INTO cc_instances (project_id, name, type, status)"
        " SELECT $1, 'instance ' || n, 'PARENT', 'IDLE' FROM generate_series(1, 1500) n",
        project_id,
    )
    # The reader has got past all of it. One who resumes before that gets live what the reader still brings.
    await present.several(1500)
    resumed = await Listening().begin(feed, about(), after=present.cursors[0])
    await resumed.next()
    await writer.execute("UPDATE change_events SET at = at - interval '8 days'")
    await writer.execute("SELECT cleanup_old_logs()")
    rest, error = await resumed.until_ended()
    assert isinstance(error, CursorExpired)
    assert len(rest) < 1499


async def test_after_a_restore_old_cursors_are_refused_and_old_rows_stay_old(
    database: Database, writer: Writer, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id)
    async with Wakeup("memory://") as wakeup:
        async with Feed(database, wakeup, b"secret") as before:
            listening = await Listening().begin(before, about())
            await set_status(writer, instance, "RUNNING")
            await listening.next()
            await writer.execute("SELECT ccgraph_renew_feed()")
            for _ in range(2):  # a process that runs meanwhile finds out, and does not forget
                with pytest.raises(CursorInvalid):
                    await Listening().begin(before, about(), after=listening.cursors[0])
        async with Feed(database, wakeup, b"secret") as restored:
            with pytest.raises(CursorInvalid):
                await Listening().begin(restored, about(), after=listening.cursors[0])
            fresh = await Listening().begin(restored, about())
            await set_status(writer, instance, "STOPPED")
            assert await fresh.next() == [str(instance), "STOPPED"]
