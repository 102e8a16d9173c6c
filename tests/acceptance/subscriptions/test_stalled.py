"""Connections that stop reading: nobody else waits for them, and they get everything once they read again."""

import asyncio
import json
import socket as sockets
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import pytest

from tests.acceptance.subscriptions.conftest import Fleet, PlainSql
from tests.support.graphql_ws import Socket, logged_in, open_socket
from tests.support.serving import LiveServer
from tests.support.sse import open_stream
from tests.support.waiting import PATIENCE

NOTICES = "subscription { websocketNotifications { eventName websocketNotification { payload } } }"
LOGS = "subscription { logAppended { message log { nodeId } } }"
BOARD = "subscription { live(maxPerSecond: 20) { websocketNotifications { totalCount } } }"

SOON = 30.0
"""Seconds, half of those for which a connection may stand still: what waits for it arrives later or never."""

Take: TypeAlias = Callable[[int], Awaitable[list[str]]]
"""Reads so many events of every operation of a connection; the names of each, which must be equal."""


def name_of(data: dict[str, Any]) -> str:
    """The number of an event."""
    if "logAppended" in data:
        return str(data["logAppended"]["message"]).partition(" ")[0]
    return str(data["websocketNotifications"]["eventName"])


async def write(sql: PlainSql, query: str, number: int, size: int) -> None:
    """Let an event happen whose response has `size` bytes and more."""
    if query == LOGS:
        await sql.connection.execute(
            "INSERT INTO system_logs (level, category, module, message)"
            " VALUES ('INFO', 'x', 'y', $1 || ' ' || repeat('x', $2))",
            str(number),
            size,
        )
    else:
        await sql.connection.execute(
            "INSERT INTO websocket_notifications (event_type, event_name, payload, delivery_status)"
            " VALUES ('progress', $1, jsonb_build_object('text', repeat('x', $2)), 'sent')",
            str(number),
            size,
        )


def narrow(server: LiveServer) -> sockets.socket:
    """A TCP connection that takes little when it is not read."""
    opened = sockets.socket()
    opened.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    address = urlsplit(server.url)
    opened.connect((address.hostname, address.port))
    opened.setblocking(False)
    return opened


@asynccontextmanager
async def stalled_socket(server: LiveServer, token: str, query: str, operations: int) -> AsyncIterator[Take]:
    """A WebSocket that is not read until its events are asked for."""
    async with open_socket(server.websocket_url, sock=narrow(server), max_queue=1) as opened:
        await opened.initialise(token)
        for number in range(operations):
            await opened.subscribe(query, id_=str(number))

        async def take(count: int) -> list[str]:
            heard: dict[str, list[str]] = defaultdict(list)
            for _ in range(count * operations):
                message = await opened.hear()
                assert message["type"] == "next", message
                heard[message["id"]].append(name_of(message["payload"]["data"]))
            [names] = {tuple(names) for names in heard.values()}
            return [*names]

        yield take


@asynccontextmanager
async def stalled_stream(server: LiveServer, token: str, query: str) -> AsyncIterator[Take]:
    """An event stream that is not read until its events are asked for."""
    loop = asyncio.get_running_loop()
    body = json.dumps({"query": query}).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with narrow(server) as opened:
        await loop.sock_sendall(opened, head.encode() + body)
        received = b""
        while b"\r\n\r\n" not in received:  # then the stream has begun
            received += await loop.sock_recv(opened, 1)

        async def take(count: int) -> list[str]:
            nonlocal received
            names: list[str] = []
            async with asyncio.timeout(PATIENCE):
                while len(names) < count:
                    while b"\ndata: " not in received or b"\n\n" not in received.partition(b"\ndata: ")[2]:
                        received += await loop.sock_recv(opened, 1_000_000)
                    data, _, received = received.partition(b"\ndata: ")[2].partition(b"\n\n")
                    # The transfer coding puts lengths between the pieces.
                    names.append(data.partition(b'eventName":"')[2].partition(b'"')[0].decode())
            return names

        yield take


@pytest.mark.parametrize(
    ("kind", "query", "count", "size"),
    [
        ("sockets", NOTICES, 100, 100_000),
        ("streams", NOTICES, 100, 100_000),
        ("sockets", LOGS, 100, 100_000),
        ("operations", NOTICES, 50, 30_000),
    ],
)
async def test_connections_that_stand_still_delay_nobody_and_lose_nothing(
    live_server: LiveServer,
    fleet: Fleet,
    sql: PlainSql,
    kind: str,
    query: str,
    count: int,
    size: int,
) -> None:
    token = fleet.administrator_token
    async with AsyncExitStack() as stack:

        async def healthy(asked: str) -> Socket:
            opened = await stack.enter_async_context(logged_in(live_server.websocket_url, token))
            await opened.subscribe(asked)
            return opened

        stalled = []
        for _ in range(1 if kind == "operations" else 5):
            if kind == "streams":
                opening = stalled_stream(live_server, token, query)
            else:
                opening = stalled_socket(live_server, token, query, 100 if kind == "operations" else 1)
            stalled.append(await stack.enter_async_context(opening))
        quick = await healthy(query)
        stream = await stack.enter_async_context(open_stream(live_server.url, token, query))
        board = await healthy(BOARD)
        await board.next()
        for number in range(count):
            await write(sql, query, number, size)
            assert name_of(await quick.next(seconds=SOON)) == str(number)
            assert name_of(await stream.next(SOON)) == str(number)
            if query == NOTICES:
                await board.next(seconds=SOON)
        names = [str(number) for number in range(count)]
        for take in stalled:
            assert await take(count) == names
        await write(sql, query, count, 10)
        for take in stalled:
            assert await take(1) == [str(count)]
        assert name_of(await quick.next()) == str(count)
