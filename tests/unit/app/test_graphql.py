"""GraphQL over HTTP (edition of September 2026), one test a rule, over a schema of four fields."""

import gzip
import hashlib
from collections.abc import AsyncIterator
from typing import Any, cast
from urllib.parse import urlencode

import httpx
import orjson
import pytest
from graphql import (
    ExecutionResult,
    GraphQLError,
    OperationDefinitionNode,
    build_schema,
    execute,
    get_operation_ast,
    parse,
    validate,
)
from starlette.types import Receive, Scope, Send

from app.graphiql.page import Ide
from app.graphql import GraphQLEndpoint
from gql.context import Context
from gql.documents import Documents
from gql.errors import (
    PARSE_FAILED,
    VALIDATION_FAILED,
    format_execution_errors,
    format_request_errors,
)
from gql.operations import OperationRequest, OperationResult
from models.enums import TokenType
from services.authentication import Authenticator
from services.database import Database
from services.errors import Forbidden, RateLimited, Unauthenticated
from services.principal import Principal
from services.rate_limits import ApiCalls
from services.tokens import TokenPolicy, expired

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


class SmallApi:
    """graphql-core on the schema above, in the shape of gql.operations."""

    def is_mutation(self, request: OperationRequest) -> bool:
        return self._kind(request) == "mutation"

    def is_subscription(self, request: OperationRequest) -> bool:
        return self._kind(request) == "subscription"

    def _kind(self, request: OperationRequest) -> str | None:
        try:
            operation = get_operation_ast(parse(request.query), request.operation_name)
        except GraphQLError:
            return None
        return operation.operation.value if isinstance(operation, OperationDefinitionNode) else None

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

    async def authenticate(self, token: str) -> Principal:
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


async def stream(
    request: OperationRequest, context: Context, scope: Scope, receive: Receive, send: Send
) -> None:
    """Stands where server-sent events are served."""
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"event: complete\ndata:\n\n"})


NO_DATABASE = cast(Database, None)
POLICY = TokenPolicy("k" * 32)


@pytest.fixture
def quota() -> FixedQuota:
    return FixedQuota(NO_DATABASE)


@pytest.fixture
def endpoint(quota: FixedQuota) -> GraphQLEndpoint:
    return GraphQLEndpoint(
        SmallApi(),
        lambda origin, principal: Context(NO_DATABASE, origin, POLICY, principal),
        FixedTokens(NO_DATABASE, POLICY),
        quota,
        Documents(),
        event_stream=stream,
        ide=Ide(None),
        maximum_body=10_000,
    )


@pytest.fixture
async def http(endpoint: GraphQLEndpoint) -> AsyncIterator[Client]:
    """A client that is logged in and sends nothing that a test has not named."""
    transport = httpx.ASGITransport(endpoint)
    async with Client(transport=transport, base_url="http://ccgraph.test", headers=TOKEN) as opened:
        for name in ("accept", "accept-encoding"):
            del opened.headers[name]
        yield opened


async def post(http: Client, query: str, accept: str = BOTH, **parameters: Any) -> httpx.Response:
    return await http.post("/graphql", json={"query": query, **parameters}, headers={"accept": accept})


async def get(http: Client, accept: str = BOTH, **parameters: str) -> httpx.Response:
    return await http.get("/graphql?" + urlencode(parameters), headers={"accept": accept})


def located(error: Exception) -> GraphQLError:
    return GraphQLError(str(error), original_error=error)


def code(response: httpx.Response) -> str:
    found: str = response.json()["errors"][0]["extensions"]["code"]
    return found


