"""Side tasks: begun again when they die, given up when that does not help; and that there are no others."""

import ast
import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.core import background
from services.core.background import MOST_DEATHS, Supervisor, Tasks
from services.core.retry import Backoff
from tests.support.waiting import until

ROOT = Path(__file__).parents[4]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here has to be waited for."""
    monkeypatch.setattr(background, "RESTART", Backoff(first=0.001, longest=0.002))
    monkeypatch.setattr(background, "PROVEN", 0.05)


class Work:
    """Lives as often as it is begun; ends in its first lives by `end`."""

    def __init__(self, end: Callable[[], object], lives: int) -> None:
        self.end, self.lives, self.begun = end, lives, 0

    async def run(self) -> None:
        self.begun += 1
        if self.begun <= self.lives:
            self.end()
            return
        await asyncio.Event().wait()


def fail() -> None:
    raise ZeroDivisionError


def be_cancelled() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("end", "cause"), [(fail, "ZeroDivisionError"), (be_cancelled, "cancelled"), (int, "returned")]
)
async def test_however_a_side_task_ends_it_is_told_and_begun_again(
    end: Callable[[], object], cause: str
) -> None:
    supervisor, work = Supervisor(), Work(end, 2)
    away: list[list[str]] = []  # a machine that stands still for a moment would not see it from outside

    async def run() -> None:
        away.append(supervisor.away)
        await work.run()

    with capture_logs() as lines:
        async with supervisor.running(run, "work"):
            await until(lambda: len(away) == 3 and supervisor.away == [])
            assert supervisor.names == ["work"]
        assert supervisor.names == []
    assert away == [[], ["work"], ["work"]]
    assert [(line["event"], line.get("error")) for line in lines] == [
        ("side_task_died", cause),
        ("side_task_died", cause),
        ("side_task_back", None),
    ]


async def test_one_that_cannot_be_brought_back_stops_the_process_and_stays_away() -> None:
    supervisor, work = Supervisor(), Work(fail, 10**9)
    lost: list[str] = []
    supervisor.when_lost(lost.append)
    async with supervisor.running(work.run, "work"):
        await until(lambda: lost == ["work"])
        assert supervisor.away == ["work"]
        assert work.begun == MOST_DEATHS


async def test_one_that_others_can_do_without_stops_nothing() -> None:
    supervisor, work = Supervisor(), Work(fail, 10**9)
    lost: list[str] = []
    supervisor.when_lost(lost.append)
    supervisor.start(work.run, "work", given_up=lambda: lost.append("only this"))
    await until(lambda: lost == ["only this"])
    assert supervisor.names == supervisor.away == []


async def test_one_that_is_stopped_while_it_is_away_is_not_begun_again() -> None:
    supervisor, work = Supervisor(), Work(fail, 10**9)
    async with supervisor.running(work.run, "work"):
        await until(lambda: work.begun >= 1)
    begun = work.begun
    await asyncio.sleep(0.05)
    assert work.begun == begun


async def test_tasks_of_calls_are_kept_until_they_end() -> None:
    tasks, end = Tasks(), asyncio.Event()
    task = tasks.start(end.wait(), "call")
    await tasks.wait(within=0)
    assert (len(tasks), task.done(), task.get_name()) == (1, False, "call")
    end.set()
    await tasks.wait()
    assert (len(tasks), task.result()) == (0, True)


async def test_tasks_of_calls_can_be_ended_together() -> None:
    tasks = Tasks()
    ended = [tasks.start(asyncio.Event().wait()) for _ in range(2)]
    tasks.cancel()
    await tasks.wait()
    assert len(tasks) == 0
    assert all(task.cancelled() for task in ended)


BOUND_TO_A_CALL = {
    "app/backup/dumping.py",  # a command or a round: both readings end with it
    "app/backup/tools.py",  # listens to one program, and ends with it
    "app/database/connection_pool.py",  # resets a connection; its place is passed on however it ends
    "app/http/sse.py",  # notices that the client goes; its end ends the stream
    "app/websocket/session.py",  # of one connection, which ends with an error of theirs
    "services/core/batching.py",  # those who wait are told how it ended
    "services/core/replicas.py",  # parts of one side task: all end when one does
    "app/ingest/endpoint.py",  # the wait for an answer from afar
    "services/ingest/digestion.py",  # one batch, which is digested again if its task is lost
    "services/delivery/worker.py",  # one message, whose lease runs out if its task is lost
    "app/cli/playing.py",  # a command, which ends with the play
    "services/demo/loading.py",  # a command, which ends with its parts
    "services/demo/live/crews.py",  # the wait for an answer, which ends with its step
    "services/demo/live/simulation.py",  # the end of what was begun, which is waited for
    "services/demo/live/timeline.py",  # scripts of one play, which fails with any of them
    "services/tasks/handing_out.py",  # one claim, whose lease runs out if its task is lost
    "services/feed/feed.py",  # a replay, whose subscriber is ended with it
}


def test_every_task_is_a_side_task_or_bound_to_a_call() -> None:
    found: set[str] = set()
    for room in ("app", "gql", "services", "models", "migrations"):
        for file in (ROOT / room).rglob("*.py"):
            called = {
                node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                for node in ast.walk(ast.parse(file.read_text()))
                if isinstance(node, ast.Call)
            }
            if called & {"create_task", "ensure_future", "TaskGroup", "run_coroutine_threadsafe", "Tasks"}:
                found.add(str(file.relative_to(ROOT)))
    assert found - {"services/core/background.py"} == BOUND_TO_A_CALL
