"""Whom the feed waits for: those who take, and for how long those who do not."""

import asyncio
import time

from models.policy import Viewer
from services.feed.backpressure import Patience
from services.feed.subscribers import Capacity, Delivery, Subscriber
from tests.support.waiting import PATIENCE


def behind() -> Subscriber:
    """Somebody for whom much waits."""
    subscriber = Subscriber(Viewer(1), "", lambda: None, Capacity(events=8))
    subscriber.push(Delivery(b"x") for _ in range(8))
    return subscriber


async def take(subscriber: Subscriber) -> None:
    for _ in range(subscriber.waiting):
        subscriber.take()
        await asyncio.sleep(0.001)


async def test_a_pause_of_the_process_is_nobodys_standstill() -> None:
    subscriber = behind()
    asyncio.get_running_loop().call_soon(time.sleep, 0.5)
    taking = asyncio.create_task(take(subscriber))

    await Patience(PATIENCE, population=10).drain([subscriber])

    assert not subscriber.congested
    await taking


async def test_of_a_few_who_are_behind_the_one_who_takes_nothing_is_soon_given_up() -> None:
    still, slow = behind(), behind()
    taking = asyncio.create_task(take(slow))

    async with asyncio.timeout(PATIENCE):
        await Patience(10 * PATIENCE, population=10).drain([still, slow])

    assert (still.congested, slow.congested) == (True, False)
    await taking


async def test_most_of_all_are_waited_for_even_if_they_take_nothing_for_a_while() -> None:
    subscribers = [behind(), behind()]
    draining = asyncio.create_task(Patience(None, population=2).drain(subscribers))
    await asyncio.sleep(0.5)
    assert not draining.done()

    for subscriber in subscribers:
        await take(subscriber)

    async with asyncio.timeout(PATIENCE):
        await draining