class TestMediaTypes:
    @pytest.mark.parametrize(
        ("accept", "content_type"),
        [
            (MODERN, "application/graphql-response+json; charset=utf-8"),
            (LEGACY, "application/json; charset=utf-8"),
            ("*/*", "application/json; charset=utf-8"),
            (f"{MODERN}, application/json, text/event-stream, multipart/mixed",
             "application/graphql-response+json; charset=utf-8"),
        ],
    )  # fmt: skip
    async def test_the_answer_is_in_the_type_that_was_asked_for(
        self, http: Client, accept: str, content_type: str
    ) -> None:
        response = await post(http, "{ echo }", accept)

        assert response.status_code == 200
        assert response.headers["content-type"] == content_type
        assert response.json() == {"data": {"echo": "hello"}}

    async def test_without_an_accept_header_the_answer_is_json(self, http: Client) -> None:
        response = await http.post("/graphql", json={"query": "{ echo }"})

        assert response.headers["content-type"] == "application/json; charset=utf-8"

    async def test_a_type_that_we_do_not_speak_is_406(self, http: Client) -> None:
        response = await post(http, "{ echo }", "application/xml")

        assert response.status_code == 406
        assert response.headers["content-type"] == "application/json; charset=utf-8"

    @pytest.mark.parametrize(
        "content_type",
        ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'],
    )
    async def test_json_in_utf_8_is_taken(self, http: Client, content_type: str) -> None:
        body = '{"query": "{ echo(text: \\"東京\\") }"}'.encode()

        response = await http.post("/graphql", content=body, headers={"content-type": content_type})

        assert response.json() == {"data": {"echo": "東京"}}

    @pytest.mark.parametrize(
        "content_type",
        [
            None,
            "",
            "text/plain",
            "text/plain; application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/graphql",
            "application/json; charset=iso-8859-1",
        ],
    )
    async def test_every_other_request_type_is_415(self, http: Client, content_type: str | None) -> None:
        headers = {} if content_type is None else {"content-type": content_type}

        response = await http.post("/graphql", content=b'{"query": "{ echo }"}', headers=headers)

        assert response.status_code == 415

    async def test_a_compressed_request_is_415(self, http: Client) -> None:
        response = await http.post(
            "/graphql",
            content=gzip.compress(b'{"query": "{ echo }"}'),
            headers={"content-type": "application/json", "content-encoding": "gzip"},
        )

        assert response.status_code == 415


class TestRequests:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"NONSENSE",
            b'{"query":',
            b'"text"',
            b"7",
            b"[]",
            b"{}",
            b'{"qeury": "{ echo }"}',
            b'{"query": 7}',
            b'{"query": null}',
            b'{"query": {}}',
            b'{"query": "{ echo }", "operationName": 7}',
            b'{"query": "{ echo }", "operationName": 0}',
            b'{"query": "{ echo }", "operationName": false}',
            b'{"query": "{ echo }", "operationName": ["a"]}',
            b'{"query": "{ echo }", "variables": [7]}',
            b'{"query": "{ echo }", "variables": "{}"}',
            b'{"query": "{ echo }", "extensions": false}',
            b'{"query": "\xff"}',
            b'{"query": "\\ud800"}',
            b"[" * 100_000,
            b'{"query": "{ echo }", "variables": {"a": ' + b"[" * 2_000 + b"]" * 2_000 + b"}}",
        ],
    )
    @pytest.mark.parametrize("accept", [MODERN, LEGACY])
    async def test_what_is_no_request_is_400_in_both_types(
        self, http: Client, body: bytes, accept: str
    ) -> None:
        response = await http.post(
            "/graphql", content=body[:9_999], headers={"accept": accept, "content-type": "application/json"}
        )

        assert response.status_code == 400
        assert code(response) == "BAD_USER_INPUT"

    async def test_null_stands_for_an_absent_parameter_and_others_are_ignored(
        self, http: httpx.AsyncClient
    ) -> None:
        response = await post(
            http, "{ echo }", operationName=None, variables=None, extensions=None, further=[1, 2]
        )

        assert response.json() == {"data": {"echo": "hello"}}

    async def test_the_named_operation_runs_with_its_variables(self, http: Client) -> None:
        query = "query A { echo } query B($t: String!) { echo(text: $t) }"

        response = await post(http, query, operationName="B", variables={"t": "hi"})

        assert response.json() == {"data": {"echo": "hi"}}

    async def test_a_body_past_the_limit_is_413_and_ends_the_connection(
        self, http: httpx.AsyncClient
    ) -> None:
        response = await post(http, "{ echo }", variables={"filler": "x" * 10_000})

        assert response.status_code == 413
        assert response.headers["connection"] == "close"

    async def test_a_body_that_hides_its_length_is_held_to_the_limit_too(
        self, http: httpx.AsyncClient
    ) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b" " * 1_000

        response = await http.post("/graphql", content=chunks(), headers={"content-type": "application/json"})

        assert response.status_code == 413

    async def test_a_batch_is_refused_by_default(self, http: Client) -> None:
        response = await http.post("/graphql", json=[{"query": "{ echo }"}])

        assert response.status_code == 400
        assert "no JSON arrays" in response.json()["errors"][0]["message"]


