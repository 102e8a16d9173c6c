"""Places of each person: others never wait, and who waits does not for ever."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from services.core import fair_shares
from services.core.errors import RateLimited
from services.core.fair_shares import FairPlaces, FairShares
from tests.support.clock import HeldLoop
from tests.support.waiting import PATIENCE


@asynccontextmanager
async def busy(shares: FairShares, person: str, waiting: int = 0) -> AsyncIterator[list[asyncio.Task[None]]]:
    """All places of a person are taken, and so many wait for one, until the block ends."""
    over = asyncio.Event()

    async def work() -> None:
        async with shares.of(person):
            await over.wait()

    tasks = [asyncio.create_task(work()) for _ in range(shares.each + waiting)]
    await asyncio.sleep(0)
    try:
        yield tasks
    finally:
        over.set()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_another_person_does_not_wait() -> None:
    shares = FairShares(2)
    async with busy(shares, "ann", waiting=5), asyncio.timeout(PATIENCE), shares.of("ben"):
        assert shares.waiting("ann") == 5
    assert len(shares) == 0


async def test_only_so_many_wait_and_what_has_begun_does_anyway() -> None:
    shares = FairShares(2, most_waiting=3)
    async with busy(shares, "ann", waiting=3):
        with pytest.raises(RateLimited, match="wait for answers") as refused:
            async with shares.of("ann"):
                pytest.fail("it has no place")
        assert refused.value.details == {"retryAfter": 1}
        begun = asyncio.create_task(_once(shares, "ann", begun=True))
        await asyncio.sleep(0)
        assert shares.waiting("ann") == 4
    await begun
    assert shares.waiting("ann") == len(shares) == 0


async def test_waiting_ends_in_time_and_leaves_nothing_behind() -> None:
    shares = FairShares(1, longest_wait=0.05)
    async with busy(shares, "ann"):
        with pytest.raises(RateLimited, match=r"waiting for 0\.05 s; send fewer"):
            await _once(shares, "ann")
        assert shares.waiting("ann") == 0
    await _once(shares, "ann")
    assert len(shares) == 0


async def test_each_gives_up_at_a_time_of_its_own_and_leaves_the_others_to_theirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = HeldLoop()
    monkeypatch.setattr(fair_shares, "asyncio", SimpleNamespace(get_running_loop=lambda: loop))
    shares = FairShares(1, longest_wait=60)
    async with busy(shares, "ann"), busy(shares, "ben"):
        waits = []
        for person in ("ann", "ben", "ann"):
            waits.append(asyncio.create_task(_once(shares, person)))
            await loop.advance(10)
        served = asyncio.create_task(_once(shares, "ann"))
        await loop.advance(0)
        gone = []
        for _ in range(5):
            gone.append([task.done() for task in waits])
            await loop.advance(10)
        assert gone == [[False] * 3] * 3 + [[True, False, False], [True, True, False]]
        assert [type(task.exception()) for task in waits] == [RateLimited] * 3
        assert not served.done()
    await served
    assert len(shares) == 0


async def test_a_wait_is_bounded_in_each_event_loop_that_uses_the_shares() -> None:
    shares = FairShares(1, longest_wait=0.05)

    async def crowd() -> None:
        async with busy(shares, "ann"):
            with pytest.raises(RateLimited):
                await _once(shares, "ann")

    for _ in range(2):
        await asyncio.to_thread(asyncio.run, crowd())


async def test_who_goes_away_while_waiting_takes_no_place() -> None:
    shares = FairShares(1)
    async with busy(shares, "ann", waiting=1) as tasks:
        tasks[1].cancel()
        await asyncio.sleep(0)
        assert shares.waiting("ann") == 0
    assert len(shares) == 0


async def test_a_place_that_comes_with_a_cancellation_is_handed_on() -> None:
    shares = FairShares(1)
    async with shares.of("ann"):
        waiting = [asyncio.create_task(_once(shares, "ann")) for _ in range(2)]
        await asyncio.sleep(0)
    waiting[0].cancel()
    async with asyncio.timeout(PATIENCE):
        await waiting[1]
    assert len(shares) == 0


@pytest.mark.parametrize("cancelled", [False, True])
async def test_what_is_no_longer_for_one_person_goes_on_without_a_place(cancelled: bool) -> None:
    shares = FairShares(1)
    place = shares.of("ann")

    async def work() -> int:
        async with place:
            return shares.waiting("ann")

    async with busy(shares, "ann"):
        working = asyncio.create_task(work())
        await asyncio.sleep(0)
        place.do_without()
        if cancelled:
            working.cancel()
            with pytest.raises(asyncio.CancelledError):
                await working
        else:
            assert await working == 0
        assert len(shares) == 1
    assert len(shares) == 0


async def _once(shares: FairShares, person: str, *, begun: bool = False) -> None:
    async with shares.of(person, begun=begun):
        pass


async def hold(places: FairPlaces, person: str, held: list[Any], done: asyncio.Event) -> None:
    async with places.of(person):
        held.append(person)
        await done.wait()
        held.remove(person)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_one_person_leaves_places_to_the_others() -> None:
    places, done = FairPlaces(total=3, each=2), asyncio.Event()
    held: list[Any] = []
    tasks = [asyncio.create_task(hold(places, "greedy", held, done)) for _ in range(10)]
    await settle()
    tasks.append(asyncio.create_task(hold(places, "modest", held, done)))
    await settle()
    assert sorted(held) == ["greedy", "greedy", "modest"]
    done.set()
    await asyncio.gather(*tasks)
    assert held == []


async def test_people_who_wait_are_served_in_turn() -> None:
    places, served = FairPlaces(total=1, each=1), []

    async def use(person: str) -> None:
        async with places.of(person):
            served.append(person)
            await asyncio.sleep(0)

    await asyncio.gather(*map(use, ["a", "a", "a", "b", "b", "c"]))
    assert served == ["a", "a", "b", "c", "a", "b"]


async def test_the_preferred_place_is_given_while_it_is_free_and_another_one_after_a_moment() -> None:
    places = FairPlaces(total=2, each=2)
    async with (
        asyncio.timeout(PATIENCE),
        places.of("a", preferred=1) as first,
        places.of("b", preferred=1) as second,
    ):
        assert (first, second) == (1, 0)
    async with places.of("a", preferred=1) as third:
        assert third == 1


async def test_one_who_is_cancelled_takes_no_place_along() -> None:
    places, done = FairPlaces(total=1, each=1), asyncio.Event()
    held: list[Any] = []
    first = asyncio.create_task(hold(places, "a", held, done))
    await settle()
    waiting = [asyncio.create_task(hold(places, person, held, done)) for person in ("a", "b", "c")]
    await settle()
    waiting[1].cancel()
    done.set()
    await settle()
    waiting[2].cancel()  # perhaps just after it was granted
    await asyncio.wait([first, *waiting])
    async with asyncio.timeout(PATIENCE), places.of("d"):
        pass


async def test_what_several_people_share_has_no_more_places_than_one_of_them() -> None:
    places, done = FairPlaces(total=3, each=2), asyncio.Event()
    held: list[Any] = []

    async def work(person: str | None) -> None:
        async with places.of(person) as number:
            held.append((person, number))
            await done.wait()

    tasks = [asyncio.create_task(work(person)) for person in (None, None, None, "a")]
    await settle()
    assert held == [(None, 0), (None, 1), ("a", 2)]
    done.set()
    await asyncio.gather(*tasks)


async def test_a_line_for_numbered_places_is_bounded_and_waits_for_a_bounded_time() -> None:
    places = FairPlaces(total=1, each=1, most_waiting=1, longest_wait=0.05)
    async with places.of("a"):
        with pytest.raises(RateLimited, match="waiting for"):
            async with places.of("a", preferred=0):
                pytest.fail("it has no place")
        waiting = asyncio.create_task(_once(places, "a", begun=True))
        await settle()
        with pytest.raises(RateLimited, match="wait for answers"):
            await _once(places, "a")
    await waiting
    async with places.of("b") as number:
        assert number == 0
    assert len(places) == 0


@pytest.mark.parametrize("seed", range(20))
async def test_no_place_is_lost_or_given_twice_whoever_gives_up(seed: int) -> None:
    chance = random.Random(seed)
    places, held = FairPlaces(total=3, each=2), set[int]()
    of_person = Counter[str]()

    async def work(person: str) -> None:
        preferred = chance.choice((None, 0, 1, 2))
        async with places.of(person, preferred=preferred) as number:
            assert number not in held
            held.add(number)
            of_person[person] += 1
            assert of_person[person] <= 2
            try:
                await asyncio.sleep(chance.choice((0, 0.001)))
            finally:
                held.discard(number)
                of_person[person] -= 1

    tasks = [asyncio.create_task(work(chance.choice("abcd"))) for _ in range(100)]
    while not all(task.done() for task in tasks):
        chance.choice(tasks).cancel()
        await asyncio.sleep(0)
    for task in tasks:
        assert task.cancelled() or task.exception() is None
    assert len(places) == 0
    async with (
        asyncio.timeout(PATIENCE),
        places.of("a") as one,
        places.of("a") as two,
        places.of("b") as three,
    ):
        assert {one, two, three} == {0, 1, 2}
