"""What one selection costs, an error or time, and what one connection does not take, concern nobody else."""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

import asyncpg
import pytest

from models.policy import Viewer
from services.feed import channels
from services.feed.feed import Feed
from services.feed.statement_connections import Acquire
from services.feed.subscribers import Capacity
from services.feed.topics import PositionedEvent
from tests.integration.feed.conftest import (
    ADMINISTRATOR,
    Connect,
    KeysAndStatuses,
    Listening,
    Writer,
    about,
    add_instance,
    add_project,
    add_user,
    set_status,
)
from tests.integration.feed.test_log_stream import CC_LOGS, append
from tests.integration.feed.test_logs import log

Wanted = Sequence[tuple[PositionedEvent, Viewer]]

LONG = 30.0
"""Seconds of a slow statement: longer than a test waits for what is not to wait for it."""


class Failing(KeysAndStatuses):
    """PostgreSQL refuses the statement when `fails` holds of one of the events and viewers."""

    def __init__(self, fails: Callable[[PositionedEvent, Viewer], bool], *, by_viewer: bool = False) -> None:
        super().__init__(by_viewer=by_viewer)
        self._fails = fails

    async def render(self, acquire: Acquire, wanted: Wanted) -> list[str]:
        """An error of the database, or the events."""
        async with acquire("failing") as connection:
            await connection.fetchval(f"SELECT 1 / {int(not any(self._fails(*one) for one in wanted))}")
        return await super().render(acquire, wanted)


class Slow(KeysAndStatuses):
    """The statement takes long when `lasts` gives seconds for one of the events and viewers."""

    def __init__(self, lasts: Callable[[PositionedEvent, Viewer], float], *, by_viewer: bool = False) -> None:
        super().__init__(by_viewer=by_viewer)
        self._lasts = lasts

    async def render(self, acquire: Acquire, wanted: Wanted) -> list[str]:
        """The events, later."""
        seconds = max(self._lasts(*one) for one in wanted)
        async with acquire("slow") as connection:
            if seconds:
                await connection.fetchval("SELECT pg_sleep($1)", seconds)
        return await super().render(acquire, wanted)


def always(found: PositionedEvent, viewer: Viewer) -> bool:
    return True


def long(found: PositionedEvent, viewer: Viewer) -> float:
    return LONG


async def share(writer: Writer, project_id: UUID, user_id: int) -> Viewer:
    """Let a person see a project."""
    await writer.execute(
        "UPDATE projects SET collaborators = collaborators || jsonb_build_array("
        "jsonb_build_object('user_id', $2::int)) WHERE project_id = $1",
        project_id,
        user_id,
    )
    return Viewer(user_id)


async def test_a_selection_that_fails_ends_its_own_subscribers_only(
    feed: Feed, writer: Writer, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id)
    failing = await Listening().begin(feed, about("failing", Failing(always)))
    others = [await Listening().begin(feed, about(key)) for key in ("one", "one", "other")]
    await set_status(writer, instance, "RUNNING")
    for other in others:
        assert await other.next() == [str(instance), "RUNNING"]
    assert isinstance(await failing.ended(), asyncpg.DivisionByZeroError)


async def test_a_filter_that_fails_ends_its_own_subscribers_only(
    feed: Feed, writer: Writer, project_id: UUID
) -> None:
    def refuse(event: object) -> bool:
        raise KeyError(event)

    instance = await add_instance(writer, project_id)
    failing = await Listening().begin(feed, about("failing", accepts=refuse))
    other = await Listening().begin(feed, about())
    await set_status(writer, instance, "RUNNING")
    assert await other.next() == [str(instance), "RUNNING"]
    assert isinstance(await failing.ended(), KeyError)


async def test_log_entries_that_cannot_be_rendered_end_their_own_subscribers_only(
    feed: Feed, writer: Writer, project_id: UUID
) -> None:
    failing = await Listening().begin(feed, about("failing", Failing(always), tables=CC_LOGS))
    other = await Listening().begin(feed, about("logs", tables=CC_LOGS))
    entry = await log(writer, await add_instance(writer, project_id), "one")
    assert (await other.next())[0] == str(entry)
    assert isinstance(await failing.ended(), asyncpg.DivisionByZeroError)


