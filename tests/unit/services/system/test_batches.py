"""A batch of maintenance that takes too long is tried again, smaller, and not for ever."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import asyncpg
import pytest

from services.core.batches import MOST_FAILURES, Sizes
from services.system import maintenance_work
from services.system.maintenance_work import Work


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No user has to be let go first here."""
    monkeypatch.setattr(maintenance_work, "LONGEST_PAUSE", 0.0)


def too_long(times: int, seen: list[int], sizes: Sizes) -> Callable[[], Awaitable[int]]:
    """A batch that is cancelled so often, and then does 7 rows; notes the sizes that it had."""

    async def batch() -> int:
        seen.append(sizes.size)
        if len(seen) <= times:
            raise asyncpg.QueryCanceledError("canceling statement due to statement timeout")
        return 7

    return batch


def work() -> Work:
    """What a step gets; its connection is of no use here."""
    none = cast("Any", None)
    return Work(none, none, datetime.now(UTC), False, timedelta(0), timedelta(0))


async def test_it_is_tried_smaller_and_the_smallest_some_times() -> None:
    seen: list[int] = []
    sizes = Sizes(size=64, most=100)
    assert await work().paced(too_long(1 + MOST_FAILURES, seen, sizes), sizes) == 7
    assert seen == [64, 8, *[1] * MOST_FAILURES]


async def test_it_is_given_up_when_the_smallest_takes_too_long_again_and_again() -> None:
    seen: list[int] = []
    sizes = Sizes(size=8, most=100)
    with pytest.raises(asyncpg.QueryCanceledError):
        await work().paced(too_long(100, seen, sizes), sizes)
    assert seen == [8, *[1] * MOST_FAILURES]
