"""GraphQL over HTTP at /graphql: one plain ASGI application, since every layer costs each request."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from graphql import OperationType
from starlette.types import Receive, Scope, Send

from app.admission.headers import Headers, read_headers
from app.admission.request import (
    ClientGone,
    HttpRefusal,
    discard_body,
    operation_request,
    parse_body,
    parse_query_string,
    read_body,
    require_json,
)
from app.connections.auth import caller, origin
from app.http.negotiation import JSON, Accepted, accepted, coding
from app.http.response import Answer, answer_exception, answer_result, error_body, send_answer
from app.uvicorn_ext.leaving import has_left
from gql.context import Context
from gql.errors import BAD_USER_INPUT
from gql.execution.api import OperationRequest, OperationResult
from gql.execution.prepared import Prepared
from gql.request.documents import Documents
from services.accounts.authentication import Authenticator
from services.accounts.rate_limits import ApiCalls
from services.core.errors import BadInput, DomainError
from services.core.principal import Origin, Principal

MOST_DISCARDED = 64_000_000
"""Bytes of a body past the limit that are read, so that the client reads why it is refused."""

OpenContext = Callable[[Origin, Principal | None], Context]
EventStream = Callable[[Prepared, Context, Scope, Receive, Send], Awaitable[None]]
"""Server-sent events: runs the operation and sends the whole response itself."""


@dataclass(frozen=True, slots=True)
class BrowserPage:
    """The page for a browser that asks for one instead of an answer."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]