async def test_of_those_who_share_a_selection_the_one_whose_data_fails_ends_alone(
    feed: Feed, writer: Writer, owner_id: int, project_id: UUID
) -> None:
    guest = await share(writer, project_id, await add_user(writer))
    renderer = Failing(lambda found, viewer: viewer == guest, by_viewer=True)
    topic = about("shared", renderer)
    failing = await Listening().begin(feed, topic, guest)
    others = [await Listening().begin(feed, topic, viewer) for viewer in (Viewer(owner_id), ADMINISTRATOR)]
    instance = await add_instance(writer, project_id)
    for status in ("IDLE", "RUNNING"):
        await set_status(writer, instance, status)
        for other in others:
            assert await other.next() == [str(instance), status]
    assert isinstance(await failing.ended(), asyncpg.DivisionByZeroError)


async def test_an_event_that_fails_concerns_only_those_who_see_it(
    feed: Feed, writer: Writer, owner_id: int, project_id: UUID
) -> None:
    stranger = await add_user(writer)
    instance = await add_instance(writer, project_id)
    bad = await add_instance(writer, await add_project(writer, stranger))
    topic = about("shared", Failing(lambda found, viewer: found.event.key == str(bad)))
    owner_hears = await Listening().begin(feed, topic, Viewer(owner_id))
    stranger_hears = await Listening().begin(feed, topic, Viewer(stranger))
    administrator_hears = await Listening().begin(feed, topic)
    async with writer.transaction():
        for changed in (instance, bad, instance):
            await set_status(writer, changed, "RUNNING")
            await set_status(writer, changed, "ERROR")
    assert [status for _, status in await owner_hears.several(4)] == ["RUNNING", "ERROR"] * 2
    assert await stranger_hears.ended() is not None
    assert [status for _, status in await administrator_hears.several(2)] == ["RUNNING", "ERROR"]
    assert await administrator_hears.ended() is not None


@pytest.mark.parametrize("tables", [frozenset({"cc_instances"}), CC_LOGS])
async def test_a_selection_that_takes_long_delays_itself_only(
    feed: Feed, writer: Writer, project_id: UUID, tables: frozenset[str]
) -> None:
    instance = await add_instance(writer, project_id)
    slow = await Listening().begin(feed, about("slow", Slow(long), tables=tables))
    quick = await Listening().begin(feed, about("quick", tables=tables))
    async with asyncio.timeout(LONG / 2):
        for _ in range(5):
            await _change(writer, instance, tables)
            await quick.next()
    assert slow.subscription is not None
    assert (slow.subscription.subscriber.waiting, slow.subscription.subscriber.ended) == (0, False)


async def _change(writer: Writer, instance: UUID, tables: frozenset[str]) -> None:
    if tables == CC_LOGS:
        await log(writer, instance, "one")
    else:
        await writer.execute(
            "UPDATE cc_instances SET status = CASE status WHEN 'IDLE' THEN 'RUNNING' ELSE 'IDLE' END"
            " WHERE id = $1",
            instance,
        )


async def test_what_a_slow_selection_is_about_arrives_late_in_order_and_once(
    feed: Feed, writer: Writer, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id)
    slow = await Listening().begin(feed, about("slow", Slow(lambda found, viewer: 0.4)))
    statuses = ["RUNNING", "ERROR", "IDLE", "STOPPED"]
    for status in statuses:
        await set_status(writer, instance, status)
    assert [status for _, status in await slow.several(4)] == statuses
    assert await slow.silent()


async def test_of_those_who_share_a_selection_the_one_whose_data_takes_long_waits_alone(
    feed: Feed, writer: Writer, owner_id: int, project_id: UUID
) -> None:
    guest = await share(writer, project_id, await add_user(writer))
    topic = about("shared", Slow(lambda found, viewer: LONG * (viewer == guest), by_viewer=True))
    await Listening().begin(feed, topic, guest)
    others = [await Listening().begin(feed, topic, viewer) for viewer in (Viewer(owner_id), ADMINISTRATOR)]
    instance = await add_instance(writer, project_id)
    async with asyncio.timeout(LONG / 2):
        for other in others:
            assert await other.next() == [str(instance), "IDLE"]
        for status in ("RUNNING", "ERROR"):
            await set_status(writer, instance, status)
            for other in others:
                assert await other.next() == [str(instance), status]


