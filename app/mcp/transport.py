"""Streamable HTTP by the official SDK, stateless: each request stands for itself, on whichever process."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import orjson
from mcp.server.connection import Connection
from mcp.server.lowlevel.server import Server
from mcp.server.runner import modern_error_data, serve_one
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import NoBackChannelError
from mcp.shared.message import MessageMetadata, ServerMessageMetadata
from mcp.shared.transport_context import TransportContext
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from services.core.background import Running

_HTTP: Final = TransportContext(kind="streamable-http", can_send_request=False)


@dataclass(slots=True)
class _Exchange:
    """The SDK's view of a request that has one answer, and nothing before it."""

    request_id: str | int
    message_metadata: MessageMetadata
    transport: TransportContext = _HTTP
    can_send_request: bool = False
    cancel_requested: anyio.Event = field(default_factory=anyio.Event)

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        """Refuse to ask the client, to whom there is no way."""
        raise NoBackChannelError(method)

    async def notify(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> None:
        """Do nothing: the client is told nothing before the answer."""

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Do nothing: the client is told nothing before the answer."""


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

    async def call(self, scope: Scope, message: Mapping[str, Any], revision: str) -> bytes:
        """The JSON-RPC response to a request of a revision with sessions, in one exchange.

        The SDK has such an exchange for the newer revision alone; for these it makes a transport, its streams
        and their tasks for each request, which takes longer than most tools do.
        """
        identity = message["id"]
        exchange = _Exchange(identity, ServerMessageMetadata(request_context=Request(scope)))
        response: dict[str, Any] = {"jsonrpc": "2.0", "id": identity}
        try:
            response["result"] = await serve_one(
                self._server,
                exchange,
                message["method"],
                message.get("params"),
                connection=Connection.from_envelope(revision, None, None),
                lifespan_state={},
            )
        except Exception as error:
            response["error"] = modern_error_data(error).model_dump(mode="json", exclude_none=True)
        return orjson.dumps(response)

    async def _work(self) -> None:
        """Run what answers requests, for ever. An end of it cancels those that are under way."""
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
