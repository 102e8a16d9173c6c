"""A client of graphql-transport-ws that says exactly what a test wants said."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.support.waiting import PATIENCE


class Socket:
    """One connection; messages are plain dictionaries. `socket_id` is known once it is logged in."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.subprotocol = connection.subprotocol
        self.socket_id = ""

    async def say(self, **message: Any) -> None:
        """Send a message."""
        await self._connection.send(json.dumps(message))

    async def say_raw(self, message: str | bytes) -> None:
        """Send text, or a binary message."""
        await self._connection.send(message)

    async def hear(self, seconds: float = PATIENCE) -> Any:
        """The next message. Raises: TimeoutError."""
        return json.loads(await self.hear_text(seconds))

    async def hear_text(self, seconds: float = PATIENCE) -> str | bytes:
        """The same as it came."""
        async with asyncio.timeout(seconds):
            return await self._connection.recv()

    async def silent(self, seconds: float = 0.4) -> bool:
        """True when nothing is said for a while."""
        try:
            await self.hear(seconds)
        except TimeoutError:
            return True
        return False

    async def closed(self) -> tuple[int, str]:
        """Wait for the server to close; code and reason."""
        async with asyncio.timeout(PATIENCE):
            await self._connection.wait_closed()
        return self._connection.close_code or 0, self._connection.close_reason or ""

    async def initialise(self, token: str) -> str:
        """Log in; the connection's id."""
        await self.say(type="connection_init", payload={"authorization": f"Bearer {token}"})
        acknowledged = await self.hear()
        assert acknowledged["type"] == "connection_ack"
        self.socket_id = acknowledged["payload"]["socketId"]
        return self.socket_id

    async def subscribe(self, query: str, variables: dict[str, Any] | None = None, id_: str = "1") -> None:
        """Begin an operation; for a subscription, the stream has begun when this returns."""
        payload: dict[str, Any] = {"query": query}
        if variables is not None:
            payload["variables"] = variables
        await self.say(id=id_, type="subscribe", payload=payload)
        # The server takes messages in order, so its answer to this one comes after it has subscribed.
        await self.say(type="ping")
        answer = await self.hear()
        assert answer == {"type": "pong"}, answer

    async def next(self, id_: str = "1", seconds: float = PATIENCE) -> Any:
        """The data of the next event."""
        message = await self.hear(seconds)
        assert message["type"] == "next", message
        assert message["id"] == id_
        assert "errors" not in message["payload"], message
        return message["payload"]["data"]


@asynccontextmanager
async def open_socket(
    url: str, subprotocols: tuple[str, ...] = ("graphql-transport-ws",), **options: Any
) -> AsyncIterator[Socket]:
    """Connect to /graphql of the server at `url` (`ws://...`)."""
    chosen = [Subprotocol(name) for name in subprotocols]
    # A client that does not read would answer no pings of its own library's.
    given = {"subprotocols": chosen or None, "ping_interval": None, "open_timeout": PATIENCE, **options}
    async with connect(f"{url}/graphql", **given) as connection:
        yield Socket(connection)


@asynccontextmanager
async def logged_in(url: str, token: str) -> AsyncIterator[Socket]:
    """Connect and log in."""
    async with open_socket(url) as socket:
        await socket.initialise(token)
        yield socket
