"""Requests that trickle in, responses that nobody takes, over real sockets: uvicorn would wait for ever."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from app import serving
from app.config.settings import Settings
from app.uvicorn_ext.deadlines import deadline_protocol
from tests.support.serving import served
from tests.support.sockets import until_reset
from tests.support.waiting import PATIENCE

WHOLE = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi"


DEADLINE = 0.4
LARGE = 20_000_000
"""Bytes: more than the kernel's buffers take."""


class AnnouncedServer(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the body once it is whole."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        if not message["more_body"]:
            break
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]}
    )
    await send({"type": "http.response.body", "body": body})


async def much(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with a large body."""
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % LARGE)]}
    )
    await send({"type": "http.response.body", "body": bytes(LARGE)})


@asynccontextmanager
async def server(app: ASGIApp = echo, deadline: float = DEADLINE, keep_alive: int = 1) -> AsyncIterator[int]:
    """A uvicorn with the protocol under test; gives its port. All times are in seconds."""
    config = uvicorn.Config(
        app,
        port=0,
        http=deadline_protocol(deadline, deadline),
        lifespan="off",
        log_config=None,
        timeout_keep_alive=keep_alive,
    )
    running = AnnouncedServer(config)
    task = asyncio.create_task(running.serve())
    await running.ready.wait()
    try:
        yield running.servers[0].sockets[0].getsockname()[1]
    finally:
        running.should_exit = True
        await task


async def trickle(port: int, pieces: list[bytes], pause: float = 0.15) -> bytes:
    """Send the pieces with pauses until the server closes the connection; gives all that it sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = asyncio.create_task(read_all(reader))
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause)
        return await asyncio.wait_for(answer, PATIENCE)
    finally:
        writer.close()


async def read_all(reader: asyncio.StreamReader) -> bytes:
    """What arrives before the connection ends in whatever way."""
    received = b""
    with suppress(ConnectionError):
        while chunk := await reader.read(65_536):
            received += chunk
    return received


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"\r\n"] * 6,
        [bytes([byte]) for byte in b"POST /gr"],
        [b"POST / HTTP/1.1\r\n", b"host: x\r\n", b"a: b\r\n", b"c: d\r\n", b"e: f\r\n"],
        [b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n", b"1", b"2", b"3", b"4"],
        [b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n", b"1\r\nx\r\n"],
    ],
    ids=["silence", "empty lines", "request line", "headers", "body", "chunks"],
)
async def test_a_request_that_does_not_arrive_in_time_ends_in_408(pieces: list[bytes]) -> None:
    async with server() as port:
        assert (await trickle(port, pieces)).startswith(b"HTTP/1.1 408 ")


async def test_a_request_in_pieces_within_the_deadline_is_answered() -> None:
    async with server(deadline=PATIENCE) as port:
        answer = await trickle(port, [WHOLE[:20], WHOLE[20:-1], WHOLE[-1:] + b""], pause=0.05)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\n\r\nhi" in answer


async def test_the_deadline_starts_anew_with_the_next_request_on_a_connection() -> None:
    async with server(deadline=1, keep_alive=600) as port:
        answer = await trickle(port, [*[WHOLE] * 5, WHOLE[:10]], pause=0.25)

    assert answer.count(b"HTTP/1.1 200 ") == 5
    assert answer.count(b"HTTP/1.1 408 ") == 1


async def test_a_connection_is_kept_between_requests_longer_than_by_clients(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert serving.IDLE_CONNECTION > 60
    monkeypatch.setattr(serving, "IDLE_CONNECTION", 1)
    with served(settings) as server:
        port = int(server.url.rpartition(":")[2])
        answer = await trickle(port, [b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"])

    assert answer.startswith(b"HTTP/1.1 200 "), "it is closed after the time, and not before the answer"
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_a_lone_empty_line_after_a_response_does_not_keep_the_connection() -> None:
    async with server(keep_alive=600) as port:
        answer = await trickle(port, [WHOLE, b"\r\n"])

    assert answer.count(b"HTTP/1.1 408 ") == 1


async def test_headers_without_end_are_refused_before_they_fill_the_memory() -> None:
    header = b"x-filler: " + b"y" * 8_000 + b"\r\n"
    async with server(deadline=PATIENCE) as port:
        answer = await trickle(port, [b"POST / HTTP/1.1\r\nhost: x\r\n", header * 9], pause=0.01)

    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_a_large_body_is_no_large_header() -> None:
    body = b"z" * 200_000
    async with server(deadline=PATIENCE) as port:
        head = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 200000\r\n\r\n"
        answer = await trickle(port, [head, body], pause=0.01)

    assert answer.endswith(body)


async def ask_for_much(port: int) -> socket.socket:
    """A connection that asked for `LARGE` bytes and has read none yet."""
    loop = asyncio.get_running_loop()
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    await loop.sock_connect(client, ("127.0.0.1", port))
    await loop.sock_sendall(client, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    return client


async def test_who_takes_a_response_slowly_gets_all_of_it() -> None:
    async with server(much, deadline=3) as port:
        with await ask_for_much(port) as client:
            received = 0
            for pause in range(1, 21):
                while received < pause * LARGE // 20:
                    chunk = await asyncio.get_running_loop().sock_recv(client, 65_536)
                    assert chunk, f"ended after {received} bytes"
                    received += len(chunk)
                await asyncio.sleep(0.2)


async def test_who_takes_nothing_of_a_response_is_cut_off() -> None:
    async with server(much) as port:
        with await ask_for_much(port) as client:
            await until_reset(client)


async def test_further_requests_do_not_keep_a_connection_that_takes_nothing() -> None:
    async with server(much) as port:
        with await ask_for_much(port) as client:
            with suppress(ConnectionError):
                for _ in range(100):
                    await asyncio.get_running_loop().sock_sendall(client, WHOLE)
                    await asyncio.sleep(DEADLINE / 10)
            await until_reset(client)
