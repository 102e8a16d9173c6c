"""Trying again: how often, how long, and what is not tried again."""

import asyncio
from types import SimpleNamespace

import asyncpg
import pytest
from structlog.testing import capture_logs

from services.core import retry as retrying
from services.core.retry import Backoff, retry
from tests.support.clock import HeldLoop
from tests.support.waiting import until

QUICK = Backoff(first=0.001, longest=0.004)


class Failing:
    """Fails so often before it succeeds."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error, self.times, self.attempts = error, times, 0

    async def work(self) -> str:
        self.attempts += 1
        if self.attempts <= self.times:
            raise self.error
        return "done"


def test_the_pauses_double_up_to_a_bound_and_chance_shortens_them() -> None:
    backoff = Backoff(first=0.1, longest=1.0)
    for failures, full in ((1, 0.1), (2, 0.2), (4, 0.8), (5, 1.0), (1000, 1.0)):
        delays = [backoff.delay(failures) for _ in range(200)]
        assert full / 2 <= min(delays) < max(delays) <= full


async def test_it_tries_until_the_database_is_back_and_logs_seldom() -> None:
    failing = Failing(ConnectionRefusedError(), 20)
    with capture_logs() as lines:
        assert await retry(failing.work, "not_done", backoff=QUICK) == "done"
    assert failing.attempts == 21
    assert [line["failures"] for line in lines] == [1, 2, 4, 8, 16]
    assert {(line["event"], line["error"]) for line in lines} == {("not_done", "ConnectionRefusedError")}


@pytest.mark.parametrize("error", [ZeroDivisionError(), asyncpg.UniqueViolationError("taken")])
async def test_what_no_attempt_mends_is_raised_at_once(error: Exception) -> None:
    failing = Failing(error, 5)
    with pytest.raises(type(error)):
        await retry(failing.work, "not_done", backoff=QUICK)
    assert failing.attempts == 1


async def test_no_attempt_begins_after_the_time_that_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = HeldLoop()
    held = SimpleNamespace(get_running_loop=lambda: loop, sleep=loop.advance)
    monkeypatch.setattr(retrying, "asyncio", held)
    failing = Failing(ConnectionRefusedError(), 10**9)
    with pytest.raises(ConnectionRefusedError):
        await retry(failing.work, "not_done", backoff=Backoff(1, 1), within=10)
    assert 10 < failing.attempts <= 21
    assert 9 < loop.time() <= 10


async def test_a_cancellation_ends_it_during_a_pause() -> None:
    failing = Failing(ConnectionRefusedError(), 10**9)
    task = asyncio.create_task(retry(failing.work, "not_done", backoff=Backoff(60, 60)))
    await until(lambda: failing.attempts == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert failing.attempts == 1
