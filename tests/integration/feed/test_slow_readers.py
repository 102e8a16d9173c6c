"""A connection that is behind: late, at its own pace, and ended only when it takes nothing for long."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from services.core.database import Database
from services.core.errors import SlowConsumer
from services.feed import catching_up
from services.feed.feed import Feed
from services.feed.subscribers import Capacity
from services.feed.wakeup import Wakeup
from tests.integration.feed.conftest import Listening, Writer, about, add_instance, add_project
from tests.support.waiting import PATIENCE, until

SMALL = Capacity(events=3)


@pytest.fixture
async def hasty(database: Database) -> AsyncIterator[Feed]:
    """A feed that keeps nobody for long."""
    async with Wakeup("memory://") as wakeup, Feed(database, wakeup, b"secret", stall_timeout=0.3) as opened:
        yield opened


async def fall_behind(feed: Feed, writer: Writer, project_id: UUID) -> tuple[Listening, list[str]]:
    """A subscriber that took one event and has not taken those after it; the keys of all."""
    slow = await Listening().begin(feed, about(), capacity=SMALL)
    quick = await Listening().begin(feed, about())
    keys = []
    for number in range(20):
        keys.append(str(await add_instance(writer, project_id)))
        await quick.next()
        if not number:
            await slow.next()
    quick.close()
    return slow, keys


async def test_a_connection_that_takes_again_gets_what_it_missed_and_goes_on_live(
    feed: Feed, writer: Writer, project_id: UUID
) -> None:
    slow, keys = await fall_behind(feed, writer, project_id)
    assert slow.subscription is not None
    assert slow.subscription.subscriber.waiting == 1
    assert [key for key, _ in await slow.several(19)] == keys[1:]
    live = await add_instance(writer, project_id)
    assert (await slow.next())[0] == str(live)
    assert await slow.silent()


async def test_a_connection_that_takes_nothing_is_told_where_to_resume(
    hasty: Feed, writer: Writer, project_id: UUID
) -> None:
    slow, keys = await fall_behind(hasty, writer, project_id)
    assert isinstance(await slow.ended(), SlowConsumer)
    assert slow.subscription is not None
    cursor = slow.subscription.subscriber.cursor
    assert cursor == slow.cursors[-1]
    hasty.stall_timeout = PATIENCE
    resumed = await Listening().begin(hasty, about(), after=cursor)
    assert [key for key, _ in await resumed.several(19)] == keys[1:]


async def test_a_connection_that_stops_while_it_catches_up_costs_nothing_and_loses_nothing(
    feed: Feed, writer: Writer, project_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "STANDSTILL", 0.1)
    slow, keys = await fall_behind(feed, writer, project_id)
    heard = [(await slow.next())[0]]
    assert slow.subscription is not None
    subscriber = slow.subscription.subscriber
    await until(lambda: subscriber.waiting == 1)
    heard += [key for key, _ in await slow.several(18)]
    assert heard == keys[1:]
    assert await slow.silent()


async def test_what_retention_removed_before_a_slow_connection_took_it_is_told(
    feed: Feed, writer: Writer, project_id: UUID
) -> None:
    slow, _ = await fall_behind(feed, writer, project_id)
    await writer.execute("UPDATE change_events SET at = at - interval '8 days'")
    await writer.execute("SELECT cleanup_old_logs()")
    assert slow.subscription is not None
    assert slow.subscription.subscriber.take() is None
    assert isinstance(await slow.ended(), SlowConsumer)


async def test_a_connection_falls_behind_where_it_is_and_not_where_it_took_last(
    feed: Feed, writer: Writer, project_id: UUID, owner_id: int
) -> None:
    other = await add_project(writer, owner_id)
    slow = await Listening().begin(feed, about("mine", project_id=project_id), capacity=SMALL)
    quick = await Listening().begin(feed, about())
    for _ in range(10):  # nothing of it is for the slow one, whose last cursor grows old
        await add_instance(writer, other)
        await quick.next()
    await writer.execute("UPDATE change_events SET at = at - interval '8 days'")
    await writer.execute("SELECT cleanup_old_logs()")
    floor = await writer.fetchval("SELECT floor FROM feed_state")
    await until(lambda: feed._changes.position.xmin > floor)  # other databases have transactions, too
    keys = []
    for _ in range(10):
        keys.append(str(await add_instance(writer, project_id)))
        await quick.next()
    assert [key for key, _ in await slow.several(10)] == keys


async def test_a_subscription_that_is_closed_while_behind_leaves_nothing(
    feed: Feed, writer: Writer, project_id: UUID
) -> None:
    slow, _ = await fall_behind(feed, writer, project_id)
    assert feed.topic("statuses") is None
    assert slow.subscription is not None
    slow.subscription.subscriber.take()
    slow.close()
    slow.close()
    await asyncio.sleep(0)
    assert feed.topic("statuses") is None
