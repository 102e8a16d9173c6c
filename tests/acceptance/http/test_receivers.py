"""The receivers on a socket: large and broken bodies, people beside each other, tokens at the other doors."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from app.config.settings import Settings
from app.ingest.endpoint import READ_AT_A_TIME
from models.enums import TokenType
from services.accounts.accounts import add_user
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.principal import Origin
from tests.support.graphql_ws import open_socket
from tests.support.serving import LiveServer
from tests.support.waiting import PATIENCE

HOOKS = "/ingest/claude-code/hooks"


@pytest.fixture
async def tokens(database: Database, settings: Settings) -> list[str]:
    """Ingest tokens of two people."""
    policy = TokenPolicy(settings.signing_key())
    issued = []
    async with database.transaction() as connection:
        for name in ("alice", "bob"):
            await add_user(connection, name, "correct horse battery")
            token = await issue_for_username(connection, policy, name, Origin(), kind=TokenType.INGEST)
            issued.append(token.token)
    return issued


async def stored(database: Database) -> int:
    found: int = await database.primary.fetchval("SELECT count(*) FROM ingest_records")
    return found


class Sending:
    """A request whose body is sent in parts, as the test wants it."""

    def __init__(self, server: LiveServer, token: str, length: int) -> None:
        host, _, port = server.url.removeprefix("http://").rpartition(":")
        self._where = host, int(port)
        self._head = (
            f"POST {HOOKS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"
            f"content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        ).encode()

    async def begin(self, body: bytes = b"") -> "Sending":
        self.reader, self.writer = await asyncio.open_connection(*self._where)
        self.writer.write(self._head + body)
        await self.writer.drain()
        return self

    async def status(self) -> int:
        line = await self.reader.readline()
        return int(line.split()[1])

    async def end(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


async def test_long_requests_of_a_person_wait_and_nobody_else_does(
    live_server: LiveServer, tokens: list[str], database: Database
) -> None:
    body = json.dumps({"hook_event_name": "Stop", "text": "x" * 100_000}).encode()
    slow = [await Sending(live_server, tokens[0], len(body)).begin() for _ in range(READ_AT_A_TIME)]
    waiting = await Sending(live_server, tokens[0], len(body)).begin(body)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await waiting.status()
    others = await Sending(live_server, tokens[1], len(body)).begin(body)
    assert await others.status() == 204
    short = b'{"hook_event_name": "Stop"}'
    own = await Sending(live_server, tokens[0], len(short)).begin(short)
    assert await own.status() == 204
    assert await stored(database) == 2
    for one in slow:
        one.writer.write(body)
        assert await one.status() == 204
    assert await waiting.status() == 204
    assert await stored(database) == 5
    for one in (*slow, waiting, others, own):
        await one.end()


async def test_a_body_that_breaks_off_is_not_stored(
    live_server: LiveServer, tokens: list[str], database: Database
) -> None:
    for part in (b'{"hook_event_name": "St', b'{"hook_event_name": "Stop"}'):
        half = await Sending(live_server, tokens[0], 200_000).begin(part)
        await half.end()
    async with httpx.AsyncClient(base_url=live_server.url, timeout=PATIENCE) as client:
        header = {"authorization": f"Bearer {tokens[0]}"}
        assert (await client.post(HOOKS, json={"a": 1}, headers=header)).status_code == 204
    assert await stored(database) == 1


async def test_a_hundred_megabytes_are_refused_and_the_client_reads_why(
    live_server: LiveServer, tokens: list[str], database: Database
) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1_000_000

    async with httpx.AsyncClient(base_url=live_server.url, timeout=PATIENCE) as client:
        header = {"authorization": f"Bearer {tokens[0]}"}
        declared = await Sending(live_server, tokens[0], 100_000_000).begin(b"{")
        assert await declared.status() == 413
        await declared.end()
        for content in (b" " * 100_000_000, parts()):
            response = await client.post(HOOKS, content=content, headers=header)
            assert response.status_code == 413
            assert "8000000 bytes" in response.json()["error"]
        assert (await client.post(HOOKS, json={}, headers=header)).status_code == 204
    assert await stored(database) == 1


async def test_an_ingest_token_opens_neither_streams_nor_sockets(
    live_server: LiveServer, tokens: list[str]
) -> None:
    async with httpx.AsyncClient(base_url=live_server.url, timeout=PATIENCE) as client:
        header = {"authorization": f"Bearer {tokens[0]}", "accept": "text/event-stream"}
        query = {"query": "subscription { live { me { id } } }"}
        response = await client.post("/graphql", json=query, headers=header)
        assert "can only send records of Claude Code" in response.text
    async with open_socket(live_server.websocket_url) as opened:
        await opened.say(type="connection_init", payload={"authorization": f"Bearer {tokens[0]}"})
        code, reason = await opened.closed()
        assert (code, reason) == (4403, "Forbidden")


async def test_hooks_that_come_together_share_statements(
    app: Starlette, client: httpx.AsyncClient, tokens: list[str], database: Database
) -> None:
    async def one(number: int) -> int:
        header = {"authorization": f"Bearer {tokens[number % 2]}"}
        response = await client.post(HOOKS, json={"hook_event_name": "Stop", "n": number}, headers=header)
        return response.status_code

    assert set(await asyncio.gather(*(one(number) for number in range(200)))) == {204}
    rows = await database.primary.fetchval(
        "SELECT array_agg(DISTINCT (user_id, (body ->> 'n')::int % 2)::text) FROM ingest_records"
    )
    assert len(rows) == 2
    transactions = await database.primary.fetchval("SELECT count(DISTINCT xmin::text) FROM ingest_records")
    assert transactions < 50
