"""What is a GraphQL request by POST and by GET, and what is none."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.app.http.small import LEGACY, MODERN, Client, SmallApi, code, get, post


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

    async def test_null_stands_for_an_absent_parameter_and_others_are_ignored(self, http: Client) -> None:
        response = await post(
            http, "{ echo }", operationName=None, variables=None, extensions=None, further=[1, 2]
        )

        assert response.json() == {"data": {"echo": "hello"}}

    async def test_the_named_operation_runs_with_its_variables(self, http: Client) -> None:
        query = "query A { echo } query B($t: String!) { echo(text: $t) }"

        response = await post(http, query, operationName="B", variables={"t": "hi"})

        assert response.json() == {"data": {"echo": "hi"}}

    async def test_a_body_past_the_limit_is_413_and_ends_the_connection(self, http: Client) -> None:
        response = await post(http, "{ echo }", variables={"filler": "x" * 10_000})

        assert response.status_code == 413
        assert response.headers["connection"] == "close"

    async def test_a_body_that_hides_its_length_is_held_to_the_limit_too(self, http: Client) -> None:
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


async def test_no_body_is_known_as_the_query_string_of_another_request(http: Client, api: SmallApi) -> None:
    await http.post("/graphql", content=b'{"query":"{me}"}', headers={"content-type": "application/json"})
    await http.get("/graphql?query={me}")
    assert [body[:1] for body in api.recalled] == [b"{", b"?"]
