"""Clients that never give up: they resume at another server wherever they were, and note what they heard."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.exceptions import WebSocketException

from tests.support.graphql_ws import Socket, logged_in
from tests.support.installation import Installation
from tests.support.sse import open_stream

LOST = (KeyError, OSError, httpx.HTTPError, WebSocketException, AssertionError)
"""What a client meets when a process does not run, or its database is away; `AssertionError` is an answer
with errors."""
PAUSE, LONG = 0.1, 600.0


class Follower:
    """Follows a subscription whose event has a `cursor`, at one of several processes, in turn.

    `heard` has the events, `lost` why connections ended; `begun` is set once the first subscription began.
    """

    def __init__(
        self,
        installation: Installation,
        places: Sequence[int],
        token: str,
        field: str,
        selection: str,
        arguments: str = "",
    ) -> None:
        self.heard: list[Any] = []
        self.lost: list[str] = []
        self.begun = asyncio.Event()
        self._installation = installation
        self._places = places
        self._token = token
        self._field = field
        chosen = f"{field}(after: $after {arguments}) {{ cursor {selection} }}"
        self._query = f"subscription ($after: String) {{ {chosen} }}"
        self._cursor: str | None = None

    async def follow(self) -> None:
        """Follow for ever."""
        while True:
            for place in self._places:
                try:
                    async with self._listening(self._installation.url(place)) as hear:
                        await self._listen(hear)
                except LOST as error:
                    self.lost.append(f"{type(error).__name__}: {error}")
                await asyncio.sleep(PAUSE)

    async def _listen(self, hear: Callable[[], Any]) -> None:
        self.begun.set()
        while True:
            event = (await hear())[self._field]
            self._cursor = event.pop("cursor")
            self.heard.append(event)

    @abstractmethod
    def _listening(self, url: str) -> Any:
        """A context in which the subscription has begun; its value gets the data of the next event."""


class SocketFollower(Follower):
    """Over WebSocket."""

    @asynccontextmanager
    async def _listening(self, url: str) -> AsyncIterator[Callable[[], Any]]:
        async with logged_in("ws" + url.removeprefix("http"), self._token) as socket:
            if self._cursor is None:
                await socket.subscribe(self._query)
            else:
                payload = {"query": self._query, "variables": {"after": self._cursor}}
                await socket.say(id="1", type="subscribe", payload=payload)
            yield lambda: _next(socket)


async def _next(socket: Socket) -> Any:
    while True:
        message = await socket.hear(LONG)
        if message["type"] == "ping":
            await socket.say(type="pong")
            continue
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        return message["payload"]["data"]


class StreamFollower(Follower):
    """Over Server-Sent Events, resuming as a browser does."""

    @asynccontextmanager
    async def _listening(self, url: str) -> AsyncIterator[Callable[[], Any]]:
        headers = {"Last_Event_ID": self._cursor} if self._cursor else {}
        async with open_stream(url, self._token, self._query, None, **headers) as stream:
            assert stream.response.status_code == 200, stream.response.status_code
            yield lambda: stream.next(LONG)