async def test_many_slow_selections_of_one_person_leave_connections_to_the_others(
    feed: Feed, writer: Writer, owner_id: int, project_id: UUID
) -> None:
    guest = await share(writer, project_id, await add_user(writer))
    for number in range(20):
        await Listening().begin(feed, about(("slow", number), Slow(long)), guest)
    quick = await Listening().begin(feed, about("quick", Slow(lambda found, viewer: 0.0)), Viewer(owner_id))
    rather_slow = await Listening().begin(
        feed, about("rather slow", Slow(lambda found, viewer: 0.4)), Viewer(owner_id)
    )
    instance = await add_instance(writer, project_id)
    async with asyncio.timeout(LONG / 2):
        assert await quick.next() == [str(instance), "IDLE"]
        assert await rather_slow.next() == [str(instance), "IDLE"]


async def test_a_selection_that_was_slow_once_is_shared_again(
    feed: Feed, writer: Writer, owner_id: int, project_id: UUID
) -> None:
    once = [0.4]
    renderer = Slow(lambda found, viewer: once.pop() if once else 0.0, by_viewer=True)
    topic = about("shared", renderer)
    everybody = [await Listening().begin(feed, topic, viewer) for viewer in (Viewer(owner_id), ADMINISTRATOR)]
    instance = await add_instance(writer, project_id)
    status = "IDLE"
    while renderer.rendered.count(2) < 2:  # a machine may be slow once more
        for listening in everybody:
            assert await listening.next() == [str(instance), status]
        status = "RUNNING" if status == "IDLE" else "IDLE"
        await set_status(writer, instance, status)
    assert renderer.rendered[:2] == [1, 1]


async def test_a_selection_that_is_too_slow_for_its_events_is_read_from_the_feed(
    feed: Feed, writer: Writer, project_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "BACKLOG", 3)
    waits = [True]
    topic = about("slow", Slow(lambda found, viewer: 1.0 if waits and waits.pop() else 0.0))
    quick = await Listening().begin(feed, about("quick"))
    slow = [await Listening().begin(feed, topic) for _ in range(2)]
    keys = []
    for _ in range(12):
        keys.append(str(await add_instance(writer, project_id)))
        assert (await quick.next())[0] == keys[-1]
    for listening in slow:
        assert [key for key, _ in await listening.several(12)] == keys
    last = str(await add_instance(writer, project_id))
    for listening in (quick, *slow):
        assert (await listening.next())[0] == last
        assert await listening.silent()


async def test_a_reader_of_any_pace_gets_every_event_once_and_those_of_a_writer_in_order(
    feed: Feed, connect: Connect, project_id: UUID
) -> None:
    count = 400
    small = Capacity(events=10)
    paces = [0.0, 0.0, 0.001, 0.003, 0.005, 0.02]
    readers = [await Listening().begin(feed, about(), capacity=small) for _ in paces]

    async def read(listening: Listening, pause: float) -> list[str]:
        keys = []
        for number in range(count):
            keys.append((await listening.next())[0])
            if number % 3 == 0:
                await asyncio.sleep(pause)
        return keys

    writers = [await connect() for _ in range(4)]

    async def write(connection: Writer) -> list[str]:
        keys = []
        for _ in range(count // 4):
            keys.append(str(await add_instance(connection, project_id)))
            await asyncio.sleep(0.002)
        return keys

    reading = [asyncio.create_task(read(*one)) for one in zip(readers, paces, strict=True)]
    written = await asyncio.gather(*map(write, writers))
    for keys in await asyncio.gather(*reading):
        assert sorted(keys) == sorted(key for own in written for key in own)
        # Transactions that ran at the same time have no order among them, and one who catches up reads
        # several of the reader's batches as one.
        for own in written:
            places = {key: place for place, key in enumerate(keys)}
            assert sorted(own, key=places.__getitem__) == own
    for listening in readers:
        assert await listening.silent()


async def test_a_bulk_append_delays_no_other_topic_by_a_connection_that_stands_still(
    feed: Feed, writer: Writer, project_id: UUID
) -> None:
    instance = await add_instance(writer, project_id)
    still = [await Listening().begin(feed, about("logs", tables=CC_LOGS)) for _ in range(5)]
    quick = await Listening().begin(feed, about("logs", tables=CC_LOGS))
    statuses = await Listening().begin(feed, about())
    await append(writer, instance, 3000)
    await set_status(writer, instance, "RUNNING")
    assert await statuses.next() == [str(instance), "RUNNING"]
    await quick.several(3000)
    for listening in still:
        assert listening.subscription is not None
        assert listening.subscription.subscriber.waiting == 1  # what it is to get is not kept
