"""Many graphql-transport-ws clients in one process, light enough to measure a server with."""

import asyncio
import base64
import json
import os
import struct
from collections.abc import Callable
from typing import cast


class Client(asyncio.Protocol):
    """One connection that logs in, subscribes, and hands every event's frame to `received`."""

    def __init__(self, host: str, token: str, query: str, received: Callable[[bytes], None]) -> None:
        self._host = host
        self._messages = [
            {"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}},
            {"id": "1", "type": "subscribe", "payload": {"query": query}},
        ]
        self._received = received
        self._buffer = bytearray()
        self._upgraded = False
        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.count = 0
        self.ended: str | None = None

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
        """Take what came apart into frames."""
        buffer = self._buffer
        buffer += data
        if not self._upgraded:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            del buffer[: end + 4]
            self._upgraded = True
            self._say(self._messages[0])
        while len(buffer) >= 2:
            size, start = buffer[1] & 0x7F, 2
            if size == 126:
                if len(buffer) < 4:
                    return
                size, start = struct.unpack_from(">H", buffer, 2)[0], 4
            if len(buffer) < start + size:
                return
            frame = bytes(buffer[start : start + size])
            opcode = buffer[0] & 0x0F
            del buffer[: start + size]
            self._frame(opcode, frame)

    def connection_lost(self, exc: Exception | None) -> None:
        """The server is gone."""
        self.ended = self.ended or "lost"

    def close(self) -> None:
        """Leave."""
        self._transport.close()

    def _frame(self, opcode: int, frame: bytes) -> None:
        if opcode == 8:
            self.ended = frame[2:].decode()
        elif b'"type":"next"' in frame[:40]:
            self.count += 1
            self._received(frame)
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
