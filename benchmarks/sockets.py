"""Many graphql-transport-ws clients in one process, light enough to measure a server with."""

import asyncio
import base64
import json
import os
import struct
from collections.abc import Iterable
from typing import Protocol, cast
from urllib.parse import urlsplit
from uuid import uuid4

_BEHIND_ID = len('{"id":"') + 36 + len('",')
"""Where a message goes on behind the id of its operation."""


class Received(Protocol):
    """The receiver of all connections' events."""

    def __call__(self, client: "Client", frame: bytes, /) -> None:
        """`frame` is the `next` message from behind its id on; `client.count` events came before it here."""


class Client(asyncio.Protocol):
    """One connection that logs in, subscribes, and hands every event's message to `received`.

    The operation's id is a UUID, as the clients of graphql-ws make it: no two connections share one.
    """

    __slots__ = ("_host", "_messages", "_received", "_rest", "_transport", "count", "ended", "subscribed")

    def __init__(self, host: str, token: str, query: str, received: Received) -> None:
        self._host = host
        self._messages = [
            {"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}},
            {"id": str(uuid4()), "type": "subscribe", "payload": {"query": query}},
        ]
        self._received = received
        self._rest = b""
        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.count = 0
        self.ended: str | None = None

    def itself(self) -> "Client":
        """The factory that an event loop asks for."""
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast(asyncio.Transport, transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET /graphql HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Take what came apart into frames; the answer to the upgrade comes first and alone."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        if data.startswith(b"HTTP"):
            if data.endswith(b"\r\n\r\n"):
                self._say(self._messages[0])
            else:
                self._rest = data
            return
        at, end = 0, len(data)
        while end - at >= 4:  # no message of the server's is shorter than that with its header
            size, start = data[at + 1], at + 2
            if size == 126:
                size, start = data[at + 2] << 8 | data[at + 3], at + 4
            if start + size > end:
                break
            self._frame(data[at], data[start : start + size])
            at = start + size
        self._rest = data[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        """The server is gone."""
        self.ended = self.ended or "lost"

    def close(self) -> None:
        """Leave."""
        self._transport.close()

    def _frame(self, first: int, frame: bytes) -> None:
        if frame.startswith(b'"type":"next"', _BEHIND_ID):
            self._received(self, frame[_BEHIND_ID:])
            self.count += 1
        elif first == 0x88:
            self.ended = frame[2:].decode()
        elif b"connection_ack" in frame:
            self._say(self._messages[1])
            self._say({"type": "ping"})
        elif b'"pong"' in frame:
            if not self.subscribed.done():
                self.subscribed.set_result(None)
        elif b'"ping"' in frame:
            self._say({"type": "pong"})
        else:
            self.ended = frame.decode()

    def _say(self, message: object) -> None:
        payload = json.dumps(message).encode()
        mask = b"\0\0\0\0"  # RFC 6455 wants one; nothing between here and the server needs it
        size = len(payload)
        head = bytes([0x81, 0x80 | size]) if size < 126 else b"\x81\xfe" + struct.pack(">H", size)
        self._transport.write(head + mask + payload)


async def connect(url: str, token: str, queries: Iterable[str], received: Received) -> list[Client]:
    """A client for each query, all of them subscribed."""
    address = urlsplit(url)
    loop = asyncio.get_running_loop()
    clients = [Client(address.netloc, token, query, received) for query in queries]
    for start in range(0, len(clients), 100):
        batch = clients[start : start + 100]
        for client in batch:
            await loop.create_connection(client.itself, address.hostname or "", address.port or 0)
        async with asyncio.timeout(60):
            await asyncio.gather(*(client.subscribed for client in batch))
    return clients
