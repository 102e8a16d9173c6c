"""Reads that are the same at the same moment: run once, answered to all."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class SharedReads(Generic[Result]):
    """Lets a read that is already running finish, then runs it once more for all who asked meanwhile.

    Nobody is given the result of a read that began before he asked, so he sees whatever was committed until
    then, as if he had read alone. Many dashboards that ask the same question at once cost two statements.
    """

    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[asyncio.Future[Result]]] = {}
        self._turns: set[asyncio.Task[None]] = set()

    async def get(self, key: Hashable, read: Callable[[], Awaitable[Result]]) -> Result:
        """What `read` gives. Equal keys promise equal results; what it raises, all who wait for it get."""
        waiting = self._waiting.get(key)
        if waiting is not None:
            turn: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
            waiting.append(turn)
            return await turn
        self._waiting[key] = []
        try:
            return await read()
        finally:
            self._go_on(key, read)

    def _go_on(self, key: Hashable, read: Callable[[], Awaitable[Result]]) -> None:
        """Give those who waited their turn; in a task of its own, as any of them may be cancelled."""
        waiting = [turn for turn in self._waiting.pop(key) if not turn.done()]
        if not waiting:
            return
        self._waiting[key] = []
        task = asyncio.create_task(self._answer(key, read, waiting))
        self._turns.add(task)
        task.add_done_callback(self._turns.discard)

    async def _answer(
        self, key: Hashable, read: Callable[[], Awaitable[Result]], turns: Sequence[asyncio.Future[Result]]
    ) -> None:
        try:
            result = await read()
        except Exception as error:
            _fail(turns, error)
        except BaseException:
            _fail(turns, ConnectionAbortedError("the read was ended"))  # nobody is to wait for ever
            raise
        else:
            for turn in turns:
                if not turn.done():
                    turn.set_result(result)
        finally:
            self._go_on(key, read)


def _fail(turns: Sequence[asyncio.Future[Any]], error: Exception) -> None:
    for turn in turns:
        if not turn.done():
            turn.set_exception(error)


def key_of(sql: str, parameters: Sequence[object]) -> Hashable:
    """What makes two reads the same: the statement and all its parameters, the viewer among them."""
    return (sql, *(tuple(value) if isinstance(value, list) else value for value in parameters))
