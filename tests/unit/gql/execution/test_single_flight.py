"""Equal reads at the same moment run once, and none is older than its env."""

import asyncio

import pytest

from gql.execution.single_flight import key_of
from services.core.batching import Batcher


class Source:
    """Something that can be read, each time when the test lets it."""

    def __init__(self) -> None:
        self.value = 0
        self.reads = 0
        self.began = asyncio.Semaphore(0)
        self.gate = asyncio.Semaphore(0)

    async def read(self) -> int:
        """The value as it is when the read begins."""
        self.reads += 1
        self.began.release()
        seen = self.value
        await self.gate.acquire()
        if seen < 0:
            raise RuntimeError("nothing below zero")
        return seen


async def test_who_asks_while_a_read_runs_shares_the_next_one() -> None:
    source, shared = Source(), Batcher()
    first = asyncio.create_task(shared.share("key", source.read))
    await source.began.acquire()
    source.value = 7
    others = [asyncio.create_task(shared.share("key", source.read)) for _ in range(20)]
    await asyncio.sleep(0)
    source.gate.release()
    assert await first == 0
    source.gate.release()
    assert await asyncio.gather(*others) == [7] * 20
    assert source.reads == 2


async def test_reads_with_other_keys_run_beside_each_other() -> None:
    source, shared = Source(), Batcher()
    tasks = [asyncio.create_task(shared.share(key, source.read)) for key in "abc"]
    for _ in tasks:
        await source.began.acquire()
    for _ in tasks:
        source.gate.release()
    assert await asyncio.gather(*tasks) == [0, 0, 0]


async def test_a_read_that_is_given_up_leaves_the_others_their_answer() -> None:
    source, shared = Source(), Batcher()
    first = asyncio.create_task(shared.share("key", source.read))
    await source.began.acquire()
    second, third = (asyncio.create_task(shared.share("key", source.read)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    second.cancel()
    source.gate.release()
    assert await third == 0
    with pytest.raises(asyncio.CancelledError):
        await first
    with pytest.raises(asyncio.CancelledError):
        await second


async def test_a_failure_is_told_to_all_who_waited_and_to_nobody_after() -> None:
    source, shared = Source(), Batcher()
    first = asyncio.create_task(shared.share("key", source.read))
    await source.began.acquire()
    source.value = -1
    others = [asyncio.create_task(shared.share("key", source.read)) for _ in range(3)]
    await asyncio.sleep(0)
    source.gate.release()
    assert await first == 0
    await source.began.acquire()
    source.value = 5
    later = asyncio.create_task(shared.share("key", source.read))
    await asyncio.sleep(0)
    source.gate.release()
    failures = await asyncio.gather(*others, return_exceptions=True)
    assert [type(failure) for failure in failures] == [RuntimeError] * 3
    source.gate.release()
    assert await later == 5


async def test_nothing_is_kept_of_a_read_that_ended() -> None:
    source, shared = Source(), Batcher()
    source.gate.release()
    assert await shared.share("key", source.read) == 0
    source.value = 1
    source.gate.release()
    assert await shared.share("key", source.read) == 1


def test_a_key_tells_statements_parameters_and_lists_apart() -> None:
    keys = {
        key_of(sql, parameters)
        for sql in ("SELECT $1", "SELECT $2")
        for parameters in ([1, ["a", "b"]], [2, ["a", "b"]], [1, ["a"]], [1, "a"], [1, None])
    }
    assert len(keys) == 10
