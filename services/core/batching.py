"""What is asked for at the same moment, done in one go."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Final, TypeVar

import asyncpg

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST: Final = 50
"""Items of one turn: each may be as large as a request."""

UNDONE: Final = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.DataError,
    asyncpg.TransactionRollbackError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
)
"""After these PostgreSQL has kept nothing of the statement, so it may be sent again. A connection that was
lost leaves open whether it has."""

_Turn = tuple[Any, "asyncio.Future[Any]"]


class Gathering:
    """Takes turns for each kind of work, and lets those who ask while one is under way share the next one.

    Nobody waits for others to come: a turn takes whoever is there when the one before has ended, and whoever
    is alone has it alone. A commit is flushed to disk once a turn, and a statement begun once.
    """

    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[_Turn]] = {}
        self._rounds: set[asyncio.Task[None]] = set()

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._waiting

    async def turn(
        self,
        kind: Hashable,
        item: Item,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        most: int = MOST,
    ) -> Result:
        """The result that `work` has for `item`; it takes items of one kind and gives a result for each.

        Equal kinds promise equal work. When PostgreSQL has refused a turn as a whole, every item of it is
        done again by itself, so nobody gets another one's error. Whoever is cancelled before his turn is left
        out of it; later on his item is done for nothing. A turn takes `most` items.
        """
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.get(kind)
        if waiting is not None:
            waiting.append((item, result))
            return await result
        self._waiting[kind] = [(item, result)]
        # A task of its own, as any caller may be cancelled. It begins once all have asked who are about to.
        task = asyncio.create_task(self._take_turns(kind, work, most))
        self._rounds.add(task)
        task.add_done_callback(self._rounds.discard)
        return await result

    async def _take_turns(
        self, kind: Hashable, work: Callable[[Sequence[Any]], Awaitable[Sequence[Any]]], most: int
    ) -> None:
        turns: list[_Turn] = []
        try:
            while turns := [turn for turn in self._waiting[kind] if not turn[1].done()]:
                self._waiting[kind] = turns[most:]
                turns = turns[:most]
                await _do(turns, work)
        finally:
            # Where the server stops; a result that is there stays.
            _fail([*turns, *self._waiting.pop(kind)], ConnectionAbortedError("the turn was ended"))


async def _do(turns: Sequence[_Turn], work: Callable[[Sequence[Any]], Awaitable[Sequence[Any]]]) -> None:
    try:
        results = await work([item for item, _ in turns])
    except UNDONE as error:
        if len(turns) > 1:
            await asyncio.gather(*(_do([turn], work) for turn in turns))
        else:
            _fail(turns, error)
    except Exception as error:
        _fail(turns, error)
    else:
        for (_, waiting), result in zip(turns, results, strict=True):
            if not waiting.done():
                waiting.set_result(result)


def _fail(turns: Sequence[_Turn], error: Exception) -> None:
    for _, waiting in turns:
        if not waiting.done():
            waiting.set_exception(error)
