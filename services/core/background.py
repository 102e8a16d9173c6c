"""Side tasks of a process: named, watched, and ended with the block that they belong to."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any, Self

import structlog

log = structlog.get_logger(__name__)


class Running(ABC):
    """A context manager around the life of something that works by itself.

    A subclass says in `_running` what is open, and which side tasks work, until the block ends.
    """

    _life: AbstractAsyncContextManager[None]

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


@asynccontextmanager
async def background(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator["asyncio.Task[None]"]:
    """Run `work` until the block ends. Work that ends by an error of its own is logged, by its type only."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_report)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def repeatedly(work: Callable[[], Awaitable[None]], every: float, failed: str) -> None:
    """For ever: `work` after every `every` seconds. An error is logged as `failed`, by its type only.

    What could not be done, because the database was away perhaps, is left for the next time.
    """
    while True:
        await asyncio.sleep(every)
        try:
            await work()
        except Exception as error:
            log.warning(failed, error=type(error).__qualname__)


def _report(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("side_task_died", task=task.get_name(), error=type(error).__qualname__)
