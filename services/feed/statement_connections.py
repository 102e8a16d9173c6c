"""Connections on which the rows of events are loaded: nobody's queries keep them busy."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

from services.core.database import Connection, Reader
from services.feed.dedicated_connection import Line

Lend: TypeAlias = Callable[[str], AbstractAsyncContextManager[Connection]]
"""Lends a connection on which to run the statement with this text."""

LANES = 3
"""As many statements of events run at the same time."""


class Lanes:
    """A statement always runs on the same connection: preparing it, which is done once, takes longer."""

    def __init__(self, pool: Reader) -> None:
        self._lines = [Line(pool) for _ in range(LANES)]

    def lend(self, statement: str) -> AbstractAsyncContextManager[Connection]:
        """The connection of this statement; those who want the same one get it in turn."""
        return self._lines[hash(statement) % LANES].connection()

    async def release(self) -> None:
        """Give the connections up."""
        for line in self._lines:
            await line.release()
