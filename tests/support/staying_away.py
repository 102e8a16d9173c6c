"""Side tasks that stay away once they have died, until a test brings them back: no moment is missed."""

from functools import partial

import pytest

from services.core import background
from services.core.background import Supervisor
from services.core.retry import Backoff
from tests.support.waiting import until


def keep_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """No side task that dies is begun again by itself; one that is counts as back soon."""
    monkeypatch.setattr(background, "RESTART", Backoff(first=3600, longest=3600))
    monkeypatch.setattr(background, "PROVEN", 0.05)


async def bring_back(*supervisors: Supervisor) -> None:
    """Begin again what has died, or dies with it, and wait until all of it counts as back."""
    for supervisor in supervisors:
        await until(partial(_has_deaths, supervisor))
    for supervisor in supervisors:
        await until(partial(_is_whole, supervisor))


def _has_deaths(supervisor: Supervisor) -> bool:
    return bool(supervisor.away)


def _is_whole(supervisor: Supervisor) -> bool:
    for task in supervisor._tasks:
        if task._task is not None and task._task.done():
            assert task._timer is not None
            task._timer.cancel()
            task.begin()
    return not supervisor.away