class TestGet:
    async def test_a_query_is_answered(self, http: Client) -> None:
        response = await get(
            http,
            query="query A($t: String!) { echo(text: $t) }",
            variables='{"t": "東京"}',
            operationName="A",
        )

        assert response.status_code == 200
        assert response.json() == {"data": {"echo": "東京"}}

    async def test_an_empty_operation_name_is_none(self, http: Client) -> None:
        assert (await get(http, query="{ echo }", operationName="")).status_code == 200

    @pytest.mark.parametrize("accept", [MODERN, LEGACY])
    async def test_a_mutation_is_405_and_does_not_run(self, http: Client, accept: str) -> None:
        response = await get(http, accept, query="mutation { add(number: 1) }")

        assert response.status_code == 405
        assert response.headers["allow"] == "POST"
        assert "data" not in response.json()

    async def test_a_mutation_beside_the_named_query_does_not_matter(self, http: Client) -> None:
        query = "query A { echo } mutation B { add(number: 1) }"

        assert (await get(http, query=query, operationName="A")).status_code == 200
        assert (await get(http, query=query, operationName="B")).status_code == 405

    @pytest.mark.parametrize(
        "query_string", ["", "query=%ff", "query={echo}&variables={", "query={echo}&variables=[1]", "a=1"]
    )
    async def test_what_is_no_request_is_400(self, http: Client, query_string: str) -> None:
        assert (await http.get(f"/graphql?{query_string}")).status_code == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
async def test_other_methods_are_405_with_those_allowed(http: Client, method: str) -> None:
    response = await http.request(method, "/graphql")

    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


