"""Answers of the receivers: in JSON, or as OTLP asks for them."""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.types import Scope, Send

from app.admission.request import HttpRefusal
from app.uvicorn_ext.whole_responses import whole_response
from services.core.database_errors import translate
from services.core.errors import (
    BadInput,
    Conflict,
    DomainError,
    QueryTooComplex,
    RateLimited,
    ServiceUnavailable,
    Unauthenticated,
)
from services.core.json_codec import write_json
from services.ingest.otlp import status_protobuf

JSON: Final = b"application/json"
PROTOBUF: Final = b"application/x-protobuf"

_AGAIN: Final = 2
"""Seconds after which one may try again while the database is away."""

_STATUS: Final[Mapping[type[DomainError], int]] = {
    Unauthenticated: 401,
    BadInput: 400,
    RateLimited: 429,
    ServiceUnavailable: 503,
    # A statement that was stopped for the sake of others.
    Conflict: 503,
    QueryTooComplex: 503,
}
_RPC: Final[Mapping[int, int]] = {401: 16, 429: 8, 413: 8, 503: 14, 500: 13, 404: 5}
"""Codes of google.rpc.Status; all others say that an argument is invalid."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply to be sent. One without a body has no type."""

    status: int
    body: bytes = b""
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


def json_reply(value: object, status: int = 200) -> Reply:
    """A value as JSON."""
    return Reply(status, write_json(value))


def refusal(error: Exception, *, otlp: bytes | None = None) -> Reply | None:
    """The answer to a client for an error, in `otlp`, the type of its export; None for a fault of ours."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if isinstance(error, HttpRefusal):
        return _told(error.status, error.message, error.headers, otlp)
    known = error if isinstance(error, DomainError) else translate(error)
    if known is None and isinstance(error, TimeoutError):
        known = ServiceUnavailable("The database does not answer at the moment. Try again.")
    if known is None:
        return None
    status = _STATUS.get(type(known), 400)
    if status == 401:
        headers = ((b"www-authenticate", b'Bearer realm="ccgraph"'),)
    elif status in (429, 503):
        wait = known.details.get("retryAfter", _AGAIN)
        seconds = math.ceil(wait) if isinstance(wait, int | float) else _AGAIN
        headers = ((b"retry-after", b"%d" % seconds),)
    return _told(status, known.message, headers, otlp)


def fault(otlp: bytes | None) -> Reply:
    """The answer to a client for a fault of ours."""
    return _told(500, "The server made a mistake; its log says more. Try again later.", (), otlp)


def _told(status: int, message: str, headers: tuple[tuple[bytes, bytes], ...], otlp: bytes | None) -> Reply:
    if otlp == PROTOBUF:
        return Reply(status, status_protobuf(_RPC.get(status, 3), message), PROTOBUF, headers)
    if otlp is not None:
        return Reply(status, write_json({"code": _RPC.get(status, 3), "message": message}), JSON, headers)
    return Reply(status, write_json({"error": message}), JSON, headers)


async def send_reply(
    scope: Scope, send: Send, reply: Reply, request_id: str, before_end: Callable[[], Awaitable[None]] | None
) -> None:
    """Send it in one piece; `before_end` runs while the client has it already."""
    headers = [(b"x-request-id", request_id.encode()), (b"cache-control", b"no-store"), *reply.headers]
    if reply.status != 204:
        headers += [(b"content-type", reply.content_type), (b"content-length", b"%d" % len(reply.body))]
    respond = None if reply.headers else whole_response(scope)
    if respond is not None and respond(send, reply.status, headers, reply.body):
        return
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    body = reply.body
    if before_end is not None:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await before_end()
        body = b""
    await send({"type": "http.response.body", "body": body})
