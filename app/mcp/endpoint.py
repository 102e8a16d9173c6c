"""/mcp over HTTP: who may ask, how much, how often, before the protocol is spoken."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final
from uuid import UUID

import orjson
from mcp_types import DEFAULT_NEGOTIATED_VERSION, INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, KNOWN_PROTOCOL_VERSIONS
from starlette.types import Message, Receive, Scope, Send

from app.admission.headers import Headers, read_headers
from app.admission.origins import Origins
from app.admission.request import ClientGone, HttpRefusal, discard_body, read_body, require_json
from app.connections.auth import caller, origin
from app.http.endpoint import MOST_DISCARDED, POSITION, OpenContext, position_of
from app.http.response import Answer, answer_exception
from app.mcp.answers import refused
from app.mcp.arguments import require_arguments
from app.mcp.call import HEADER
from app.mcp.server import SCOPE_KEY, Agent
from app.mcp.tools.all import TOOLS
from app.mcp.transport import Transport
from app.uvicorn_ext.leaving import has_left
from models.spellings import read_uuid
from services.accounts.authentication import Authenticator
from services.accounts.rate_limits import ApiCalls
from services.core.errors import BadInput, RateLimited, Unauthenticated

MOST_BODY: Final = 256_000
"""Bytes of a request: tools take texts and small data."""

SERVER_ERROR: Final = -32000
"""JSON-RPC's code for what a server has to say beside the errors of the protocol."""

_INSTANCE: Final = HEADER.lower().encode()
_VERSION: Final = b"mcp-protocol-version"

_WANTED: Final = {
    "tools/call": ("name", "name of a tool, which tools/list shows"),
    "prompts/get": ("name", "name of a prompt, which prompts/list shows"),
    "resources/read": ("uri", "address of a resource, such as resources/list shows"),
}
"""Methods that ask for one of several, and the parameter that says for which."""

_NO_SUCH_REVISION: Final = (
    "This revision is not spoken here: send in `MCP-Protocol-Version` one of "
    + ", ".join(KNOWN_PROTOCOL_VERSIONS)
    + "."
)

Handle = Callable[..., Awaitable[None]]