class Executor(Protocol):
    """The part of the API that the endpoint needs (gql/execution/api.py)."""

    def recall(self, body: bytes, context: Context) -> Prepared | None:
        """The request that was prepared when the same body came before; None for a new one."""

    async def prepare(self, request: OperationRequest, context: Context) -> Prepared:
        """Look at everything that can be wrong before anything runs."""

    async def execute(self, request: OperationRequest, context: Context) -> OperationResult:
        """Answer a query or mutation."""

    async def run(self, prepared: Prepared, context: Context) -> OperationResult:
        """Answer one that is prepared."""


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One HTTP request and the way to answer it."""

    scope: Scope
    receive: Receive
    send: Send
    headers: Headers
    origin: Origin
    accepted: Accepted

    def header(self, name: bytes) -> str:
        """A header as text; empty when it was not sent."""
        return self.headers.get(name, b"").decode("latin-1")


_LONGEST_POSITION = 19
POSITION = b"ccgraph-position"
"""A client that changes places between processes sends back what a change was answered with."""


def position_of(text: str) -> int:
    """The position in this header; 0, where all begins, asks for those of changes to come.

    Raises: HttpRefusal.
    """
    if not text.isascii() or not text.isdecimal() or len(text) > _LONGEST_POSITION:
        raise HttpRefusal(400, "Send in `Ccgraph-Position` the value from the answer to a change, or 0.")
    return int(text)


async def _with_position(answer: Answer, exchange: _Exchange, context: Context) -> Answer:
    """The answer to what may have changed something; with the position where the client asks for it."""
    reached = await context.database.position() if exchange.header(POSITION) else None
    if reached is None:
        return answer
    return replace(answer, headers=(*answer.headers, (POSITION, b"%d" % reached)))


async def _give_back_unheard(exchange: _Exchange, context: Context) -> None:
    """Give back what was claimed where the client has left, so that its answer goes nowhere."""
    if context.handed_out and has_left(exchange.receive):
        await context.handed_out.give_back()


class GraphQLEndpoint:
    """Answers POST, and GET for queries, in both media types; hands subscriptions to `event_stream`.

    `maximum_body` is in bytes. `maximum_batch` is the number of operations in a JSON array, 0 for none.
    """

    def __init__(
        self,
        api: Executor,
        open_context: OpenContext,
        authenticator: Authenticator,
        api_calls: ApiCalls,
        documents: Documents,
        *,
        event_stream: EventStream | None = None,
        page: BrowserPage | None = None,
        maximum_body: int = 1_000_000,
        maximum_batch: int = 0,
    ) -> None:
        self._api = api
        self._open_context = open_context
        self._authenticator = authenticator
        self._api_calls = api_calls
        self._documents = documents
        self._event_stream = event_stream
        self._page = page
        self._maximum_body = maximum_body
        self._maximum_batch = maximum_batch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong is told in a media type that the client accepts."""
        headers = read_headers(scope["headers"])
        exchange = _Exchange(
            scope,
            receive,
            send,
            headers,
            origin(scope["client"], headers),
            accepted(headers.get(b"accept", b"").decode("latin-1")),
        )
        before_end = None
        try:
            answer = await self._answer(exchange)
        except ClientGone:
            return
        except HttpRefusal as refusal:
            entry = {"message": refusal.message, "extensions": {"code": BAD_USER_INPUT}}
            answer = Answer(refusal.status, error_body(entry), refusal.headers)
            if refusal.still_sending:
                before_end = partial(discard_body, receive, MOST_DISCARDED)
        except Exception as error:
            answer = answer_exception(error, exchange.accepted.response or JSON)
        if answer is not None:
            media_type = exchange.accepted.response or JSON
            accept_coding = coding(exchange.header(b"accept-encoding"))
            request_id = exchange.origin.request_text
            await send_answer(scope, send, answer, media_type, accept_coding, request_id, before_end)

    async def _answer(self, exchange: _Exchange) -> Answer | None:
        """The answer; None when the event stream has sent it."""
        method = exchange.scope["method"]
        if method not in ("GET", "POST"):
            raise HttpRefusal(405, "Use POST, or GET for queries.", ((b"allow", b"GET, POST"),))
        if method == "GET" and exchange.accepted.html and self._page is not None:
            page = self._page
            return Answer(page.status, page.body, page.headers, b"text/html; charset=utf-8")
        streams = exchange.accepted.event_stream and self._event_stream is not None
        if exchange.accepted.response is None and not streams:
            raise HttpRefusal(406, "Accept application/graphql-response+json or application/json.")
        principal = await caller(self._authenticator, exchange.header(b"authorization"))
        await self._count(principal)
        context = self._open_context(exchange.origin, principal)
        given = exchange.header(POSITION)
        if given and principal is not None:
            context.database.note_position(principal.user_id, position_of(given))
        if method == "GET":
            return await self._answer_get(exchange, context)
        require_json(exchange.headers)
        body = await read_body(exchange.headers, exchange.receive, self._maximum_body, principal)
        prepared = self._api.recall(body, context)
        if prepared is None:
            parsed = parse_body(body)
            if isinstance(parsed, list):
                return await _with_position(
                    await self._answer_batch(exchange, context, parsed, len(body)), exchange, context
                )
            request = self._request(parsed, context, len(body), body)
            prepared = await self._api.prepare(request, context)
        return await self._answer_one(exchange, context, prepared)

    async def _answer_get(self, exchange: _Exchange, context: Context) -> Answer | None:
        context.require_principal()  # what is open without a token are mutations
        query_string: bytes = exchange.scope["query_string"]
        known_as = b"?" + query_string  # no body begins so
        prepared = self._api.recall(known_as, context)
        if prepared is None:
            parameters = parse_query_string(query_string)
            request = self._request(parameters, context, len(query_string), known_as)
            prepared = await self._api.prepare(request, context)
        if prepared.kind is OperationType.MUTATION:
            raise HttpRefusal(405, "Send a mutation by POST.", ((b"allow", b"POST"),))
        return await self._answer_one(exchange, context, prepared)

    async def _answer_one(self, exchange: _Exchange, context: Context, prepared: Prepared) -> Answer | None:
        accepts = exchange.accepted
        # Clients that can read streams list them for every request; only a subscription needs one.
        streams = accepts.event_stream and (
            accepts.response is None or prepared.kind is OperationType.SUBSCRIPTION
        )
        if streams and self._event_stream is not None:
            await self._event_stream(prepared, context, exchange.scope, exchange.receive, exchange.send)
            return None
        answer = answer_result(await self._api.run(prepared, context), accepts.response or JSON)
        if prepared.kind is OperationType.MUTATION:
            answer = await _with_position(answer, exchange, context)
            await _give_back_unheard(exchange, context)
        return answer

    async def _answer_batch(
        self, exchange: _Exchange, context: Context, batch: list[Any], size: int
    ) -> Answer:
        """The operations of a JSON array one after the other, each counted, each with its own response."""
        if self._maximum_batch == 0:
            raise BadInput("Send one operation a request; this server takes no JSON arrays.")
        if not 0 < len(batch) <= self._maximum_batch:
            raise BadInput(f"Send 1 to {self._maximum_batch} operations in one request.")
        bodies = []
        for number, parameters in enumerate(batch):
            try:
                if number > 0:
                    await self._count(context.principal)
                result = await self._api.execute(self._request(parameters, context, size), context)
                bodies.append(result.body)
            except DomainError as error:
                bodies.append(answer_exception(error).body)
        await _give_back_unheard(exchange, context)
        return Answer(200, b"[" + b",".join(bodies) + b"]")

    def _request(
        self, parameters: object, context: Context, size: int, body: bytes | None = None
    ) -> OperationRequest:
        # A document that comes without a token is not remembered: it would push out those of others.
        remember = context.principal is not None
        return operation_request(parameters, self._documents, remember=remember, size=size, body=body)

    async def _count(self, principal: Principal | None) -> None:
        if principal is not None:
            await self._api_calls.admit(principal)
