"""Slots that no account holds all of."""

import asyncio
from typing import Any

from services.core.fair_slots import FairSlots


async def hold(slots: FairSlots, account: str, held: list[Any], done: asyncio.Event) -> None:
    async with slots.slot(account):
        held.append(account)
        await done.wait()
        held.remove(account)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_one_account_leaves_slots_to_the_others() -> None:
    slots, done = FairSlots(total=3, each=2), asyncio.Event()
    held: list[Any] = []
    tasks = [asyncio.create_task(hold(slots, "greedy", held, done)) for _ in range(10)]
    await settle()
    tasks.append(asyncio.create_task(hold(slots, "modest", held, done)))
    await settle()
    assert sorted(held) == ["greedy", "greedy", "modest"]
    done.set()
    await asyncio.gather(*tasks)
    assert held == []


async def test_accounts_that_wait_are_served_in_turn() -> None:
    slots, served = FairSlots(total=1, each=1), []

    async def use(account: str) -> None:
        async with slots.slot(account):
            served.append(account)
            await asyncio.sleep(0)

    await asyncio.gather(*map(use, ["a", "a", "a", "b", "b", "c"]))
    assert served == ["a", "a", "b", "c", "a", "b"]


async def test_the_preferred_slot_is_given_while_it_is_free_and_another_one_after_a_moment() -> None:
    slots = FairSlots(total=2, each=2)
    async with (
        asyncio.timeout(5),
        slots.slot("a", preferred=1) as first,
        slots.slot("b", preferred=1) as second,
    ):
        assert (first, second) == (1, 0)
    async with slots.slot("a", preferred=1) as third:
        assert third == 1


async def test_one_who_is_cancelled_takes_no_slot_along() -> None:
    slots, done = FairSlots(total=1, each=1), asyncio.Event()
    held: list[Any] = []
    first = asyncio.create_task(hold(slots, "a", held, done))
    await settle()
    waiting = [asyncio.create_task(hold(slots, account, held, done)) for account in ("a", "b", "c")]
    await settle()
    waiting[1].cancel()
    done.set()
    await settle()
    waiting[2].cancel()  # perhaps just after it was granted
    await asyncio.wait([first, *waiting])
    async with asyncio.timeout(5), slots.slot("d"):
        pass
