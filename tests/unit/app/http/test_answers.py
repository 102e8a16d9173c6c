"""What an answer comes with, and what else the endpoint answers: streams, the page, batches."""

import hashlib
from uuid import UUID

import orjson
import pytest

from app.http.endpoint import GraphQLEndpoint
from gql.context import Context
from gql.request.documents import Documents
from tests.unit.app.http.small import (
    MODERN,
    NO_DATABASE,
    POLICY,
    TOKEN,
    Client,
    FixedQuota,
    FixedTokens,
    SmallApi,
    code,
    get,
    post,
)


class TestEventStream:
    async def test_a_query_is_answered_in_json_although_streams_are_listed(self, http: Client) -> None:
        response = await post(http, "{ echo }", f"{MODERN}, application/json, text/event-stream")

        assert response.json() == {"data": {"echo": "hello"}}

    @pytest.mark.parametrize("accept", ["text/event-stream", f"{MODERN}, text/event-stream"])
    async def test_a_subscription_goes_to_the_stream(self, http: Client, accept: str) -> None:
        response = await post(http, "subscription { ticks }", accept)

        assert response.headers["content-type"] == "text/event-stream"

    async def test_a_query_goes_to_the_stream_when_nothing_else_is_accepted(self, http: Client) -> None:
        response = await post(http, "{ echo }", "text/event-stream")

        assert response.headers["content-type"] == "text/event-stream"


class TestHeaders:
    async def test_every_answer_carries_the_request_id(self, http: Client) -> None:
        ours = await post(http, "{ echo }")
        theirs = await http.put("/graphql", headers={"x-request-id": str(UUID(int=17))})
        other = await http.put("/graphql", headers={"x-request-id": "checkout-17"})

        assert UUID(ours.headers["x-request-id"]).version == UUID(other.headers["x-request-id"]).version == 7
        assert theirs.headers["x-request-id"] == str(UUID(int=17))

    async def test_answers_are_private_and_vary_with_what_was_negotiated(self, http: Client) -> None:
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
        assert unknown.status_code == 200  # else older clients of Apollo give up persisting
        assert sent.json() == named.json() == {"data": {"echo": "hello"}}

    async def test_a_hash_may_be_written_in_upper_case(self, http: Client) -> None:
        query = "{ echo }"
        digest = hashlib.sha256(query.encode()).hexdigest().upper()
        extensions = {"persistedQuery": {"version": 1, "sha256Hash": digest}}

        sent = await http.post("/graphql", json={"query": query, "extensions": extensions})
        named = [
            await http.post("/graphql", json={"extensions": extensions}),
            await http.post("/graphql", json={"documentId": f"sha256:{digest}"}),
            await http.post("/graphql", json={"documentId": digest.lower()}),
        ]

        assert all(found.json() == sent.json() == {"data": {"echo": "hello"}} for found in named)

    async def test_an_unknown_one_is_a_client_error_in_the_newer_media_type(self, http: Client) -> None:
        extensions = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}
        headers = {"accept": "application/graphql-response+json"}

        unknown = await http.post("/graphql", json={"extensions": extensions}, headers=headers)

        assert (unknown.status_code, code(unknown)) == (400, "PERSISTED_QUERY_NOT_FOUND")


class TestHeadersInSeveralLines:
    async def test_they_are_one_list(self, http: Client) -> None:
        text = "x" * 3_000
        lines = [
            *(("accept", "text/html;q=0.1"), ("accept", "application/graphql-response+json")),
            *(("accept-encoding", "gzip"), ("accept-encoding", "x-foo")),
        ]

        response = await http.post(
            "/graphql", json={"query": f'{{ echo(text: "{text}") }}'}, headers=[*TOKEN.items(), *lines]
        )

        assert response.status_code == 200
        assert response.headers["content-type"].startswith("application/graphql-response+json")
        assert response.headers["content-encoding"] == "gzip"


class TestPage:
    async def test_a_browser_gets_the_page(self, http: Client) -> None:
        accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

        response = await http.get("/graphql", headers={"accept": accept})

        assert response.status_code == 200
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert response.headers["content-security-policy"] == "default-src 'none'"
        assert response.text == "<p>a page</p>"

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
