"""Those who ask at the same moment share a turn, and nobody gets another one's result or error."""

import asyncio
from collections.abc import Sequence
from functools import partial

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from services.core.batching import MAX_BATCH, Batcher
from tests.support.waiting import PATIENCE


class Work:
    """Doubles numbers, a turn each time when the test lets it."""

    def __init__(self, error: type[Exception] = asyncpg.CheckViolationError) -> None:
        self.turns: list[list[int]] = []
        self.began = asyncio.Semaphore(0)
        self.gate = asyncio.Semaphore(0)
        self._error = error

    async def double(self, numbers: Sequence[int]) -> list[int]:
        """Refuses everything when a number below zero is in it."""
        self.turns.append([*numbers])
        self.began.release()
        await self.gate.acquire()
        if min(numbers) < 0:
            raise self._error
        return [2 * number for number in numbers]


async def behind_the_first(batcher: Batcher, work: Work, numbers: Sequence[int]) -> list[asyncio.Task[int]]:
    """Ask with all numbers, of which the first one's turn is under way."""
    first = asyncio.create_task(batcher.submit("kind", numbers[0], work.double))
    await work.began.acquire()
    others = [asyncio.create_task(batcher.submit("kind", number, work.double)) for number in numbers[1:]]
    await asyncio.sleep(0)
    return [first, *others]


async def test_who_asks_while_a_turn_is_under_way_shares_the_next_one_and_gets_his_own_result() -> None:
    batcher, work = Batcher(), Work()
    asking = await behind_the_first(batcher, work, range(1, 6))

    work.gate.release()
    assert await asking[0] == 2
    work.gate.release()

    assert await asyncio.gather(*asking[1:]) == [4, 6, 8, 10]
    assert work.turns == [[1], [2, 3, 4, 5]]


async def test_whoever_is_alone_waits_for_nobody() -> None:
    batcher, work = Batcher(), Work()
    work.gate.release()

    async with asyncio.timeout(PATIENCE):
        assert await batcher.submit("kind", 1, work.double) == 2


async def test_who_asks_at_the_very_same_moment_shares_the_first_turn() -> None:
    batcher, work = Batcher(), Work()
    work.gate.release()

    assert await asyncio.gather(*(batcher.submit("kind", number, work.double) for number in (1, 2))) == [2, 4]
    assert work.turns == [[1, 2]]


async def test_other_kinds_of_work_go_on_beside_it() -> None:
    batcher, slow, quick = Batcher(), Work(), Work()
    waiting = asyncio.create_task(batcher.submit("slow", 1, slow.double))
    await slow.began.acquire()
    quick.gate.release()

    assert await batcher.submit("quick", 2, quick.double) == 4

    slow.gate.release()
    assert await waiting == 2


async def test_what_is_refused_as_a_whole_is_done_one_by_one() -> None:
    batcher, work = Batcher(), Work()
    asking = await behind_the_first(batcher, work, [1, 2, -3, 4])
    for _ in range(5):
        work.gate.release()

    results = await asyncio.gather(*asking, return_exceptions=True)

    assert [results[0], results[1], results[3]] == [2, 4, 8]
    assert isinstance(results[2], asyncpg.CheckViolationError)
    assert work.turns == [[1], [2, -3, 4], [2], [-3], [4]]


@pytest.mark.parametrize("lost", [asyncpg.ConnectionDoesNotExistError, OSError])
async def test_what_may_have_been_done_is_not_done_again(lost: type[Exception]) -> None:
    batcher, work = Batcher(), Work(lost)
    asking = await behind_the_first(batcher, work, [1, 2, -3])
    for _ in range(2):
        work.gate.release()

    results = await asyncio.gather(*asking, return_exceptions=True)

    assert [type(result) for result in results] == [int, lost, lost]
    assert work.turns == [[1], [2, -3]]


async def test_whoever_gives_up_before_his_turn_is_left_out_of_it() -> None:
    batcher, work = Batcher(), Work()
    asking = await behind_the_first(batcher, work, [1, 2, 3])
    asking[1].cancel()
    for _ in range(2):
        work.gate.release()

    assert await asking[2] == 6
    assert work.turns == [[1], [3]]


async def test_whoever_gives_up_during_his_turn_leaves_the_others_their_results() -> None:
    batcher, work = Batcher(), Work()
    asking = await behind_the_first(batcher, work, [1, 2, 3, 4])
    asking[0].cancel()
    work.gate.release()
    await work.began.acquire()
    asking[1].cancel()
    work.gate.release()

    assert await asyncio.gather(*asking[2:]) == [6, 8]


async def test_a_turn_takes_no_more_than_so_many() -> None:
    batcher, work = Batcher(), Work()
    asking = await behind_the_first(batcher, work, range(1, MAX_BATCH + 3))
    for _ in range(3):
        work.gate.release()

    assert await asyncio.gather(*asking) == [2 * number for number in range(1, MAX_BATCH + 3)]
    assert [len(turn) for turn in work.turns] == [1, MAX_BATCH, 1]


async def test_nothing_is_kept_of_a_kind_that_nobody_asks_for_any_more() -> None:
    batcher, work = Batcher(), Work()
    for _ in range(2):
        work.gate.release()
        assert await batcher.submit("kind", 1, work.double) == 2

    await asyncio.sleep(0)

    assert batcher.idle


async def test_what_is_only_read_is_not_tried_again_and_all_who_share_it_are_told() -> None:
    batcher, work = Batcher(), Work()
    submit = partial(batcher.submit, "kind", work=work.double, max_batch=None, separately_after=())
    first = asyncio.create_task(submit(item=1))
    await work.began.acquire()
    others = [asyncio.create_task(submit(item=item)) for item in [-1, *range(2, MAX_BATCH + 3)]]
    await asyncio.sleep(0)
    for _ in range(2):
        work.gate.release()

    assert await first == 2
    results = await asyncio.gather(*others, return_exceptions=True)
    assert {type(result) for result in results} == {asyncpg.CheckViolationError}
    assert [len(turn) for turn in work.turns] == [1, len(others)]


async def test_a_refusal_that_sqlalchemy_has_wrapped_is_one_all_the_same() -> None:
    class Wrapped(DBAPIError):
        def __init__(self) -> None:
            inner = Exception()
            inner.__cause__ = asyncpg.CheckViolationError()
            super().__init__("INSERT", None, inner)

    batcher, work = Batcher(), Work(Wrapped)
    asking = await behind_the_first(batcher, work, [1, 2, -3])
    for _ in range(4):
        work.gate.release()

    results = await asyncio.gather(*asking, return_exceptions=True)

    assert results[:2] == [2, 4]
    assert isinstance(results[2], Wrapped)


async def test_whoever_gave_up_is_left_out_when_items_are_tried_by_themselves() -> None:
    batcher, work = Batcher(), Work()
    asking = await behind_the_first(batcher, work, [1, -2, 3])
    work.gate.release()
    await work.began.acquire()
    asking[1].cancel()
    await asyncio.sleep(0)
    for _ in range(2):
        work.gate.release()

    assert await asking[2] == 6
    assert work.turns == [[1], [-2, 3], [3]]
