"""HTTP servers on loopback that take notifications, note every byte, and answer as a test says."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import h11
import orjson

from tests.support.waiting import until


@dataclass(frozen=True, slots=True)
class Got:
    """A request as it came: `headers` in order, `at` on the monotonic clock."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    at: float

    def header(self, name: str) -> str:
        """The one header of this name."""
        [value] = [value for key, value in self.headers if key == name]
        return value

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of a receiver."""

    status: int = 200
    body: bytes = b"ok"
    headers: tuple[tuple[str, str], ...] = ()


Answering: TypeAlias = Callable[[Got], Awaitable[Reply] | Reply]


def good(_: Got) -> Reply:
    """The answer of a receiver that takes everything."""
    return Reply()


@dataclass
class Receiver:
    """A server at `url`. `got` has what came, in order of its end."""

    url: str
    answer: Answering = good
    got: list[Got] = field(default_factory=list)

    async def has(self, count: int) -> Sequence[Got]:
        """The requests, once there are so many."""
        await until(lambda: len(self.got) >= count)
        return self.got

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, with any number of requests."""
        protocol = h11.Connection(h11.SERVER)
        try:
            while (got := await _read(protocol, reader)) is not None:
                self.got.append(got)
                answered = self.answer(got)
                reply = answered if isinstance(answered, Reply) else await answered
                headers = [*reply.headers, ("content-length", str(len(reply.body)))]
                for event in (
                    h11.Response(status_code=reply.status, headers=headers),
                    h11.Data(data=reply.body),
                    h11.EndOfMessage(),
                ):
                    writer.write(protocol.send(event) or b"")
                await writer.drain()
                if protocol.our_state is not h11.DONE:
                    break
                protocol.start_next_cycle()
        except (ConnectionError, h11.RemoteProtocolError):
            pass
        finally:
            writer.close()


async def _read(protocol: h11.Connection, reader: asyncio.StreamReader) -> Got | None:
    request: h11.Request | None = None
    body = b""
    while True:
        event = protocol.next_event()
        if event is h11.NEED_DATA:
            protocol.receive_data(await reader.read(65_536))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            assert request is not None
            headers = tuple((name.decode(), value.decode()) for name, value in request.headers)
            return Got(request.method.decode(), request.target.decode(), headers, body, time.monotonic())
        else:  # the other end has closed
            return None


@asynccontextmanager
async def receiving(answer: Answering = good, port: int = 0) -> AsyncIterator[Receiver]:
    """A receiver that listens until the block ends."""
    receiver = Receiver("", answer)
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await receiver.serve(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            connections.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield receiver
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
