"""A small schema behind the endpoint, with one token and a quota, and how tests ask it."""

from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

import httpx
import orjson
from graphql import (
    ExecutionResult,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    build_schema,
    execute,
    get_operation_ast,
    parse,
    validate,
)
from starlette.types import Receive, Scope, Send

from gql.context import Context
from gql.errors import (
    PARSE_FAILED,
    VALIDATION_FAILED,
    format_execution_errors,
    format_request_errors,
)
from gql.execution.api import OperationRequest, OperationResult
from gql.execution.prepared import Prepared
from models.enums import TokenType
from services.accounts.authentication import Authenticator
from services.accounts.rate_limits import ApiCalls
from services.accounts.tokens import TokenPolicy, expired
from services.core.database import Database
from services.core.errors import Forbidden, RateLimited, Unauthenticated
from services.core.principal import Principal

SCHEMA = build_schema("""
    type Query { echo(text: String! = "hello"): String! me: String trouble: String strictTrouble: String! }
    type Mutation { add(number: Int!): Int! }
    type Subscription { ticks: Int! }
    """)
BOTH = "application/graphql-response+json, application/json;q=0.9"
MODERN = "application/graphql-response+json"
LEGACY = "application/json"
Client = httpx.AsyncClient
TOKEN = {"authorization": "Bearer good"}


@dataclass(frozen=True)
class SmallPrepared:
    request: OperationRequest

    @property
    def kind(self) -> OperationType | None:
        try:
            operation = get_operation_ast(parse(self.request.query), self.request.operation_name)
        except GraphQLError:
            return None
        return operation.operation if isinstance(operation, OperationDefinitionNode) else None


class SmallApi:
    """graphql-core on the schema above, in the shape of gql.execution.api."""

    def __init__(self) -> None:
        self.recalled: list[bytes] = []

    def recall(self, body: bytes, context: Context) -> Prepared | None:
        self.recalled.append(body)
        return None

    async def prepare(self, request: OperationRequest, context: Context) -> Prepared:
        """What is prepared is the request; the endpoint asks for nothing but the kind of it."""
        return cast("Prepared", SmallPrepared(request))

    async def run(self, prepared: Prepared, context: Context) -> OperationResult:
        return await self.execute(cast("SmallPrepared", prepared).request, context)

    async def execute(self, request: OperationRequest, context: Context) -> OperationResult:
        try:
            document = parse(request.query)
        except GraphQLError as error:
            return self._failed(format_request_errors([error], PARSE_FAILED))
        if errors := validate(SCHEMA, document):
            return self._failed(format_request_errors(errors, VALIDATION_FAILED))
        if context.principal is None:
            return self._failed(format_request_errors([located(Unauthenticated("Log in."))], ""))
        done = execute(
            SCHEMA,
            document,
            root_value=Root(context),
            variable_values=request.variables,
            operation_name=request.operation_name,
        )
        assert isinstance(done, ExecutionResult)
        entries = format_execution_errors(done.errors or [])
        if done.data is None and done.errors and done.errors[0].path is None:
            return self._failed(entries)
        body: dict[str, Any] = {"data": done.data}
        if entries:
            body["errors"] = entries
        return OperationResult(orjson.dumps(body), tuple(entry["extensions"]["code"] for entry in entries))

    def _failed(self, entries: list[dict[str, Any]]) -> OperationResult:
        codes = tuple(entry["extensions"]["code"] for entry in entries)
        return OperationResult(orjson.dumps({"errors": entries}), codes, executed=False)


class Root:
    """The resolvers."""

    def __init__(self, context: Context) -> None:
        self.me = context.principal.username if context.principal else None

    def echo(self, info: object, text: str) -> str:
        return text

    def add(self, info: object, number: int) -> int:
        return number + 1

    def trouble(self, info: object) -> str:
        raise Forbidden("You may not.")

    strictTrouble = trouble  # noqa: N815 - the name of the field


class FixedTokens(Authenticator):
    """Knows one token."""

    async def authenticate(self, token: str, kind: TokenType = TokenType.ACCESS) -> Principal:
        if token == "good":
            return Principal(1, "alice", is_admin=False)
        raise expired(TokenType.ACCESS)


class FixedQuota(ApiCalls):
    """Lets so many calls through."""

    calls = 1_000

    async def admit(self, principal: Principal) -> None:
        if self.calls == 0:
            raise RateLimited("Come back later.", retryAfter=17)
        self.calls -= 1


async def stream(prepared: Prepared, context: Context, scope: Scope, receive: Receive, send: Send) -> None:
    """Stands where server-sent events are served."""
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"event: complete\ndata:\n\n"})


NO_DATABASE = cast(Database, None)
POLICY = TokenPolicy("k" * 32)


async def post(http: Client, query: str, accept: str = BOTH, **parameters: Any) -> httpx.Response:
    return await http.post("/graphql", json={"query": query, **parameters}, headers={"accept": accept})


async def get(http: Client, accept: str = BOTH, **parameters: str) -> httpx.Response:
    return await http.get("/graphql?" + urlencode(parameters), headers={"accept": accept})


def located(error: Exception) -> GraphQLError:
    return GraphQLError(str(error), original_error=error)


def code(response: httpx.Response) -> str:
    found: str = response.json()["errors"][0]["extensions"]["code"]
    return found
