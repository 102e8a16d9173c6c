"""The HTTP side of an answer: status by media type, headers, compression."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

import orjson
from starlette.types import Scope, Send

from app.http.compression import compress
from app.http.negotiation import GRAPHQL_RESPONSE, JSON
from app.uvicorn_ext.whole_responses import whole_response
from gql.errors import INTERNAL, FormattedError, format_error
from gql.execution.api import OperationResult
from gql.request.documents import PersistedQueryNotFound
from services.core.errors import RateLimited, ServiceUnavailable, Unauthenticated

PARTIAL_SUCCESS = 294
"""Data and errors together, in application/graphql-response+json (GraphQL over HTTP, September 2026)."""

_CONTENT_TYPES: Mapping[str, bytes] = {
    JSON: b"application/json; charset=utf-8",
    GRAPHQL_RESPONSE: b"application/graphql-response+json; charset=utf-8",
}
_ALWAYS = (
    (b"vary", b"accept, accept-encoding"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
# These say something about the caller or about us, not about the document: so in both media types.
_STATUS_OF_REFUSAL: Mapping[str, int] = {
    Unauthenticated.code: 401,
    RateLimited.code: 429,
    INTERNAL: 500,
    ServiceUnavailable.code: 503,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to be sent: an HTTP status, a complete body, further headers."""

    status: int
    body: bytes
    headers: Iterable[tuple[bytes, bytes]] = ()
    content_type: bytes | None = None


def answer_result(result: OperationResult, media_type: str) -> Answer:
    """The status of a GraphQL response (GraphQL over HTTP, "Status Codes").

    application/json says 200 for whatever is a GraphQL response: not to be told from a proxy's error.
    Where the database was away and nothing was answered, both say 503, as they do when it was away before.
    """
    if not result.errors:
        return Answer(200, result.body)
    if not result.answered and {*result.errors} == {ServiceUnavailable.code}:
        return Answer(_STATUS_OF_REFUSAL[ServiceUnavailable.code], result.body)
    if result.executed:
        return Answer(PARTIAL_SUCCESS if media_type == GRAPHQL_RESPONSE else 200, result.body)
    code = result.errors[0]
    status = _STATUS_OF_REFUSAL.get(code, 400 if media_type == GRAPHQL_RESPONSE else 200)
    return Answer(status, result.body, _challenge(code))


def answer_exception(error: Exception, media_type: str = JSON) -> Answer:
    """An error met outside of any operation: no token, no quota, a malformed request, a fault of ours.

    That a persisted document is not known is an answer to the question that it was: in application/json 200,
    which clients of automatic persisted queries want before they send the text.
    """
    entry = format_error(error)
    code = entry["extensions"]["code"]
    headers = _challenge(code)
    if "retryAfter" in entry["extensions"]:
        headers = ((b"retry-after", str(entry["extensions"]["retryAfter"]).encode()),)
    otherwise = 200 if code == PersistedQueryNotFound.code and media_type == JSON else 400
    return Answer(_STATUS_OF_REFUSAL.get(code, otherwise), error_body(entry), headers)


def error_body(entry: FormattedError) -> bytes:
    """A GraphQL response that is one error and nothing else."""
    return orjson.dumps({"errors": [entry]})


async def send_answer(
    scope: Scope,
    send: Send,
    answer: Answer,
    media_type: str,
    accept_coding: str | None,
    request_id: str,
    before_end: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Send it in one piece, compressed where that pays; `before_end` runs while the client has it already."""
    body, coding = await compress(answer.body, accept_coding)
    headers = [
        (b"content-type", answer.content_type or _CONTENT_TYPES[media_type]),
        (b"content-length", b"%d" % len(body)),
        (b"x-request-id", request_id.encode()),
        *_ALWAYS,
        *answer.headers,
    ]
    if coding is not None:
        headers.append((b"content-encoding", coding.encode()))
    # Headers of its own has a refusal, which may end the connection, and an answer that tells a position.
    respond = None if answer.headers else whole_response(scope)
    if respond is not None and respond(send, answer.status, headers, body):
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if before_end is not None:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await before_end()
        body = b""
    await send({"type": "http.response.body", "body": body})


def _challenge(code: str) -> tuple[tuple[bytes, bytes], ...]:
    """The header that says how to authenticate, which RFC 9110, 11.6.1 asks of every 401."""
    return ((b"www-authenticate", b'Bearer realm="ccgraph"'),) if code == Unauthenticated.code else ()
