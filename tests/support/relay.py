"""A TCP relay whose connections can go silent for ever, as over a network that was cut."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

Ends: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Open: TypeAlias = Callable[[], Coroutine[Any, Any, Ends]]


class Relay:
    """`cut` silences the connections that there are: both sides keep them, and nothing comes through.

    With `keeps_open` an end of one side is not passed on to the other, as if it took very long. `ended` is
    how many sides have ended, and had before passed on all that they said.
    """

    def __init__(self, target: Open, *, keeps_open: bool = False) -> None:
        self.port = 0
        self.accepted = self.ended = 0
        self._target = target
        self._keeps_open = keeps_open
        self._alive: set[asyncio.Task[None]] = set()
        self._ends: list[asyncio.StreamWriter] = []

    def cut(self) -> None:
        """New connections work; those of before never will."""
        for task in self._alive:
            task.cancel()
        self._alive.clear()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One more connection."""
        self.accepted += 1
        far_reader, far_writer = await self._target()
        self._ends += [writer, far_writer]
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            self._alive.add(asyncio.create_task(self._pass_on(source, sink)))

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
        self.ended += 1
        if not self._keeps_open:
            sink.close()

    def close(self) -> None:
        """End everything."""
        self.cut()
        for end in self._ends:
            end.transport.abort()


@asynccontextmanager
async def relay(target: Open, *, keeps_open: bool = False) -> AsyncIterator[Relay]:
    """Listening on a free loopback port."""
    opened = Relay(target, keeps_open=keeps_open)
    server = await asyncio.start_server(opened.take, "127.0.0.1", 0)
    opened.port = server.sockets[0].getsockname()[1]
    try:
        yield opened
    finally:
        opened.close()
        server.close()
