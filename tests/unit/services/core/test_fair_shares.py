"""Places of each person: others never wait, and who waits does not for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.core.errors import RateLimited
from services.core.fair_shares import FairShares


@asynccontextmanager
async def busy(shares: FairShares, person: str, waiting: int = 0) -> AsyncIterator[list[asyncio.Task[None]]]:
    """All places of a person are taken, and so many wait for one, until the block ends."""
    over = asyncio.Event()

    async def work() -> None:
        async with shares.of(person):
            await over.wait()

    tasks = [asyncio.create_task(work()) for _ in range(shares.most + waiting)]
    await asyncio.sleep(0)
    try:
        yield tasks
    finally:
        over.set()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_another_person_does_not_wait() -> None:
    shares = FairShares(2)
    async with busy(shares, "ann", waiting=5), asyncio.timeout(1), shares.of("ben"):
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
    async with asyncio.timeout(1):
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
