"""GraphQL over Server-Sent Events, each operation on a connection of its own.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md, "distinct connections mode". The `id` of an
event is its cursor, so a browser that reconnects goes on where it was (`Last-Event-ID`); the results of live
queries have none.
"""

import asyncio
from dataclasses import dataclass

import orjson
from graphql import OperationType
from starlette.types import Receive, Scope, Send

from app.connections.auth import origin
from app.connections.registry import UNAUTHORIZED, Connections
from app.http.endpoint import Executor
from gql.context import Context
from gql.errors import FormattedError, format_ending
from gql.execution.api import refused
from gql.execution.prepared import Prepared, PreparedSubscription, Refused
from gql.subscriptions.open_subscription import Subscriptions
from models.enums import WebsocketTransport
from services.core.errors import Unauthenticated
from services.feed.subscribers import Delivery, Opened, confirm

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would keep events back
]
_NEXT = b"next"
_SIGN_OF_LIFE = b":\n\n"
_BREAKS = b"\n\v\f\r\x1c\x1d\x1e"
_SPACES = bytes.maketrans(_BREAKS, b" " * len(_BREAKS))
_ESCAPES = tuple((char.encode(), b"\\u%04x" % ord(char)) for char in "\u0085\u2028\u2029")
_AT_ONCE = 65_536
"""Bytes of events in one write."""
NORMAL, GONE = 1000, 1001
"""What stands in websocket_sessions.close_code: how the stream ended."""


@dataclass(frozen=True, slots=True)
class EventStreamEndpoint:
    """Answers a request whose client reads event streams. `keep_alive` is in seconds.

    A stream that the server ends because it stops has no last event `complete`: the client is to resume.
    """

    api: Executor
    subscriptions: Subscriptions
    connections: Connections
    keep_alive: float

    async def __call__(
        self, prepared: Prepared, context: Context, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Run the operation and send its results until either side ends the stream."""
        if isinstance(prepared, PreparedSubscription):
            await _Stream(self, prepared, context, scope, receive, send).run()
            return
        result = await self._result(prepared, context)
        await _begin(send)
        await _send(send, encode_event(_NEXT, result) + _COMPLETE)
        await _end(send)

    async def _result(self, prepared: Prepared, context: Context) -> bytes:
        if isinstance(prepared, Refused) and prepared.kind is OperationType.SUBSCRIPTION:
            return _error_body(refused(prepared.error))
        return (await self.api.run(prepared, context)).body


class _Stream:
    """One subscription on one connection."""

    def __init__(
        self,
        endpoint: EventStreamEndpoint,
        prepared: PreparedSubscription,
        context: Context,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        self._endpoint = endpoint
        self._prepared = prepared
        self._context = context
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self._origin = origin(scope["client"], self._headers)
        self._receive = receive
        self._send = send
        self._ready = asyncio.Event()
        self._code: int | None = None

    async def run(self) -> None:
        """Serve the stream until either side ends it."""
        principal = self._context.require_principal()
        connection = await self._endpoint.connections.open(
            principal, self._origin, WebsocketTransport.SSE, self._stop
        )
        watch = asyncio.create_task(self._watch(), name="sse-disconnect")
        try:
            await self._serve((b"x-socket-id", str(connection.id).encode()))
            await _end(self._send)
        finally:
            connection.close(NORMAL if self._code is None else self._code)
            watch.cancel()

    async def _serve(self, *headers: tuple[bytes, bytes]) -> None:
        """Subscribe first: when the client sees the headers, it misses nothing any more."""
        after = self._headers.get(b"last-event-id", b"").decode("latin-1") or None
        try:
            subscription = await self._endpoint.subscriptions.open(
                self._prepared, self._context, self._ready.set, after=after
            )
        except Exception as error:
            await _begin(self._send, *headers)
            await _send(self._send, _errors(refused(error)) + _COMPLETE)
            return
        try:
            await _begin(self._send, *headers)
            await self._follow(subscription)
        finally:
            subscription.close()

    async def _follow(self, subscription: Opened) -> None:
        subscriber = subscription.subscriber
        while self._code is None:
            deliveries = subscriber.take_some(_AT_ONCE)
            if deliveries:
                await _send(self._send, b"".join(map(_event, deliveries)))
                confirm(deliveries)
            elif subscriber.ended:
                await _send(self._send, _ending(subscriber.error, subscriber.cursor))
                return
            else:
                await self._wait()
        if self._code == UNAUTHORIZED:
            error = Unauthenticated("The access token has expired or was revoked; get a new one and resume.")
            await _send(self._send, _ending(error, subscriber.cursor))

    async def _wait(self) -> None:
        """Wait until there is something to do; a sign of life meanwhile keeps proxies from giving up."""
        self._ready.clear()
        try:
            async with asyncio.timeout(self._endpoint.keep_alive):
                await self._ready.wait()
        except TimeoutError:
            await _send(self._send, _SIGN_OF_LIFE)

    async def _watch(self) -> None:
        try:
            while (await self._receive())["type"] != "http.disconnect":
                pass
        finally:
            self._stop(GONE)  # without this task a client that goes would not be noticed

    def _stop(self, code: int) -> None:
        self._code = code
        self._ready.set()


def encode_event(name: bytes, data: bytes = b"", place: str | None = None) -> bytes:
    """The one way in which anything becomes an event: `data` is a JSON text or nothing, `place` its `id`.

    `event: next`, `id: <place>`, `data: <JSON on one line>`, and an empty line. PostgreSQL puts a line break
    between two rows. In a JSON text such a break stands between values only, where a blank says the same;
    the separators of Unicode, at which some clients end a line too, stand within texts only, where an escape
    says the same.
    """
    if not data.isascii():
        for character, escape in _ESCAPES:
            if character in data:
                data = data.replace(character, escape)
    id_ = b"" if place is None else b"id: %s\n" % place.encode()
    return b"event: %s\n%sdata: %s\n\n" % (name, id_, data.translate(_SPACES))


_COMPLETE = encode_event(b"complete")


def _event(delivery: Delivery) -> bytes:
    """Made once for all streams in a row."""
    if delivery.wrapped is None or delivery.wrapped[0] != _NEXT:
        delivery.wrapped = (_NEXT, (encode_event(_NEXT, delivery.payload, delivery.cursor),))
    return delivery.wrapped[1][0]


def _errors(errors: list[FormattedError]) -> bytes:
    return encode_event(_NEXT, _error_body(errors))


def _error_body(errors: list[FormattedError]) -> bytes:
    return orjson.dumps({"errors": errors})


def _ending(error: Exception | None, cursor: str | None) -> bytes:
    """The last bytes of a stream that ends by itself."""
    if error is None:
        return _COMPLETE
    return _errors([format_ending(error, cursor)]) + _COMPLETE


async def _begin(send: Send, *headers: tuple[bytes, bytes]) -> None:
    """The headers, and a first comment so that they go out at once."""
    await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS, *headers]})
    await _send(send, _SIGN_OF_LIFE)


async def _send(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _end(send: Send) -> None:
    await send({"type": "http.response.body", "body": b""})
