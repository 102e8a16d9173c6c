"""Side tasks of a process: named, watched, restarted when they die, ended with the block they belong to.

A side task works beside the calls, such as the reader of the feed. One that ends although its block goes on
has died: whether by an error, by a cancellation from elsewhere, or because its work returned. The supervisor
logs that and begins the work again, so what the work has to remember lives in its object, not in the task.
"""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

import structlog

from services.core.retry import Backoff

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

Work: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""Begins the work, for the first time or again."""

RESTART = Backoff(first=0.2, longest=5.0)
MOST_DEATHS, WINDOW = 8, 60.0
"""A side task that died so often in so many seconds is not begun again."""
PROVEN = 1.0
"""Seconds that a side task has to work after a death until it counts as back."""


class Supervisor:
    """Watches the side tasks of a process. It has no task of its own that could die."""

    def __init__(self) -> None:
        self._tasks: set[SideTask] = set()
        self._when_lost: Callable[[str], None] = _only_logged

    @property
    def names(self) -> list[str]:
        """The side tasks that there are, away or not."""
        return sorted({task.name for task in self._tasks})

    @property
    def away(self) -> list[str]:
        """Names of tasks that have died and have not worked again for `PROVEN` seconds."""
        return sorted({task.name for task in self._tasks if task.away})

    def when_lost(self, stop: Callable[[str], None]) -> None:
        """Call `stop` with the name of a side task that cannot be brought back."""
        self._when_lost = stop

    def start(self, work: Work, name: str, given_up: Callable[[], None] | None = None) -> "SideTask":
        """Begin a side task; its caller stops it.

        `given_up` is called instead of stopping the process where others can do without this side task.
        """
        task = SideTask(self, work, name, given_up)
        self._tasks.add(task)
        task.begin()
        return task

    @asynccontextmanager
    async def running(self, work: Work, name: str) -> AsyncIterator["SideTask"]:
        """Keep a side task running until the block ends."""
        task = self.start(work, name)
        try:
            yield task
        finally:
            await task.stop()

    def forget(self, task: "SideTask") -> None:
        """Forget a side task that is stopped; the task calls it."""
        self._tasks.discard(task)

    def lose(self, task: "SideTask") -> None:
        """Report a side task that cannot be brought back; the task calls it."""
        self._when_lost(task.name)


class SideTask:
    """One side task over all its lives."""

    def __init__(
        self, supervisor: Supervisor, work: Work, name: str, given_up: Callable[[], None] | None
    ) -> None:
        self.name = name
        self.away = False
        self._supervisor = supervisor
        self._work = work
        self._given_up = given_up
        self._deaths: list[float] = []
        self._stopped = False
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Begin the work; after a death it counts as away until it has proven itself."""
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._work(), name=self.name)
        self._task.add_done_callback(self._ended)
        if self.away:
            self._timer = loop.call_later(PROVEN, self._prove)

    def cancel(self) -> None:
        """End the work without waiting for its end."""
        self._stopped = True
        self._supervisor.forget(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    async def stop(self) -> None:
        """End the work and wait for its end."""
        self.cancel()
        if self._task is not None:
            await asyncio.wait([self._task])

    def _prove(self) -> None:
        self.away = False
        log.info("side_task_back", task=self.name)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if self._stopped:
            if error is not None:
                log.error("side_task_ended_badly", task=self.name, error=type(error).__qualname__)
            return
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._deaths = [*(death for death in self._deaths if death > now - WINDOW), now]
        self.away = True
        cause = "cancelled" if task.cancelled() else type(error).__qualname__ if error else "returned"
        sqlstate = getattr(error, "sqlstate", None)
        if len(self._deaths) < MOST_DEATHS:
            delay = RESTART.delay(len(self._deaths))
            log.error(
                "side_task_died", task=self.name, error=cause, sqlstate=sqlstate, retry_in=round(delay, 3)
            )
            self._timer = loop.call_later(delay, self.begin)
            return
        log.error("side_task_lost", task=self.name, error=cause, sqlstate=sqlstate, deaths=len(self._deaths))
        if self._given_up is not None:
            self.cancel()
            self._given_up()
        else:
            self._supervisor.lose(self)


class Tasks:
    """Tasks of single calls, kept until they end: an event loop alone does not keep them."""

    __slots__ = ("_tasks",)

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, Result], name: str | None = None) -> "asyncio.Task[Result]":
        """Begin a task. Its result and its error are for the one who awaits it."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def cancel(self) -> None:
        """End all of them without waiting for their ends."""
        for task in self._tasks:
            task.cancel()

    async def wait(self, within: float | None = None) -> None:
        """Wait until those that run now have ended, for at most `within` seconds."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within)


class Running(ABC):
    """A context manager around the life of something that works by itself.

    A subclass says in `_running` what is open, and which side tasks work, until the block ends. They are
    watched by the supervisor of `watched_by`, or by one of its own.
    """

    _life: AbstractAsyncContextManager[None]
    _supervisor: Supervisor | None = None

    @property
    def supervisor(self) -> Supervisor:
        """The supervisor of these side tasks."""
        if self._supervisor is None:
            self._supervisor = Supervisor()
        return self._supervisor

    def watched_by(self, supervisor: Supervisor) -> Self:
        """Let the side tasks be watched by `supervisor`; call it before the block begins."""
        self._supervisor = supervisor
        return self

    @abstractmethod
    def _running(self) -> AbstractAsyncContextManager[None]:
        """Entered when the block begins, left when it ends."""

    async def __aenter__(self) -> Self:
        self._life = self._running()
        await self._life.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._life.__aexit__(kind, error, trace)


async def pause(seconds: float) -> None:
    """Sleep for about so long: processes that were started together are not to do the same together."""
    await asyncio.sleep(seconds * random.uniform(0.8, 1.2))  # noqa: S311 - no secret rests on it


async def repeatedly(work: Callable[[], Awaitable[None]], every: float, failed: str) -> None:
    """Run `work` after every `every` seconds, for ever. An error is logged as `failed`, by its type only.

    What could not be done, because the database was away perhaps, is left for the next time.
    """
    while True:
        await asyncio.sleep(every)
        try:
            await work()
        except Exception as error:
            log.warning(failed, error=type(error).__qualname__)


def _only_logged(name: str) -> None:
    """Only log the loss: where no server can be stopped, as in another server's application, health tells."""
