"""`logAppended`: whose entries, which of them, from which cursor on, and what a bulk append does."""

import asyncio
from typing import Any
from uuid import UUID

from models.policy import Viewer
from services.feed.feed import Feed
from tests.integration.feed.conftest import (
    ADMINISTRATOR,
    Connect,
    KeysAndStatuses,
    Listening,
    Open,
    Writer,
    about,
    add_instance,
    add_user,
    heard,
    set_status,
    until_unread,
)
from tests.integration.feed.test_logs import add_system_log, log
from tests.support.statements import Statements
from tests.support.waiting import PATIENCE

CC_LOGS = frozenset({"cc_logs"})


async def append(writer: Writer, instance: UUID, count: int) -> None:
    """Append entries in bulk, as the API does."""
    await writer.execute(
        "INSERT INTO cc_logs (cc_instance_id, log_level, category, message)"
        " SELECT $1, 'info', 'system', 'entry ' || n FROM generate_series(1, $2::int) n",
        instance,
        count,
    )


async def test_entries_of_all_logs_come_in_one_stream_as_deep_as_a_query(
    subscribe: Open, writer: Writer, owner_id: int, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id)
    listening = await subscribe(
        "subscription { logAppended { table level category message actor { id }"
        " log { nodeId ... on CcLog { ccInstance { project { name } } } ... on SystemLog { module } } } }"
    )
    await log(writer, instance, "it begins", "fatal")
    await writer.execute(
        "INSERT INTO system_logs (level, category, module, user_id, message)"
        " VALUES ('CRITICAL', 'audit', 'api', $1, 'taskCreated')",
        owner_id,
    )
    first, second = await heard(listening), await heard(listening)
    assert first["log"].pop("nodeId") != second["log"].pop("nodeId")
    assert first == {
        "table": "CC_LOGS",
        "level": "FATAL",
        "category": "task",
        "message": "it begins",
        "actor": None,
        "log": {"ccInstance": {"project": {"name": "alpha"}}},
    }
    assert second == {
        "table": "SYSTEM_LOGS",
        "level": "FATAL",
        "category": "audit",
        "message": "taskCreated",
        "actor": {"id": owner_id},
        "log": {"module": "api"},
    }


