"""A client of GraphQL over Server-Sent Events that shows each event as it came over the wire."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from httpx_sse import EventSource, ServerSentEvent

from tests.support.waiting import PATIENCE


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name, its id, its data as text."""

    name: str
    id: str | None
    data: str

    @property
    def body(self) -> Any:
        """The data as JSON."""
        return json.loads(self.data)


class EventStream:
    """The response to one request, read as a client's library reads it; `raw` is what came over the wire."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._source = EventSource(response)
        self._events: AsyncGenerator[ServerSentEvent, None] | None = None
        self._bytes = response.aiter_bytes
        self.raw = b""
        response.aiter_bytes = self._noted  # type: ignore[method-assign] # under the library's decoder

    async def _noted(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        async for chunk in self._bytes(chunk_size):
            self.raw += chunk
            yield chunk

    async def hear(self, seconds: float = PATIENCE) -> Event | None:
        """The next event; None when the server has ended the stream."""
        if self._events is None:
            self._events = self._source.aiter_sse()
        async with asyncio.timeout(seconds):
            async for event in self._events:
                if event.event != "message" or event.data:  # not the comment that shows that it lives
                    return Event(event.event, event.id or None, event.data)
        return None

    async def close(self) -> None:
        """End the reading: generators that are left to the garbage collector end one another out of turn."""
        if self._events is not None:
            await self._events.aclose()

    async def next(self, seconds: float = PATIENCE) -> Any:
        """The data of the next event of a subscription."""
        event = await self.hear(seconds)
        assert event is not None
        assert event.name == "next"
        assert "errors" not in event.body, event.body
        return event.body["data"]


@asynccontextmanager
async def open_stream(
    url: str,
    token: str,
    query: str,
    variables: dict[str, Any] | None = None,
    accept: str = "text/event-stream",
    **headers: str,
) -> AsyncIterator[EventStream]:
    """POST an operation to /graphql of the server at `url` and read what comes."""
    given = {"authorization": f"Bearer {token}", "accept": accept, "content-type": "application/json"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"query": query, "variables": variables or {}})
    async with (
        httpx.AsyncClient(timeout=httpx.Timeout(PATIENCE, read=None), verify=False) as client,
        client.stream("POST", f"{url}/graphql", content=body, headers=given) as response,
    ):
        stream = EventStream(response)
        try:
            yield stream
        finally:
            await stream.close()
