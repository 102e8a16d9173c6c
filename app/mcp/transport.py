"""Streamable HTTP by the official SDK, stateless: each request stands for itself, on whichever process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp.server.lowlevel.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.types import Receive, Scope, Send

from services.core.background import Running


class Transport(Running):
    """Answers requests that have been let in, in both revisions of the protocol.

    A request that nothing is told of before its answer is answered by JSON; others by a stream, on which a
    client that goes away ends the call. What may come in is checked by the endpoint alone, so the SDK's own
    checks are off. Its tasks belong to one task of ours, since it wants to be begun and ended by the same.
    """

    def __init__(self, server: Server[Any], maximum_body: int) -> None:
        self._server = server
        self._maximum_body = maximum_body
        self._managers: tuple[StreamableHTTPSessionManager, StreamableHTTPSessionManager] | None = None
        self._ready = asyncio.Event()

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        async with self.supervisor.running(self._work, "mcp-requests"):
            await self._ready.wait()
            yield

    async def handle(self, scope: Scope, receive: Receive, send: Send, *, streams: bool) -> None:
        """Answer one request."""
        await self._ready.wait()
        if self._managers is None:
            raise RuntimeError("requests are answered while this runs")
        await self._managers[streams].handle_request(scope, receive, send)

    async def _work(self) -> None:
        """For ever: have what answers requests. An end of it cancels those that are under way."""
        with_json, with_streams = self._manager(json_response=True), self._manager(json_response=False)
        async with with_json.run(), with_streams.run():
            self._managers = (with_json, with_streams)
            self._ready.set()
            try:
                await asyncio.Event().wait()
            finally:
                self._ready.clear()
                self._managers = None

    def _manager(self, *, json_response: bool) -> StreamableHTTPSessionManager:
        return StreamableHTTPSessionManager(
            self._server,
            stateless=True,
            json_response=json_response,
            max_request_body_size=self._maximum_body,
        )
