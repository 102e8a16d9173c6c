"""The page for browsers and the schema behind it, each of which can be switched off."""

import re
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.config.settings import Settings
from app.graphiql.assets import ASSETS
from app.graphiql.page import Ide
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


async def test_a_browser_gets_the_page_and_every_file_of_ours_that_it_names(
    client: httpx.AsyncClient,
) -> None:
    page = await client.get("/graphql", headers=BROWSER)

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith(
        "default-src 'none'; script-src 'self' https://"
    )
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert sorted(named) == sorted(["graphiql/ide.css", "graphiql/ide.js", *(asset.url for asset in ASSETS)])
    for name in ("graphiql/ide.css", "graphiql/ide.js"):
        assert (await client.get(f"/{name}")).status_code == 200
    assert (await client.get("/graphiql/page.html")).status_code == 404
    assert (await client.get("/graphiql/..%2Fassets.py")).status_code == 404


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed: it brings GraphiQL")
def test_the_hashes_are_those_of_the_files_in_the_npm_packages(assets: Path) -> None:
    page = Ide(assets).page.decode()
    for asset in ASSETS:
        assert (assets / asset.name).stat().st_size > 1_000
        assert f'"graphiql/{asset.name}" integrity="{asset.integrity}"' in page
    assert "https://" not in page


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
        for name in ("ide.js", "ide.css", "graphiql.min.js"):
            assert (await client.get(f"/graphiql/{name}")).status_code == 404

        assert await ask(client, alice, SCHEMA) == {"data": {"__schema": {"queryType": {"name": "Query"}}}}


class TestWithoutIntrospection:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"introspection": False})

    async def test_a_browser_gets_the_page_and_nobody_the_schema(
        self, client: httpx.AsyncClient, alice: dict[str, str]
    ) -> None:
        assert (await client.get("/graphql", headers=BROWSER)).status_code == 200
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
