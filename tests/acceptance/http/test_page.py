"""The page for browsers and the schema behind it, each of which can be switched off."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from app.config.settings import Settings
from services.accounts.accounts import add_user
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.principal import Origin

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SCHEMA = "{ __schema { queryType { name } } }"


@pytest.fixture
async def alice(database: Database, settings: Settings) -> dict[str, str]:
    """The headers of somebody who is logged in."""
    async with database.transaction() as connection:
        await add_user(connection, "alice", "correct horse")
        issued = await issue_for_username(connection, TokenPolicy(settings.signing_key()), "alice", Origin())
    return {"authorization": f"Bearer {issued.token}"}


async def ask(client: httpx.AsyncClient, headers: dict[str, str], query: str) -> Any:
    return (await client.post("/graphql", json={"query": query}, headers=headers)).json()


async def test_a_browser_gets_the_page_at_graphql_and_a_program_an_answer(client: httpx.AsyncClient) -> None:
    page = await client.get("/graphql", headers=BROWSER)
    answer = await client.get("/graphql", headers={"accept": "*/*"})

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'; ")
    assert answer.status_code == 401


class TestWithoutTheDashboard:
    @pytest.fixture(params=[{"dashboard": False}, {"trusted_documents": "documents"}])
    def settings(self, settings: Settings, request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
        (tmp_path / "documents").mkdir()
        (tmp_path / "documents" / "me.graphql").write_text("{ me { username } }")
        changed = {name: value and tmp_path / value for name, value in request.param.items()}
        return settings.model_copy(update=changed)

    async def test_there_are_no_pages_and_no_logins_of_browsers(self, client: httpx.AsyncClient) -> None:
        for path in ("/", "/sessions/1", "/icon.svg", "/session"):
            assert (await client.get(path, headers=BROWSER)).status_code == 404
        assert (await client.post("/session/renew", json={})).status_code == 404
        assert (await client.get("/graphql", headers=BROWSER)).status_code == 401


class TestWithoutThePage:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"graphiql": False})

    async def test_a_browser_gets_no_page_and_programs_get_the_schema(
        self, client: httpx.AsyncClient, alice: dict[str, str]
    ) -> None:
        refused = await client.get("/graphql", headers=BROWSER)
        assert refused.status_code == 401
        assert "html" not in refused.headers["content-type"]
        assert (await client.post("/session/renew", json={})).json()["graphiql"] is False

        assert await ask(client, alice, SCHEMA) == {"data": {"__schema": {"queryType": {"name": "Query"}}}}


class TestWithoutIntrospection:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"introspection": False})

    async def test_a_browser_gets_the_page_and_nobody_the_schema(
        self, client: httpx.AsyncClient, alice: dict[str, str]
    ) -> None:
        page = await client.get("/graphql", headers=BROWSER)
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        for query in (
            SCHEMA,
            '{ __type(name: "User") { fields { name } } }',
            "{ me { id } ... { __schema { types { name } } } }",
            "{ me { id } ...S } fragment S on Query { renamed: __schema { types { name } } }",
        ):
            answer = await ask(client, alice, query)
            assert "data" not in answer
            assert {error["extensions"]["code"] for error in answer["errors"]} == {
                "GRAPHQL_VALIDATION_FAILED"
            }
        assert "Did you mean" not in str(await ask(client, alice, "{ mee { usernam } }"))