async def test_entries_are_filtered_by_level_category_text_instance_and_table(
    subscribe: Open, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    parent = await add_instance(writer, project_id)
    child = await add_instance(writer, project_id, parent=parent)
    streams = {
        "levels": await subscribe("subscription { logAppended(levels: [ERROR]) { message } }"),
        "categories": await subscribe('subscription { logAppended(categories: ["git"]) { message } }'),
        "contains": await subscribe('subscription { logAppended(contains: "東京 ERR") { message } }'),
        "instance": await subscribe(
            "subscription ($id: UUID) { logAppended(instanceId: $id) { message } }", id=parent
        ),
        "subtree": await subscribe(
            "subscription ($id: UUID) { logAppended(subtreeOf: $id) { message } }", id=child
        ),
        "tables": await subscribe("subscription { logAppended(tables: [SYSTEM_LOGS]) { message } }"),
    }
    for instance, level, category, message in (
        (parent, "error", "task", "a"),
        (parent, "info", "git", "b"),
        (child, "info", "task", "from 東京 err 5"),
    ):
        await writer.execute(
            "INSERT INTO cc_logs (cc_instance_id, log_level, category, message) VALUES ($1, $2, $3, $4)",
            instance,
            level,
            category,
            message,
        )
    await writer.execute(
        "INSERT INTO system_logs (level, category, module, user_id, message)"
        " VALUES ('INFO', 'x', 'y', $1, 'of the server')",
        owner_id,
    )
    expected = {
        "levels": ["a"],
        "categories": ["b"],
        "contains": ["from 東京 err 5"],
        "instance": ["a", "b"],
        "subtree": ["from 東京 err 5"],
        "tables": ["of the server"],
    }
    for name, messages in expected.items():
        assert [(await heard(streams[name]))["message"] for _ in messages] == messages
        assert await streams[name].silent()


async def test_people_read_their_own_entries_and_those_of_their_projects(
    feed: Feed, writer: Writer, owner_id: int, project_id: UUID
) -> None:
    stranger = await add_user(writer)
    instance = await add_instance(writer, project_id)
    topic = about("logs", tables=CC_LOGS | {"system_logs"})
    owner_hears = await Listening().begin(feed, topic, Viewer(owner_id))
    stranger_hears = await Listening().begin(feed, topic, Viewer(stranger))
    administrator_hears = await Listening().begin(feed, topic)
    entry = await log(writer, instance, "of the project")
    of_nobody = await add_system_log(writer, "of nobody")
    own = await writer.fetchval(
        "INSERT INTO system_logs (level, category, module, user_id, message)"
        " VALUES ('INFO', 'x', 'y', $1, 'own') RETURNING id",
        stranger,
    )
    assert (await owner_hears.next())[0] == str(entry)
    assert (await stranger_hears.next())[0] == str(own)
    heard_by_all = [event[0] for event in await administrator_hears.several(3)]
    assert heard_by_all == [str(entry), str(of_nobody), str(own)]
    assert await owner_hears.silent()
    assert await stranger_hears.silent()


async def test_entries_stop_at_once_when_access_is_taken_away(
    feed: Feed, writer: Writer, project_id: UUID
) -> None:
    guest = await add_user(writer)
    instance = await add_instance(writer, project_id)
    await writer.execute(
        "UPDATE projects SET collaborators = jsonb_build_array(jsonb_build_object('user_id', $2::int))"
        " WHERE project_id = $1",
        project_id,
        guest,
    )
    guest_hears = await Listening().begin(feed, about("logs", tables=CC_LOGS), Viewer(guest))
    entry = await log(writer, instance, "while a guest")
    assert (await guest_hears.next())[0] == str(entry)
    async with writer.transaction():
        await writer.execute("UPDATE projects SET collaborators = '[]' WHERE project_id = $1", project_id)
        await log(writer, instance, "afterwards")
    assert await guest_hears.silent()


async def test_a_cursor_replays_the_entries_after_it_and_then_goes_live(
    feed: Feed, writer: Writer, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id)
    listening = await Listening().begin(feed, about("logs", tables=CC_LOGS))
    async with writer.transaction():
        keys = [str(await log(writer, instance, str(number))) for number in range(10)]
    assert [event[0] for event in await listening.several(10)] == keys
    resumed = await Listening().begin(feed, about("logs", tables=CC_LOGS), after=listening.cursors[3])
    assert [event[0] for event in await resumed.several(6)] == keys[4:]
    live = await log(writer, instance, "live")
    assert (await resumed.next())[0] == str(live)
    assert await resumed.silent()


async def test_a_cursor_of_another_subscription_loses_no_entry(
    feed: Feed, writer: Writer, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id)
    statuses = await Listening().begin(feed, about())
    async with writer.transaction():
        await set_status(writer, instance, "RUNNING")
        entry = await log(writer, instance, "in the same transaction")
        await set_status(writer, instance, "ERROR")
    await statuses.several(2)
    entries = await Listening().begin(feed, about("logs", tables=CC_LOGS), after=statuses.cursors[0])
    assert (await entries.next())[0] == str(entry)
    again = await Listening().begin(feed, about(), after=entries.cursors[0])
    assert await again.silent()


async def test_resuming_again_and_again_under_load_gives_every_entry_once(
    feed: Feed, connect: Connect, project_id: UUID
) -> None:
    written: list[str] = []
    received: list[str] = []
    writers = [await connect() for _ in range(3)]

    async def write(connection: Writer) -> None:
        for _ in range(40):
            written.append(str(await log(connection, None, "entry")))
            await asyncio.sleep(0.001)

    listening = await Listening().begin(feed, about("logs", tables=CC_LOGS))
    writing = asyncio.gather(*(write(connection) for connection in writers))
    while len(received) < 120:
        received += [event[0] for event in await listening.several(1)]
        if len(received) % 7 == 0:
            listening.close()
            listening = await Listening().begin(
                feed, about("logs", tables=CC_LOGS), after=listening.cursors[-1]
            )
    await writing
    assert sorted(received) == sorted(written)
    assert await listening.silent()


async def test_a_bulk_append_reaches_the_quick_at_once_the_slow_late_and_all_exactly_once(
    feed: Feed, writer: Writer, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id)
    quick, slow, still = [await Listening().begin(feed, about("logs", tables=CC_LOGS)) for _ in range(3)]

    async def read_slowly() -> list[Any]:
        events: list[Any] = []
        while len(events) < 5000:
            events += await slow.several(10)
            await asyncio.sleep(0.003)
        return events

    async with asyncio.timeout(2 * PATIENCE):
        reading_slowly = asyncio.create_task(read_slowly())
        reading = asyncio.create_task(quick.several(5000))
        await append(writer, instance, 5000)
        everything = await reading
        assert await reading_slowly == everything
        assert await still.several(5000) == everything
    assert len({event[0] for event in everything}) == 5000
    entry = await log(writer, instance, "live")
    for listening in (quick, slow, still):
        assert (await listening.next())[0] == str(entry)


async def test_an_entry_is_rendered_once_for_all_who_ask_alike(
    feed: Feed, writer: Writer, owner_id: int, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id)
    renderer = KeysAndStatuses()
    topic = about("logs", renderer, tables=CC_LOGS)
    listeners = [
        await Listening().begin(feed, topic, viewer) for viewer in [Viewer(owner_id), ADMINISTRATOR] * 10
    ]
    entry = await log(writer, instance, "one")
    for listening in listeners:
        assert (await listening.next())[0] == str(entry)
    assert renderer.rendered == [1]


async def test_while_nobody_listens_to_logs_none_is_read(
    feed: Feed, writer: Writer, project_id: UUID, statements: Statements
) -> None:
    instances = await Listening().begin(feed, about())
    entries = await Listening().begin(feed, about("logs", tables=CC_LOGS))
    await log(writer, None, "one")
    await entries.next()
    entries.close()
    assert any("cc_logs" in statement for statement in statements)
    await until_unread(statements, "cc_logs")
    await add_instance(writer, project_id)
    await instances.next()
    assert not any("cc_logs" in statement for statement in statements)
