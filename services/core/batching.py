"""A batcher: what is asked for while the same kind of work is under way is done together in the next turn.

What must be written although its caller has gone, or again while the database is away, is not for a batcher:
such a writer keeps it in its object and works as a side task (`services/core/background.py`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import asyncpg

from services.core.background import Tasks
from services.core.database_errors import driver_error

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_BATCH: Final = 50
"""Items of one turn: each may be as large as a request."""

ROLLED_BACK: Final = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.DataError,
    asyncpg.TransactionRollbackError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
)
"""After these PostgreSQL has kept nothing of the statement, so it may be sent again. A connection that was
lost leaves open whether it has."""

_Errors: TypeAlias = tuple[type[Exception], ...]
_Work: TypeAlias = Callable[[Sequence[Any]], Awaitable[Sequence[Any]]]
_Call: TypeAlias = tuple[Any, "asyncio.Future[Any]"]
"""An item, and the future that its caller waits for."""


class Batcher:
    """Takes turns for each kind of work; all who ask while a turn is under way share the next one.

    A turn takes what is there when the turn before has ended, and does not wait for more. So a caller who is
    alone has a turn alone, and no turn begins before all its callers have asked.
    """

    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[_Call]] = {}
        self._tasks = Tasks()

    @property
    def idle(self) -> bool:
        """True if nothing is under way."""
        return not self._waiting

    async def submit(
        self,
        kind: Hashable,
        item: Item,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        max_batch: int | None = MAX_BATCH,
        separately_after: _Errors = ROLLED_BACK,
    ) -> Result:
        """The result that `work` has for `item`; it takes items of one kind and gives a result for each.

        Equal kinds promise equal work. A turn takes `max_batch` items, or all. After one of the errors
        `separately_after` each item of the turn is tried again by itself, so that no caller gets the error of
        another one's item. The item of a caller that is cancelled before the turn is left out of it; after
        that the work goes on, and the result is dropped.

        Raises: what `work` raises; ConnectionAbortedError when the server stops meanwhile.
        """
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.get(kind)
        if waiting is None:
            waiting = self._waiting[kind] = []
            # A task of its own, as any caller may be cancelled. It begins when all have asked who will now.
            self._tasks.start(self._take_turns(kind, work, max_batch, separately_after))
        waiting.append((item, result))
        return await result

    async def share(self, key: Hashable, read: Callable[[], Awaitable[Result]]) -> Result:
        """The result of `read`, which equal keys promise to be equal: one turn gives it to all its callers.

        A caller who finds nothing under way reads at once and without a task, which costs least; when that
        caller is cancelled, so is the reading.

        Raises: what `read` raises, for all callers of the turn; ConnectionAbortedError as above.
        """
        waiting = self._waiting.get(key)
        if waiting is not None:
            result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
            waiting.append((None, result))
            return await result
        waiting = self._waiting[key] = []
        try:
            return await read()
        finally:
            if waiting:
                self._tasks.start(self._take_turns(key, _for_all(read), None, ()))
            else:
                del self._waiting[key]

    async def _take_turns(
        self, kind: Hashable, work: _Work, max_batch: int | None, separately_after: _Errors
    ) -> None:
        waiting = self._waiting[kind]
        turn: list[_Call] = []
        try:
            while calls := [call for call in waiting if not call[1].done()]:
                turn = calls[:max_batch]
                waiting[:] = calls[len(turn) :]
                await _do(turn, work, separately_after)
        finally:
            # Where the server stops; a result that is there stays.
            del self._waiting[kind]
            _fail([*turn, *waiting], ConnectionAbortedError("the turn was ended"))


def _for_all(read: Callable[[], Awaitable[Result]]) -> _Work:
    async def work(calls: Sequence[None]) -> Sequence[Result]:
        return [await read()] * len(calls)

    return work


async def _do(turn: Sequence[_Call], work: _Work, separately_after: _Errors) -> None:
    try:
        results = await work([item for item, _ in turn])
    except Exception as error:
        if isinstance(driver_error(error), separately_after) and len(turn) > 1:
            left = [call for call in turn if not call[1].done()]
            await asyncio.gather(*(_do([call], work, separately_after) for call in left))
        else:
            _fail(turn, error)
    else:
        for (_, waiting), result in zip(turn, results, strict=True):
            if not waiting.done():
                waiting.set_result(result)


def _fail(calls: Sequence[_Call], error: Exception) -> None:
    for _, waiting in calls:
        if not waiting.done():
            waiting.set_exception(error)
