"""Whom a burst waits for: those who take it quickly, and for how long those who do not."""

import asyncio
import time

from models.policy import Viewer
from services.feed.backpressure import keep_pace
from services.feed.subscribers import Capacity, Delivery, Subscriber
from tests.support.waiting import PATIENCE


def behind(events: int = 8) -> Subscriber:
    """A subscriber for whom much waits."""
    subscriber = Subscriber(Viewer(1), "", lambda: None, Capacity(events=events))
    subscriber.push([Delivery(b"x") for _ in range(events)])
    return subscriber


async def take(subscriber: Subscriber, pause: float = 0.001) -> None:
    while subscriber.waiting:
        subscriber.take()
        await asyncio.sleep(pause)


async def test_a_pause_of_the_process_is_nobodys_standstill() -> None:
    subscriber = behind()
    asyncio.get_running_loop().call_soon(time.sleep, 0.5)
    taking = asyncio.create_task(take(subscriber))

    await keep_pace([subscriber])

    assert not subscriber.congested
    assert not subscriber.lagging
    await taking


async def test_a_connection_that_takes_nothing_is_waited_for_once() -> None:
    still = behind()
    async with asyncio.timeout(PATIENCE):
        await keep_pace([still])
    assert still.lagging
    async with asyncio.timeout(0.01):
        await keep_pace([still])
    still.take_some(100)
    assert not still.lagging


async def test_a_slow_connection_among_quick_ones_is_not_waited_for_to_the_end() -> None:
    slow, idle = behind(1000), [Subscriber(Viewer(1), "", lambda: None) for _ in range(3)]
    taking = asyncio.create_task(take(slow, 0.01))
    async with asyncio.timeout(PATIENCE):
        await keep_pace([slow, *idle])
    assert slow.congested
    taking.cancel()


async def test_where_all_are_behind_they_are_waited_for_as_long_as_they_take() -> None:
    subscribers = [behind(1000), behind(1000)]
    taking = [asyncio.create_task(take(subscriber, 0)) for subscriber in subscribers]
    async with asyncio.timeout(PATIENCE):
        await keep_pace(subscribers)
    assert not any(subscriber.congested or subscriber.lagging for subscriber in subscribers)
    await asyncio.gather(*taking)
