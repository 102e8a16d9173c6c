"""Reads that are the same at the same moment: run once, answered to all."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from services.core.batching import Batcher

Result = TypeVar("Result")


class SharedReads(Generic[Result]):
    """A batcher of equal reads: all who ask while one is running share the next one.

    No caller is given the result of a read that began before the call, so everyone sees whatever was
    committed until then, as if reading alone. Many dashboards that ask the same at once cost two statements.
    """

    def __init__(self) -> None:
        self._batcher = Batcher()

    async def get(self, key: Hashable, read: Callable[[], Awaitable[Result]]) -> Result:
        """What `read` gives. Equal keys promise equal results; what it raises, all who wait for it get."""
        return await self._batcher.share(key, read)


def key_of(sql: str, parameters: Sequence[object]) -> Hashable:
    """What makes two reads the same: the statement and all its parameters, the viewer among them."""
    return (sql, *(tuple(value) if isinstance(value, list) else value for value in parameters))
