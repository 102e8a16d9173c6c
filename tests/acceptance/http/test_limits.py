"""What settings bind, through the whole application: document limits, introspection, quota, time."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.config.settings import Settings
from services.accounts.accounts import add_user
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.principal import Origin
from tests.support.hours import hold_the_hour
from tests.support.waiting import until

MODERN = {"accept": "application/graphql-response+json"}


@pytest.fixture
async def alice(database: Database, settings: Settings) -> dict[str, str]:
    """The headers of somebody who is logged in and has a quota of fifty calls an hour."""
    policy = TokenPolicy(settings.signing_key())
    async with database.transaction() as connection:
        await add_user(connection, "alice", "correct horse", resource_quota={"api_calls_per_hour": 50})
        issued = await issue_for_username(connection, policy, "alice", Origin())
    return {"authorization": f"Bearer {issued.token}", **MODERN}


async def post(
    client: httpx.AsyncClient, headers: dict[str, str], query: str, **parameters: Any
) -> httpx.Response:
    return await client.post("/graphql", json={"query": query, **parameters}, headers=headers)


def error(response: httpx.Response) -> dict[str, Any]:
    """The extensions of the first error."""
    found: dict[str, Any] = response.json()["errors"][0]["extensions"]
    return found


class TestDocuments:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        limits = {"maximum_depth": 4, "maximum_aliases": 2, "maximum_tokens": 100, "maximum_cost": 100}
        return settings.model_copy(update=limits)

    async def test_each_limit_refuses_the_document_that_passes_it(
        self, client: httpx.AsyncClient, alice: dict[str, str]
    ) -> None:
        within = "{ a: me { id } users(first: 99) { b: totalCount pageInfo { hasNextPage } } }"
        beyond = {
            "{ me { projects { nodes { owner { username } } } } }": 4,
            "{ a: me { id } b: me { id } c: me { id } }": 2,
            "{ " + "me { id } " * 40 + "}": 100,
            "{ users(first: 101) { nodes { username } } }": 100,
        }
        cost_of_variable = "query ($n: Int) { users(first: $n) { nodes { username } } }"

        assert (await post(client, alice, within)).status_code == 200
        for query, limit in beyond.items():
            response = await post(client, alice, query)
            assert response.status_code == 400
            assert error(response)["code"] == "QUERY_TOO_COMPLEX"
            assert error(response)["limit"] == limit
        assert (await post(client, alice, cost_of_variable, variables={"n": 100})).status_code == 200
        refused = await post(client, alice, cost_of_variable, variables={"n": 101})
        assert error(refused) == {"code": "QUERY_TOO_COMPLEX", "cost": 101, "limit": 100}

    async def test_the_cost_is_told_when_it_is_asked_for(
        self, client: httpx.AsyncClient, alice: dict[str, str]
    ) -> None:
        query = "{ users(first: 20) { nodes { username } } }"

        asked = await post(client, alice, query, extensions={"cost": True})
        not_asked = await post(client, alice, query)

        assert asked.json()["extensions"] == {"cost": 20}
        assert "extensions" not in not_asked.json()

    async def test_brackets_without_end_and_endless_numbers_are_refused_in_words(
        self, client: httpx.AsyncClient, alice: dict[str, str], settings: Settings
    ) -> None:
        nested = await post(client, alice, "{ a" * 30_000)
        number = await post(client, alice, "{ users(first: " + "9" * 5_000 + ") { totalCount } }")

        assert error(nested)["code"] == "QUERY_TOO_COMPLEX"
        assert error(number)["code"] == "BAD_USER_INPUT"
        assert len(number.content) < 200


class TestIntrospection:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"introspection": False, "graphiql": False})

    async def test_switched_off_it_tells_no_name_in_any_error(
        self, client: httpx.AsyncClient, alice: dict[str, str]
    ) -> None:
        for query in (
            "{ __schema { queryType { name } } }",
            '{ __type(name: "User") { name } }',
            "{ mee { id } }",
            "{ me { usernam } }",
            "{ me }",
            "{ users(frist: 1) { totalCount } }",
            "{ users(where: {usernam: {eq: 1}}) { totalCount } }",
            "{ users(orderBy: [{username: DESCC}]) { totalCount } }",
            "query ($o: DirectionN) { users(orderBy: [{username: $o}]) { totalCount } }",
            "{ me { ... on Usr { id } } }",
            "{ me @includ(if: true) { id } }",
            "mutation { loginn { accessToken } }",
            'mutation { login(input: {user: "a", password: "b"}) { accessToken } }',
        ):
            response = await post(client, alice, query)
            assert response.status_code == 400, query
            assert "Did you mean" not in response.text, response.text

    async def test_nor_about_variables(self, client: httpx.AsyncClient, alice: dict[str, str]) -> None:
        query = "query ($o: [UserOrder!], $w: UserWhere) { users(orderBy: $o, where: $w) { totalCount } }"

        misspelt: list[dict[str, Any]] = [
            {"o": [{"username": "DESCC"}]},
            {"o": [{"usernam": "DESC"}]},
            {"w": {"usernam": {}}},
        ]
        for variables in misspelt:
            response = await post(client, alice, query, variables=variables)
            assert response.status_code == 400
            assert "Did you mean" not in response.text, response.text

    async def test_typename_is_no_introspection(
        self, client: httpx.AsyncClient, alice: dict[str, str]
    ) -> None:
        assert (await post(client, alice, "{ __typename me { __typename } }")).status_code == 200

    async def test_without_the_page_a_browser_gets_an_error_it_can_read(
        self, client: httpx.AsyncClient
    ) -> None:
        response = await client.get("/graphql", headers={"accept": "text/html,*/*;q=0.8"})

        assert response.status_code == 401
        assert response.headers["content-type"].startswith("application/json")


async def test_the_quota_of_calls_is_held_and_says_when_to_come_back(
    client: httpx.AsyncClient, alice: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hold_the_hour(monkeypatch)
    responses = [await post(client, alice, "{ __typename }") for _ in range(51)]

    assert [response.status_code for response in responses] == [200] * 50 + [429]
    assert 0 < int(responses[-1].headers["retry-after"]) <= 3600
    assert error(responses[-1])["code"] == "RATE_LIMITED"


async def test_a_revoked_token_is_refused_soon(
    client: httpx.AsyncClient, alice: dict[str, str], database: Database
) -> None:
    assert (await post(client, alice, "{ __typename }")).status_code == 200
    async with database.transaction() as connection:
        await connection.execute(text("UPDATE auth_tokens SET is_active = false"))

    async def is_refused() -> bool:
        return (await post(client, alice, "{ __typename }")).status_code == 401

    await until(is_refused)


class TestTime:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"statement_timeout": 2})

    async def test_a_statement_past_its_time_is_stopped_and_says_what_to_do(
        self, client: httpx.AsyncClient, alice: dict[str, str], database: Database
    ) -> None:
        async with database.transaction() as connection:
            await connection.execute(text("LOCK TABLE projects IN ACCESS EXCLUSIVE MODE"))
            response = await post(client, alice, "{ projects { nodes { name } } }")
        again = await post(client, alice, "{ projects { nodes { name } } }")

        assert response.json()["data"] is None
        assert error(response) == {"code": "QUERY_TOO_COMPLEX"}
        assert response.json()["errors"][0]["message"] == (
            "This took too long and was stopped, and nothing was changed; ask for fewer rows or filter more."
        )
        assert again.json() == {"data": {"projects": {"nodes": []}}}


class TestOrigins:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"allowed_origins": "https://dash.example"})

    async def test_a_listed_page_may_ask_and_another_may_not(self, client: httpx.AsyncClient) -> None:
        preflight = {
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type",
        }

        listed = await client.options("/graphql", headers={"origin": "https://dash.example", **preflight})
        other = await client.options("/graphql", headers={"origin": "https://evil.example", **preflight})

        assert listed.status_code == 200
        assert listed.headers["access-control-allow-origin"] == "https://dash.example"
        assert "access-control-allow-credentials" not in listed.headers
        assert other.status_code == 400
        assert "access-control-allow-origin" not in other.headers


async def test_by_default_no_page_of_another_origin_may_ask(client: httpx.AsyncClient) -> None:
    response = await client.options(
        "/graphql",
        headers={"origin": "https://evil.example", "access-control-request-method": "POST"},
    )

    assert response.status_code == 405
    assert "access-control-allow-origin" not in response.headers


class TestTrustedDocuments:
    @pytest.fixture
    def settings(self, settings: Settings, tmp_path: Path) -> Settings:
        (tmp_path / "me.graphql").write_text("{ me { username } }")
        return settings.model_copy(update={"trusted_documents": tmp_path})

    async def test_nothing_else_is_answered(self, client: httpx.AsyncClient, alice: dict[str, str]) -> None:
        named = await client.post("/graphql", json={"documentId": "me"}, headers=alice)
        other = await post(client, alice, "{ me { id } }")

        assert named.json() == {"data": {"me": {"username": "alice"}}}
        assert error(other)["code"] == "PERSISTED_QUERY_NOT_FOUND"
