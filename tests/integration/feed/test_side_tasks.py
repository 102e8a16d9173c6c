"""What subscribers and others keep when a side task is killed in the middle of its work."""

import asyncio
import json
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from services.core import background
from services.core.batching import Batcher
from services.core.errors import ServiceUnavailable
from services.core.retry import Backoff
from services.feed import feed as feed_module
from services.feed.feed import Feed
from services.feed.sources import CHANGES
from services.feed.statement_connections import Acquire
from services.feed.wakeup import Wakeup, WakeupEvent
from tests.integration.feed.conftest import (
    KeysAndStatuses,
    Listening,
    Open,
    Writer,
    about,
    add_instance,
    heard,
    set_status,
)
from tests.support.staying_away import bring_back, keep_away
from tests.support.waiting import PATIENCE, until


@pytest.fixture(autouse=True)
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A side task that died is away until it is brought back, so that something can happen before."""
    keep_away(monkeypatch)


def kill(name: str) -> None:
    """Cancel all tasks of this name."""
    for task in asyncio.all_tasks():
        if task.get_name() == name:
            task.cancel()


async def test_what_happens_while_the_reader_is_away_is_heard_when_it_is_back(
    feed: Feed, writer: Writer, project_id: UUID
) -> None:
    listening = await Listening().begin(feed, about())
    before = await add_instance(writer, project_id)
    assert await listening.next() == [str(before), "IDLE"]
    await until(lambda: feed._changes._undelivered is None)  # in the middle of a batch it would end them
    kill("feed-reader")
    await until(lambda: feed.supervisor.away == ["feed-reader"])
    missed = [await add_instance(writer, project_id) for _ in range(3)]
    newcomer = await Listening().begin(feed, about("newcomer"))
    await bring_back(feed.supervisor)
    after = await add_instance(writer, project_id)
    assert [event[0] for event in await listening.several(4)] == [str(key) for key in [*missed, after]]
    assert (await newcomer.several(4))[-1] == [str(after), "IDLE"]
    assert await listening.silent()


@pytest.mark.parametrize("failure", [asyncio.CancelledError, ZeroDivisionError])
async def test_a_batch_that_was_cut_off_is_resumed_from_by_cursor_without_a_hole_or_a_repeat(
    feed: Feed,
    writer: Writer,
    project_id: UUID,
    monkeypatch: pytest.MonkeyPatch,
    failure: type[BaseException],
) -> None:
    cut: list[int] = []

    post = Feed._post

    async def cut_off(feed: Feed, *rest: Any) -> None:
        await post(feed, *rest)
        if len(cut) == 1:
            cut.append(2)
            raise failure
        cut.append(1)

    monkeypatch.setattr(Feed, "_post", cut_off)
    monkeypatch.setattr(feed_module, "EVENTS", 2)
    monkeypatch.setattr(feed_module, "fail", _not_called)
    watched: list[str] = []
    await feed.watch(CHANGES, lambda events: watched.extend(event.key for event in events))
    listening = await Listening().begin(feed, about())
    async with writer.transaction():
        keys = [str(await add_instance(writer, project_id)) for _ in range(8)]
    taken = [event[0] for event in await listening.several(2)]
    assert listening.subscription is not None
    subscriber = listening.subscription.subscriber
    await bring_back(feed.supervisor)
    await until(lambda: subscriber.ended)
    error = subscriber.error
    assert isinstance(error, ServiceUnavailable)
    assert "`after`" in error.message
    while delivery := subscriber.take():
        taken.append(json.loads(delivery.payload)[0])
    again = await Listening().begin(feed, about("again"), after=subscriber.cursor)
    rest = [event[0] for event in await again.several(8 - len(taken))]
    assert taken + rest == keys
    assert await again.silent()
    assert set(watched) == set(keys)


def _not_called(*rest: object) -> None:
    raise ZeroDivisionError


async def test_a_replay_that_is_killed_ends_its_subscriber_with_a_cursor(
    feed: Feed, writer: Writer, project_id: UUID
) -> None:
    first = await Listening().begin(feed, about())
    await add_instance(writer, project_id)
    await first.next()
    second = await Listening().begin(feed, about("second"), after=first.cursors[0])
    kill("feed-replay")
    assert isinstance(await second.ended(), ServiceUnavailable)
    assert second.subscription is not None
    assert second.subscription.subscriber.cursor == first.cursors[0]


async def test_a_channel_that_is_killed_ends_its_subscribers_with_a_cursor(
    feed: Feed, writer: Writer, project_id: UUID
) -> None:
    begun = asyncio.Event()

    class Endless(KeysAndStatuses):
        async def render(self, acquire: Acquire, wanted: object) -> list[str]:
            begun.set()
            await asyncio.Event().wait()
            return []

    listening = await Listening().begin(feed, about("endless", Endless()))
    assert listening.subscription is not None
    begin = listening.subscription.subscriber.cursor
    instance = await add_instance(writer, project_id)
    async with asyncio.timeout(PATIENCE):
        await begun.wait()
    kill("feed-channel")
    assert isinstance(await listening.ended(), ServiceUnavailable)
    again = await Listening().begin(feed, about("again"), after=begin)
    assert await again.next() == [str(instance), "IDLE"]


async def test_logs_that_come_while_their_reader_is_away_are_heard(
    feed: Feed, writer: Writer, project_id: UUID, subscribe: Open
) -> None:
    instance = await add_instance(writer, project_id)
    listening = await subscribe("subscription { logAppended { message } }")
    kill("log-reader")
    await until(lambda: feed.supervisor.away == ["log-reader"])
    await writer.execute(
        "INSERT INTO cc_logs (cc_instance_id, log_level, category, message)"
        " VALUES ($1, 'info', 'git', 'missed')",
        instance,
    )
    await bring_back(feed.supervisor)
    assert (await heard(listening))["message"] == "missed"


async def status(listening: Listening) -> str:
    """The status of the only instance in the next result."""
    found: str = (await heard(listening))["ccInstances"]["nodes"][0]["status"]
    return found


async def test_a_live_query_is_read_again_when_its_task_was_killed(
    feed: Feed, writer: Writer, project_id: UUID, subscribe: Open
) -> None:
    instance = await add_instance(writer, project_id)
    listening = await subscribe(_LIVE)
    assert await status(listening) == "IDLE"
    kill("live-query")
    await until(lambda: feed.supervisor.away == ["live-query"])
    await set_status(writer, instance, "RUNNING")
    await bring_back(feed.supervisor)
    assert await status(listening) == "RUNNING"
    await set_status(writer, instance, "IDLE")
    assert await status(listening) == "IDLE"


async def test_a_live_query_that_cannot_be_read_on_ends_with_a_sentence(
    feed: Feed, writer: Writer, project_id: UUID, subscribe: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "RESTART", Backoff(first=0.001, longest=0.001))
    await add_instance(writer, project_id)
    listening = await subscribe(_LIVE)
    await heard(listening)
    lost: list[str] = []
    feed.supervisor.when_lost(lost.append)
    assert listening.subscription is not None
    subscriber = listening.subscription.subscriber

    def ended() -> bool:
        kill("live-query")
        return subscriber.ended

    await until(ended)
    error = subscriber.error
    assert isinstance(error, ServiceUnavailable)
    assert "subscribe again" in error.message
    assert lost == []


_LIVE = "subscription { live { ccInstances { nodes { status } } } }"


async def arrives_at(here: Wakeup, event: WakeupEvent) -> bool:
    """Whether a wake-up from here sets the event of another process."""
    here.notify()
    return await event.wait(0.2)


@pytest.mark.parametrize("name", ["feed-wakeup-broker", "feed-wakeup-listener", "feed-wakeup-publisher"])
async def test_wake_ups_travel_again_when_what_carries_them_was_killed(name: str, database_url: str) -> None:
    async with Wakeup(database_url) as here, Wakeup(database_url) as there:
        arrives = partial(arrives_at, here, there.event())
        await until(arrives)
        kill(name)  # of both processes
        await bring_back(here.supervisor, there.supervisor)
        await until(arrives)


async def test_a_wake_up_that_was_to_be_published_is_published_after_the_death(database_url: str) -> None:
    async with Wakeup(database_url) as here, Wakeup(database_url) as there:
        event = there.event()
        while await event.wait(0.5):
            pass
        here.notify()
        await asyncio.sleep(0)
        kill("feed-wakeup-publisher")
        await bring_back(here.supervisor, there.supervisor)
        assert await event.wait(PATIENCE)


async def test_the_death_of_broadcasters_own_task_is_noticed(database_url: str) -> None:
    async with Wakeup(database_url) as here, Wakeup(database_url) as there:
        arrives = partial(arrives_at, here, there.event())
        await until(arrives)
        there._broadcast._listener_task.cancel()
        await bring_back(there.supervisor)
        await until(arrives)


async def test_who_waits_for_an_answer_that_is_cut_off_is_told() -> None:
    """For all that share a reading or a turn: nobody waits for ever."""
    shared = Batcher()
    go_on = asyncio.Event()

    async def read() -> int:
        await go_on.wait()
        return 1

    first = asyncio.create_task(shared.share("key", read))
    await asyncio.sleep(0)
    second = asyncio.create_task(shared.share("key", read))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    [turns] = shared._tasks._tasks
    turns.cancel()
    with pytest.raises(ConnectionAbortedError):
        await asyncio.wait_for(second, PATIENCE)
