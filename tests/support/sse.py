"""A client of GraphQL over Server-Sent Events that shows each event as it came over the wire."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

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
    """The response to one request."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._chunks = response.aiter_bytes()
        self._buffer = b""
        self.raw = b""

    async def hear(self, seconds: float = PATIENCE) -> Event | None:
        """The next event; None when the server has ended the stream."""
        async with asyncio.timeout(seconds):
            while True:
                while b"\n\n" in self._buffer:
                    block, self._buffer = self._buffer.split(b"\n\n", 1)
                    fields = dict(_fields(block.decode()))
                    if fields:
                        return Event(fields["event"], fields.get("id"), fields.get("data", ""))
                try:
                    chunk = await anext(self._chunks)
                except StopAsyncIteration:
                    return None
                self._buffer += chunk
                self.raw += chunk

    async def next(self, seconds: float = PATIENCE) -> Any:
        """The data of the next event of a subscription."""
        event = await self.hear(seconds)
        assert event is not None
        assert event.name == "next"
        assert "errors" not in event.body, event.body
        return event.body["data"]


def _fields(block: str) -> list[tuple[str, str]]:
    lines = [line.partition(":") for line in block.split("\n")]
    return [(name, value.removeprefix(" ")) for name, _, value in lines if name]


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
    given = {"authorization": f"Bearer {token}", "accept": accept}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"query": query, "variables": variables or {}}
    async with (
        httpx.AsyncClient(timeout=httpx.Timeout(PATIENCE, read=None)) as client,
        client.stream("POST", f"{url}/graphql", json=body, headers=given) as response,
    ):
        yield EventStream(response)
