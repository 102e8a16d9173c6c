"""Clients that ask and do not read: what waits for them does not stay for ever."""

import asyncio
import json
import socket
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
from tests.support.sockets import until_reset
from tests.support.sse import open_stream
from tests.support.waiting import PATIENCE

QUERY = "{ projects { nodes { name description } } }"
LARGE = 20_000_000
"""Characters: more than the kernel's buffers take."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"response_timeout": 3})


@pytest.fixture
async def token(database: Database, settings: Settings) -> str:
    """Of somebody with one project that has very much to say."""
    async with database.transaction() as connection:
        alice = await add_user(connection, "alice", "correct horse")
        await make_project(connection, owner_id=alice, description="x" * LARGE)
        policy = TokenPolicy(settings.signing_key())
        return (await issue_for_username(connection, policy, "alice", Origin())).token


async def test_a_client_that_reads_nothing_of_a_large_result_is_cut_off(
    live_server: LiveServer, token: str
) -> None:
    address = urlsplit(live_server.url)
    loop = asyncio.get_running_loop()
    body = json.dumps({"query": QUERY}).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await loop.sock_connect(client, (address.hostname, address.port))
        await loop.sock_sendall(client, head.encode() + body)
        await until_reset(client)

    async with httpx.AsyncClient(base_url=live_server.url, timeout=PATIENCE) as reader:
        headers = {"authorization": f"Bearer {token}"}
        answer = await reader.post("/graphql", json={"query": QUERY}, headers=headers)
    assert len(answer.json()["data"]["projects"]["nodes"][0]["description"]) == LARGE


async def test_a_stream_in_which_nothing_happens_is_kept(live_server: LiveServer, token: str) -> None:
    query = "subscription { ccInstanceStatusChanged { cursor } }"
    async with open_stream(live_server.url, token, query) as stream:
        with pytest.raises(TimeoutError):
            await stream.hear(4)
