"""A GraphQL request out of an HTTP request: body or query string, well formed or refused."""

from json import JSONDecodeError
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive

from app.admission.headers import Headers
from gql.execution.api import OperationRequest
from gql.request.documents import Documents
from services.core.errors import BadInput
from services.core.json_codec import read_json
from services.core.principal import Principal

ANONYMOUS_BODY = 20_000
"""Bytes of the body of a caller without a token, who has nothing to do but to log in."""

RawHeaders = tuple[tuple[bytes, bytes], ...]

_EXAMPLE = 'Send a JSON object such as {"query": "{ me { username } }"}.'


class HttpRefusal(Exception):
    """The HTTP request itself is refused: an HTTP status and a sentence, before any GraphQL.

    `still_sending` says that the client sends on, and has to be let before the connection ends.
    """

    def __init__(
        self, status: int, message: str, headers: RawHeaders = (), *, still_sending: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers
        self.still_sending = still_sending


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


def require_json(headers: Headers) -> None:
    """415 unless the body is JSON in UTF-8.

    A browser sends no request of this type to another origin without asking that server first, so no
    foreign page can make it call us (CSRF).
    """
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise HttpRefusal(415, "Send the request body without a Content-Encoding.")
    content_type = headers.get(b"content-type", b"")
    if content_type == b"application/json":
        return
    name, *parameters = (part.strip().lower() for part in content_type.split(b";"))
    settings = {key.strip(): value.strip(b' "') for key, _, value in (p.partition(b"=") for p in parameters)}
    if name != b"application/json" or settings.get(b"charset", b"utf-8") not in (b"utf-8", b"utf8"):
        raise HttpRefusal(415, "Send the request as `Content-Type: application/json` in UTF-8.")


async def read_body(headers: Headers, receive: Receive, maximum: int, principal: Principal | None) -> bytes:
    """The whole body, at most `maximum` bytes, and less of a caller without a token. 413 past it.

    app/uvicorn_ext/deadlines.py sees to the time it takes.
    """
    limit = maximum if principal is not None else min(maximum, ANONYMOUS_BODY)
    declared = headers.get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > limit:
        # Who waits for "100 Continue" sends nothing once this is told.
        raise _too_large(limit, maximum, still_sending=headers.get(b"expect", b"").lower() != b"100-continue")
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        more = message.get("more_body", False)
        if size > limit:
            raise _too_large(limit, maximum, still_sending=more)
        chunks.append(chunk)
        if not more:
            return b"".join(chunks)


async def discard_body(receive: Receive, most: int) -> None:
    """Throw away what the client still sends, at most `most` bytes.

    Most clients look for an answer when they have sent all, and a connection that ends with unread bytes is
    reset, so that the answer is lost. The deadline of the request goes on (app/uvicorn_ext/deadlines.py).
    """
    size = 0
    more = True
    while more and size <= most:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)


def parse_body(body: bytes) -> dict[str, Any] | list[Any]:
    """The JSON object, or the array of a batch, of a POST body."""
    try:
        parsed = read_json(body)
    except JSONDecodeError as error:
        raise BadInput(f"The request body is not valid JSON: {error.msg}.") from None
    if not isinstance(parsed, dict | list):
        raise BadInput(_EXAMPLE)
    return parsed


def parse_query_string(query_string: bytes) -> dict[str, Any]:
    """The parameters of a GET request; `variables` and `extensions` are JSON text in the URL."""
    try:
        pairs = parse_qsl(query_string.decode("ascii"), errors="strict", max_num_fields=100)
    except ValueError:
        raise BadInput("The query string is not percent-encoded UTF-8.") from None
    parameters: dict[str, Any] = dict(pairs)
    for name in ("variables", "extensions"):
        if name in parameters:
            parameters[name] = _json_parameter(name, parameters[name])
    return parameters


def operation_request(
    parameters: object, documents: Documents, *, remember: bool, size: int, body: bytes | None = None
) -> OperationRequest:
    """The request that the parameters describe.

    `remember` lets the client persist a document by its hash (gql/request/documents.py). `size` is that of
    all it sent, in bytes; `body` are the bytes by which the request is known again.

    Raises: BadInput about the parameter that is wrong.
    """
    if not isinstance(parameters, dict):
        raise BadInput(_EXAMPLE)
    operation_name = parameters.get("operationName")
    if operation_name is not None and not isinstance(operation_name, str):
        raise BadInput("`operationName` is a string.", field="operationName")
    return OperationRequest(
        query=documents.text(parameters, remember=remember),
        variables=_object(parameters, "variables"),
        operation_name=operation_name or None,
        extensions=_object(parameters, "extensions"),
        size=size,
        body=body,
    )


def _json_parameter(name: str, text: str) -> object:
    try:
        value: object = read_json(text)
    except JSONDecodeError:
        raise BadInput(f"`{name}` in the URL is JSON text.", field=name) from None
    return value


def _object(parameters: dict[str, Any], name: str) -> dict[str, Any] | None:
    value = parameters.get(name)
    if value is not None and not isinstance(value, dict):
        raise BadInput(f"`{name}` is a JSON object.", field=name)
    return value


def _too_large(limit: int, maximum: int, *, still_sending: bool) -> HttpRefusal:
    more = "" if limit == maximum else f" without an access token, and {maximum} with one"
    # What follows of the body is only thrown away: the connection ends.
    return HttpRefusal(
        413,
        f"A request body has at most {limit} bytes{more}.",
        ((b"connection", b"close"),),
        still_sending=still_sending,
    )