class TestStatusCodes:
    @pytest.mark.parametrize(
        ("query", "variables", "expected"),
        [
            ("{ echo", None, "GRAPHQL_PARSE_FAILED"),
            ("{ unknown }", None, "GRAPHQL_VALIDATION_FAILED"),
            ("query ($n: Int!) { echo }", {"n": None}, "GRAPHQL_VALIDATION_FAILED"),
            ("query ($t: String!) { echo(text: $t) }", {"t": None}, "BAD_USER_INPUT"),
        ],
    )
    async def test_a_request_that_fails_before_execution_is_400_or_200_by_type(
        self, http: Client, query: str, variables: dict[str, Any] | None, expected: str
    ) -> None:
        modern = await post(http, query, MODERN, variables=variables)
        legacy = await post(http, query, LEGACY, variables=variables)

        assert (modern.status_code, legacy.status_code) == (400, 200)
        assert modern.json() == legacy.json()
        assert "data" not in modern.json()
        assert code(modern) == expected

    @pytest.mark.parametrize("query", ["{ echo trouble }", "{ strictTrouble }"])
    async def test_data_with_errors_is_294_or_200_by_type(self, http: Client, query: str) -> None:
        modern = await post(http, query, MODERN)
        legacy = await post(http, query, LEGACY)

        assert (modern.status_code, legacy.status_code) == (294, 200)
        assert "data" in modern.json()
        assert code(modern) == "FORBIDDEN"

    @pytest.mark.parametrize("accept", [MODERN, LEGACY])
    @pytest.mark.parametrize("authorization", ["Bearer bad", "Bearer", "Basic YTpi", "nonsense"])
    async def test_a_bad_token_is_401_with_a_challenge(
        self, http: Client, accept: str, authorization: str
    ) -> None:
        response = await http.post(
            "/graphql",
            json={"query": "{ echo }"},
            headers={"accept": accept, "authorization": authorization},
        )

        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert code(response) == "UNAUTHENTICATED"

    @pytest.mark.parametrize("accept", [MODERN, LEGACY])
    async def test_no_token_is_401_when_the_operation_needs_one(self, http: Client, accept: str) -> None:
        del http.headers["authorization"]

        response = await post(http, "{ echo }", accept)

        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")

    @pytest.mark.parametrize("accept", [MODERN, LEGACY])
    async def test_a_used_up_quota_is_429_and_says_when_to_come_back(
        self, http: Client, quota: FixedQuota, accept: str
    ) -> None:
        quota.calls = 0

        response = await post(http, "{ echo }", accept)

        assert response.status_code == 429
        assert response.headers["retry-after"] == "17"
        assert response.json()["errors"][0]["extensions"] == {"code": "RATE_LIMITED", "retryAfter": 17}

    async def test_a_fault_of_ours_is_500_and_tells_nothing(
        self, http: Client, quota: FixedQuota, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail(principal: Principal) -> None:
            raise RuntimeError("SELECT secret")

        monkeypatch.setattr(quota, "admit", fail)

        response = await post(http, "{ echo }")

        assert response.status_code == 500
        assert code(response) == "INTERNAL_SERVER_ERROR"
        assert "secret" not in response.text


class TestEventStream:
    async def test_a_query_is_answered_in_json_although_streams_are_listed(
        self, http: httpx.AsyncClient
    ) -> None:
        response = await post(http, "{ echo }", f"{MODERN}, application/json, text/event-stream")

        assert response.json() == {"data": {"echo": "hello"}}

    @pytest.mark.parametrize("accept", ["text/event-stream", f"{MODERN}, text/event-stream"])
    async def test_a_subscription_goes_to_the_stream(self, http: Client, accept: str) -> None:
        response = await post(http, "subscription { ticks }", accept)

        assert response.headers["content-type"] == "text/event-stream"

    async def test_a_query_goes_to_the_stream_when_nothing_else_is_accepted(
        self, http: httpx.AsyncClient
    ) -> None:
        response = await post(http, "{ echo }", "text/event-stream")

        assert response.headers["content-type"] == "text/event-stream"


class TestHeaders:
    async def test_every_answer_carries_the_request_id(self, http: Client) -> None:
        ours = await post(http, "{ echo }")
        theirs = await http.put("/graphql", headers={"x-request-id": "checkout-17"})

        assert len(ours.headers["x-request-id"]) == 36
        assert theirs.headers["x-request-id"] == "checkout-17"

    async def test_answers_are_private_and_vary_with_what_was_negotiated(
        self, http: httpx.AsyncClient
    ) -> None:
        response = await post(http, "{ echo }")

        assert response.headers["cache-control"] == "no-store"
        assert response.headers["vary"] == "accept, accept-encoding"
        assert response.headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize("used", ["gzip", "br", "zstd"])
    async def test_a_long_answer_is_compressed_as_accepted(self, http: Client, used: str) -> None:
        text = "東京" * 1_000

        response = await http.post(
            "/graphql",
            json={"query": "query ($t: String!) { echo(text: $t) }", "variables": {"t": text}},
            headers={"accept-encoding": used},
        )

        assert response.headers["content-encoding"] == used
        assert int(response.headers["content-length"]) < 1_000
        assert response.json() == {"data": {"echo": text}}


class TestPersistedDocuments:
    async def test_a_text_is_persisted_by_its_hash(self, http: Client) -> None:
        query = "{ echo }"
        extensions = {
            "persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(query.encode()).hexdigest()}
        }

        unknown = await http.post("/graphql", json={"extensions": extensions})
        sent = await http.post("/graphql", json={"query": query, "extensions": extensions})
        named = await get(http, extensions=orjson.dumps(extensions).decode())

        assert code(unknown) == "PERSISTED_QUERY_NOT_FOUND"
        assert sent.json() == named.json() == {"data": {"echo": "hello"}}


class TestPage:
    async def test_a_browser_gets_the_page(self, http: Client) -> None:
        accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

        response = await http.get("/graphql", headers={"accept": accept})

        assert response.status_code == 200
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert "GraphiQL" in response.text or "graphiql" in response.text

    async def test_a_program_does_not(self, http: Client) -> None:
        assert (await http.get("/graphql", headers={"accept": "*/*"})).status_code == 400


class TestBatches:
    @pytest.fixture
    def endpoint(self, quota: FixedQuota) -> GraphQLEndpoint:
        return GraphQLEndpoint(
            SmallApi(),
            lambda origin, principal: Context(NO_DATABASE, origin, POLICY, principal),
            FixedTokens(NO_DATABASE, POLICY),
            quota,
            Documents(),
            maximum_batch=3,
        )

    async def test_each_operation_has_its_own_response(self, http: Client) -> None:
        response = await http.post("/graphql", json=[{"query": "{ echo }"}, {"query": "{"}, 7])

        assert response.status_code == 200
        first, second, third = response.json()
        assert first == {"data": {"echo": "hello"}}
        assert second["errors"][0]["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"
        assert third["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"

    async def test_each_operation_is_counted(self, http: Client, quota: FixedQuota) -> None:
        quota.calls = 2

        response = await http.post("/graphql", json=[{"query": "{ echo }"}] * 3)

        assert [("data" in one) for one in response.json()] == [True, True, False]

    async def test_too_many_are_refused(self, http: Client) -> None:
        assert (await http.post("/graphql", json=[{"query": "{ echo }"}] * 4)).status_code == 400