class McpEndpoint:
    """Lets requests with an access token in, counts them, and leaves them to the protocol.

    `maximum_body` is in bytes.
    """

    def __init__(
        self,
        transport: Transport,
        open_context: OpenContext,
        authenticator: Authenticator,
        api_calls: ApiCalls,
        origins: Origins,
        *,
        maximum_body: int = MOST_BODY,
    ) -> None:
        self._transport = transport
        self._open_context = open_context
        self._authenticator = authenticator
        self._api_calls = api_calls
        self._origins = origins
        self._maximum_body = min(maximum_body, MOST_BODY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})  # before it is accepted: 403
            return
        headers = read_headers(scope["headers"])
        before_end = None
        try:
            answer = await self._answer(scope, headers, receive, send)
        except ClientGone:
            return
        except HttpRefusal as refusal:
            answer = Answer(refusal.status, _error(None, INVALID_REQUEST, refusal.message), refusal.headers)
            if refusal.still_sending:
                before_end = partial(discard_body, receive, MOST_DISCARDED)
        except Exception as error:
            answer = _refusal(None, error)
        if answer is not None:
            await _send(send, answer, before_end)

    async def _answer(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> Answer | None:
        """The answer to a request that does not reach the protocol; None when the protocol has answered.

        Raises: HttpRefusal and DomainError.
        """
        if not self._origins.allow(headers):
            raise HttpRefusal(
                403,
                "Pages of this origin may not send requests: list it in CCGRAPH_ALLOWED_ORIGINS.",
            )
        if scope["method"] != "POST":
            # There is no session to end and no stream beside the requests: subscriptions/listen is one.
            raise HttpRefusal(405, "Use POST.", ((b"allow", b"POST"),))
        principal = await caller(self._authenticator, headers.get(b"authorization", b"").decode("latin-1"))
        if principal is None:
            raise Unauthenticated(
                "Send an access token in the header `Authorization: Bearer ...`; `ccgraph token` and the "
                "mutation `createAccessToken` give one."
            )
        require_json(headers)
        body = await read_body(headers, receive, self._maximum_body, principal)
        try:
            request = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            return Answer(400, _error(None, PARSE_ERROR, f"The request body is not valid JSON: {error}."))
        odd = _oddity(request)
        if odd is not None:
            return Answer(400, _error(None, INVALID_REQUEST, odd))
        missing = _missing(request)
        if missing is not None:
            return Answer(200, _error(request["id"], INVALID_PARAMS, missing))
        revision = headers.get(_VERSION, DEFAULT_NEGOTIATED_VERSION.encode()).decode("latin-1").strip()
        if revision not in KNOWN_PROTOCOL_VERSIONS and not _has_envelope(request):
            return Answer(400, _error(request.get("id"), INVALID_REQUEST, _NO_SUCH_REVISION))
        try:
            await self._api_calls.admit(principal)
            require_arguments(request, body)
        except (RateLimited, BadInput) as error:
            return _refusal(request, error, revision)
        context = self._open_context(origin(scope["client"], headers), principal)
        given = headers.get(POSITION)
        if given:
            context.database.note_position(principal.user_id, position_of(given.decode("latin-1")))
        agent = Agent(
            principal,
            context,
            _instance(headers),
            tells_position=bool(given),
            left=partial(has_left, receive),
        )
        scope = {**scope, SCOPE_KEY: agent, "headers": _trimmed(scope["headers"])}
        streams = _takes_long(request)
        if not streams and revision in HANDSHAKE_PROTOCOL_VERSIONS and _is_call(request, headers):
            return Answer(200, await self._transport.call(scope, request, revision))
        await self._transport.handle(scope, _replaying(body, receive), send, streams=streams)
        return None


def _instance(headers: Headers) -> UUID | None:
    """The instance that the connection works as."""
    value = headers.get(_INSTANCE)
    if not value:
        return None
    try:
        return read_uuid(value.decode("latin-1"))
    except ValueError:
        raise HttpRefusal(400, f"`{HEADER}` is the UUID of an instance.") from None


def _trimmed(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers without blanks around their values, which are no part of them (RFC 9110, 5.5)."""
    return [(name, value.strip(b" \t")) for name, value in headers]


def _oddity(message: object) -> str | None:
    """A sentence about the error in a message of JSON-RPC 2.0; None where there is none."""
    if isinstance(message, list):
        return "Send one message in a request: arrays of messages are not taken."
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return 'A message is an object with "jsonrpc": "2.0".'
    if "method" not in message:
        return None if "result" in message or "error" in message else "A message has a `method`."
    if not isinstance(message["method"], str):
        return "`method` is a text."
    if "id" in message and (isinstance(message["id"], bool) or not isinstance(message["id"], str | int)):
        return "The `id` of a request is a text or a whole number."
    if not isinstance(message.get("params"), dict | None):
        return "`params` is an object."
    return None


def _missing(request: Any) -> str | None:
    """A sentence about a parameter that a request must have and lacks; None where it lacks none."""
    wanted = _WANTED.get(request.get("method"))
    if wanted is None or "id" not in request:
        return None
    name, what = wanted
    if isinstance((request.get("params") or {}).get(name), str):
        return None
    return f"`params.{name}` is the {what}, a text."


def _has_envelope(request: Any) -> bool:
    """True if the message names the revision that it is of; then the protocol answers for it."""
    meta = (request.get("params") or {}).get("_meta")
    return isinstance(meta, dict) and "io.modelcontextprotocol/protocolVersion" in meta


def _is_call(request: Any, headers: Headers) -> bool:
    """True if the request is a call of a tool whose client takes JSON; the SDK answers all others."""
    return (
        request.get("method") == "tools/call"
        and "id" in request
        and isinstance(request.get("params"), dict)
        and b"application/json" in headers.get(b"accept", b"")
    )


def _takes_long(request: object) -> bool:
    """True if messages are sent before the answer, or the client may go away meanwhile."""
    if not isinstance(request, dict) or request.get("method") != "tools/call":
        return False
    params = request.get("params")
    if not isinstance(params, dict) or params.get("name") not in TOOLS:
        return True
    meta, arguments = params.get("_meta"), params.get("arguments")
    return (isinstance(meta, dict) and "progressToken" in meta) or (
        isinstance(arguments, dict) and bool(arguments.get("waitSeconds"))
    )


def _replaying(body: bytes, receive: Receive) -> Receive:
    """A function that gives the protocol the body that was read, then the messages of the connection."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _refusal(request: object, error: Exception, revision: str = "") -> Answer:
    """An error met before the protocol; for a tool a result, since no model reads errors of the protocol."""
    told = answer_exception(error)
    [entry] = orjson.loads(told.body)["errors"]
    identity = request.get("id") if isinstance(request, dict) else None
    if (
        isinstance(request, dict)
        and request.get("method") == "tools/call"
        and isinstance(error, RateLimited | BadInput)
    ):
        result = refused(error).model_dump(mode="json", by_alias=True, exclude_none=True)
        if revision in HANDSHAKE_PROTOCOL_VERSIONS:
            result.pop("resultType", None)  # of the newer revision
        return Answer(200, orjson.dumps({"jsonrpc": "2.0", "id": identity, "result": result}), told.headers)
    return Answer(
        told.status, _error(identity, SERVER_ERROR, entry["message"], entry["extensions"]), told.headers
    )


def _error(identity: Any, code: int, message: str, data: Mapping[str, Any] | None = None) -> bytes:
    error: dict[str, Any] = {"code": code, "message": message}
    if data:
        error["data"] = data
    return orjson.dumps({"jsonrpc": "2.0", "id": identity, "error": error})


async def _send(send: Send, answer: Answer, before_end: Callable[[], Awaitable[None]] | None) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(answer.body)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    body = answer.body
    if before_end is not None:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await before_end()
        body = b""
    await send({"type": "http.response.body", "body": body})
