"""One request again and again, over every transport: it is prepared once, and answered as if it were new."""

from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
import pytest

from app.config.settings import Settings
from gql.execution.api import Api
from services.accounts.accounts import add_user
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.principal import Origin
from tests.support.graphql_ws import logged_in
from tests.support.serving import LiveServer
from tests.support.sse import open_stream
from tests.support.waiting import PATIENCE

PROJECTS = "query ($name: String!) { projects(where: {name: {eq: $name}}) { totalCount nodes { name } } }"
LIVE = "subscription ($name: String!) { live { projects(where: {name: {eq: $name}}) { totalCount } } }"
WRONG = "query ($name: Int!) { projects(first: $name) { nodes { name } } }"
NAME = {"name": "docks"}


@pytest.fixture
async def tokens(database: Database, settings: Settings) -> dict[str, str]:
    """Those of an administrator, of the owner of a project, and of another person."""
    policy = TokenPolicy(settings.signing_key())
    found = {}
    async with database.transaction() as connection:
        for name in ("admin", "owner", "other"):
            await add_user(connection, name, "correct horse", is_admin=name == "admin")
        await connection.exec_driver_sql(
            "INSERT INTO projects (name, owner_id) SELECT 'docks', id FROM users WHERE username = 'owner'"
        )
    async with database.transaction() as connection:
        for name in ("admin", "owner", "other"):
            found[name] = (await issue_for_username(connection, policy, name, Origin())).token
    return found


class Everywhere:
    """Asks the same over each transport that takes it, and counts how often something is prepared anew."""

    def __init__(self, server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self._server = server
        self.prepared = 0
        prepare = Api._prepare

        def counted(*arguments: Any) -> Any:
            self.prepared += 1
            return prepare(*arguments)

        monkeypatch.setattr(Api, "_prepare", counted)

    async def ask(self, token: str, query: str, variables: dict[str, Any]) -> list[Any]:
        """The responses of POST, GET, an event stream and a WebSocket."""
        headers = {"authorization": f"Bearer {token}"}
        asked = {"query": query, "variables": variables}
        in_url = urlencode({"query": query, "variables": orjson.dumps(variables).decode()})
        async with httpx.AsyncClient(base_url=self._server.url, timeout=PATIENCE, headers=headers) as client:
            posted = (await client.post("/graphql", json=asked)).json()
            got = (await client.get(f"/graphql?{in_url}")).json()
        async with open_stream(self._server.url, token, query, variables) as stream:
            event = await stream.hear()
            assert event is not None
        async with logged_in(self._server.websocket_url, token) as socket:
            await socket.say(id="1", type="subscribe", payload=asked)
            message = await socket.hear()
        told = message["payload"]
        return [posted, got, event.body, {"errors": told} if message["type"] == "error" else told]


@pytest.fixture
def everywhere(live_server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Everywhere:
    """The server and its transports."""
    return Everywhere(live_server, monkeypatch)


async def test_a_query_that_comes_again_is_answered_alike_over_every_transport(
    everywhere: Everywhere, tokens: dict[str, str]
) -> None:
    count = {"admin": 1, "owner": 1, "other": 0}
    for _ in range(2):
        for who, token in tokens.items():
            answers = await everywhere.ask(token, PROJECTS, NAME)
            nodes = [NAME] * count[who]
            data = {"projects": {"totalCount": count[who], "nodes": nodes}}
            assert answers == [{"data": data}] * 4, who
        # POST, GET, the stream's client with other blanks: once for people and once for administrators.
        assert everywhere.prepared <= 8
    before = everywhere.prepared
    for token in tokens.values():
        await everywhere.ask(token, PROJECTS, NAME)
    assert everywhere.prepared == before


async def test_other_variables_are_another_request(everywhere: Everywhere, tokens: dict[str, str]) -> None:
    for name, found in (("docks", 1), ("cranes", 0), ("docks", 1)):
        for answer in await everywhere.ask(tokens["owner"], PROJECTS, {"name": name}):
            assert answer["data"]["projects"]["totalCount"] == found


async def test_what_does_not_fit_is_told_alike_each_time(
    everywhere: Everywhere, tokens: dict[str, str]
) -> None:
    for _ in range(2):
        for answer in await everywhere.ask(tokens["owner"], WRONG, NAME):
            (error,) = answer["errors"]
            assert error["extensions"] == {"code": "BAD_USER_INPUT", "field": "projects.first"}
            assert error["message"] == "`projects.first` must be a value of the type `Int`."


async def test_a_live_query_that_is_opened_again_begins_with_what_is_there(
    live_server: LiveServer, everywhere: Everywhere, tokens: dict[str, str], database: Database
) -> None:
    for number in (1, 2):
        for who, seen in (("owner", number), ("other", 0), ("admin", number)):
            expected = {"live": {"projects": {"totalCount": seen}}}
            async with open_stream(live_server.url, tokens[who], LIVE, NAME) as stream:
                assert await stream.next() == expected
            async with logged_in(live_server.websocket_url, tokens[who]) as socket:
                await socket.say(id="1", type="subscribe", payload={"query": LIVE, "variables": NAME})
                assert await socket.next() == expected
        async with database.transaction() as connection:
            await connection.exec_driver_sql(
                "INSERT INTO projects (name, owner_id) SELECT 'docks', id FROM users WHERE username = 'owner'"
            )
    assert everywhere.prepared <= 4


async def test_a_mutation_by_get_is_refused_whatever_else_is_wrong_with_it(
    live_server: LiveServer, tokens: dict[str, str]
) -> None:
    headers = {"authorization": f"Bearer {tokens['owner']}"}
    document = "mutation ($input: CreateProjectInput!) { createProject(input: $input) { project { name } } }"
    async with httpx.AsyncClient(base_url=live_server.url, timeout=PATIENCE, headers=headers) as client:
        for variables in ('{"input":{"name":"x"}}', '{"input":7}'):
            got = await client.get("/graphql", params={"query": document, "variables": variables})
            assert got.status_code == 405
            assert got.headers["allow"] == "POST"


async def test_a_subscription_by_post_is_pointed_to_its_transports(
    live_server: LiveServer, tokens: dict[str, str]
) -> None:
    headers = {"authorization": f"Bearer {tokens['owner']}", "accept": "application/json"}
    async with httpx.AsyncClient(base_url=live_server.url, timeout=PATIENCE, headers=headers) as client:
        for variables in (NAME, NAME, {}):
            answer = await client.post("/graphql", json={"query": LIVE, "variables": variables})
            assert "over WebSocket or Server-Sent Events" in answer.json()["errors"][0]["message"]
