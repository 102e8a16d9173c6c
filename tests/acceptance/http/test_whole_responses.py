"""Responses that go out in one piece, seen on the wire; and requests that come byte for byte again."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import httpx
import pytest

from app.config.settings import Settings
from services.accounts.accounts import add_user
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.principal import Origin
from tests.support.factories import make_project
from tests.support.serving import LiveServer

LogIn = Callable[[str], Awaitable[str]]


@pytest.fixture
def log_in(database: Database, settings: Settings) -> LogIn:
    """Adds somebody, and gives an access token."""

    async def add(name: str) -> str:
        async with database.transaction() as connection:
            await add_user(connection, name, "correct horse")
            policy = TokenPolicy(settings.signing_key())
            return (await issue_for_username(connection, policy, name, Origin())).token

    return add


async def sent(server: LiveServer, *requests: str) -> str:
    """What comes back, until the server closes, for requests that are written without waiting."""
    address = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write("".join(requests).encode())
    answered = await reader.read()
    writer.close()
    return answered.decode()


def request(token: str, query: str, *headers: str, method: str = "POST") -> str:
    """The text of a request."""
    body = json.dumps({"query": query})
    lines = [f"{method} /graphql HTTP/1.1", "Host: test", f"Authorization: Bearer {token}"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines) + "\r\n\r\n" + body


async def test_requests_in_one_packet_are_answered_in_their_order(
    live_server: LiveServer, log_in: LogIn
) -> None:
    token = await log_in("alice")
    fields = [f"field{number}" for number in range(5)]
    first, last = (fields[:-1], fields[-1])

    answered = await sent(
        live_server,
        *(request(token, f"{{ me {{ {name}: username }} }}") for name in first),
        request(token, f"{{ me {{ {last}: username }} }}", "Connection: close"),
    )

    assert answered.count("HTTP/1.1 200 OK\r\n") == 5
    places = [answered.index(f'{{"data":{{"me":{{"{name}":"alice"}}}}}}') for name in fields]
    assert places == sorted(places)


async def test_the_answer_to_head_has_no_body(live_server: LiveServer, log_in: LogIn) -> None:
    token = await log_in("alice")

    answered = await sent(
        live_server,
        request(token, "{ me { id } }", method="HEAD"),
        request(token, "{ me { id } }", "Connection: close"),
    )

    refusal, _, rest = answered.partition("\r\n\r\n")
    assert refusal.startswith("HTTP/1.1 405")
    assert rest.startswith("HTTP/1.1 200")


class TestCors:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"allowed_origins": "https://app.example"})

    async def test_a_page_of_an_allowed_origin_may_read_the_answer(
        self, live_server: LiveServer, log_in: LogIn
    ) -> None:
        token = await log_in("alice")

        answered = await sent(
            live_server,
            request(token, "{ me { id } }", "Origin: https://app.example"),
            request(token, "{ me { id } }", "Connection: close"),
        )

        assert "access-control-allow-origin: https://app.example" in answered
        assert '{"data":{"me":{"id":' in answered


async def test_the_same_body_shows_everybody_his_own(live_server: LiveServer, log_in: LogIn) -> None:
    tokens = {name: await log_in(name) for name in ("alice", "bob")}
    query = "query ($n: Int) { me { username } authTokens(first: $n) { totalCount } }"
    body = {"query": query, "variables": {"n": 5}}
    async with httpx.AsyncClient(base_url=live_server.url) as client:
        for name in ("alice", "bob", "alice"):
            headers = {"authorization": f"Bearer {tokens[name]}"}
            answer = (await client.post("/graphql", json=body, headers=headers)).json()

            assert answer == {"data": {"me": {"username": name}, "authTokens": {"totalCount": 1}}}


async def test_the_same_body_of_a_stranger_is_refused(live_server: LiveServer, log_in: LogIn) -> None:
    headers = {"authorization": f"Bearer {await log_in('alice')}"}
    body = {"query": "{ me { username } }"}
    async with httpx.AsyncClient(base_url=live_server.url) as client:
        known = await client.post("/graphql", json=body, headers=headers)
        stranger = await client.post("/graphql", json=body)

    assert known.json() == {"data": {"me": {"username": "alice"}}}
    assert stranger.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_the_same_body_is_read_anew_each_time(
    live_server: LiveServer, log_in: LogIn, database: Database
) -> None:
    headers = {"authorization": f"Bearer {await log_in('alice')}"}
    body = {"query": "{ projects { totalCount } }"}
    async with httpx.AsyncClient(base_url=live_server.url, headers=headers) as client:
        for count in range(3):
            answer = (await client.post("/graphql", json=body)).json()

            assert answer == {"data": {"projects": {"totalCount": count}}}
            async with database.transaction() as connection:
                await make_project(connection, is_public=True)
