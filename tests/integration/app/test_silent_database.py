"""PostgreSQL that says nothing, holds a row, or refuses: callers are told in time, with the right status."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import text
from starlette.applications import Starlette
from structlog.testing import capture_logs

from app.config.settings import Settings
from app.database import pools
from app.main import create_app
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core import connecting
from services.core.database_errors import translate
from services.core.principal import Origin
from tests.support.restartable import RestartablePostgres, restartable_postgres
from tests.support.waiting import PATIENCE, until


@pytest.fixture(scope="module")
def stoppable(
    migrated_cluster: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RestartablePostgres]:
    """A server of this module's own."""
    with restartable_postgres(migrated_cluster, tmp_path_factory.mktemp("stoppable") / "data") as server:
        yield server


@pytest.fixture
def database_url(stoppable: RestartablePostgres) -> str:
    return stoppable.clone()


@pytest.fixture
async def app(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Starlette]:
    """Impatient: a statement has a second, and PostgreSQL another one to say that it took too long."""
    monkeypatch.setattr(pools, "ANSWER_MARGIN", 1.0)
    monkeypatch.setattr(connecting, "CONNECT_TIMEOUT", 2.0)
    created = create_app(settings.model_copy(update={"statement_timeout": 1.0}))
    async with created.router.lifespan_context(created):
        yield created


@pytest.fixture
async def token(app: Starlette, settings: Settings) -> str:
    """Of an administrator."""
    async with app.state.database.transaction() as connection:
        await connection.execute(
            text("INSERT INTO users (username, hashed_password, is_admin) VALUES ('ada', 'x', true)")
        )
        policy = TokenPolicy(settings.signing_key())
        return (await issue_for_username(connection, policy, "ada", Origin())).token


class Asking:
    """Sends documents; an answer that does not come is a TimeoutError."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self._client, self._token = client, token

    async def ask(self, query: str, accept: str = "application/json") -> tuple[int, Any]:
        async with asyncio.timeout(PATIENCE):
            response = await self._client.post(
                "/graphql",
                json={"query": query},
                headers={"authorization": f"Bearer {self._token}", "accept": accept},
            )
        return response.status_code, response.json()


@pytest.fixture
def asking(client: httpx.AsyncClient, token: str) -> Asking:
    return Asking(client, token)


@contextmanager
def stopped(server: RestartablePostgres) -> Iterator[None]:
    """All processes of the server under SIGSTOP: the kernel still takes and confirms what is sent."""
    assert server.server.postmaster is not None
    parent = server.server.postmaster.process.pid
    processes = [parent]
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            processes.append(int(stat.parent.name))
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


CREATE = 'mutation { createProject(input: {name: "a"}) { project { id } } }'
MANY = 'mutation { a: createProject(input: {name: "a"}) { project { id } } b: createProject(input: {name: "b"}) { project { id } } }'  # noqa: E501


async def test_who_waits_for_a_server_that_hangs_is_told_in_time(
    asking: Asking, stoppable: RestartablePostgres
) -> None:
    # No more at once than one person has connections for: what comes on top is told to wait for its own turn.
    questions = ["{ projects { totalCount } }", "{ me { id } }", CREATE, MANY]
    for question in questions:
        assert (await asking.ask(question))[0] == 200
    with stopped(stoppable):
        answers = await asyncio.gather(*(asking.ask(question) for question in questions))
    for status, body in answers:
        assert status == 503, body
        assert body["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"
    for question in questions:

        async def is_answered(question: str = question) -> bool:
            return (await asking.ask(question))[0] == 200

        await until(is_answered)


async def test_a_row_that_another_change_holds_is_a_conflict_and_not_too_complex(
    asking: Asking, database_url: str
) -> None:
    _, made = await asking.ask('mutation { createProject(input: {name: "a"}) { project { id } } }')
    key = made["data"]["createProject"]["project"]["id"]
    holder = await asyncpg.connect(database_url)
    try:
        async with holder.transaction():
            await holder.execute("SELECT FROM projects WHERE id = $1 FOR UPDATE", key)
            given = f'{{id: {key}, patch: {{name: "b"}}}}'
            _, refused = await asking.ask(
                f"mutation {{ updateProject(input: {given}) {{ project {{ id }} }} }}"
            )
    finally:
        await holder.close()
    error = refused["errors"][0]
    assert error["extensions"]["code"] == "CONFLICT", error
    assert "Nothing was changed; try again" in error["message"]


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_503_when_nothing_was_answered_and_not_when_something_was(
    asking: Asking, app: Starlette, accept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = app.state.database.reader

    def away(self: object) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patch:
        patch.setattr(type(reader), "acquire", away)
        status, body = await asking.ask("{ projects { totalCount } }", accept)
        assert status == 503, body


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (asyncpg.DiskFullError("could not extend file"), "no space left on its disk. Nothing was changed"),
        (asyncpg.TooManyConnectionsError("sorry"), "no more connections"),
        (asyncpg.OutOfMemoryError("failed on request"), "out of memory"),
        (TimeoutError(), "cannot be reached"),
    ],
)
def test_what_the_database_lacks_is_told(error: Exception, sentence: str) -> None:
    told = translate(error)
    assert told is not None
    assert told.code == "SERVICE_UNAVAILABLE"
    assert sentence in told.message
    assert str(error) not in told.message or not str(error)


async def test_a_client_that_connects_meanwhile_is_told_to_come_again_without_an_error_in_the_log(
    app: Starlette, token: str
) -> None:
    await app.state.database.checks.close()
    init = {"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}
    heard = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": json.dumps(init)}]
    said: list[Any] = []

    async def receive() -> Any:
        return heard.pop(0)

    async def send(message: Any) -> None:
        said.append(message)

    scope = {
        "type": "websocket",
        "path": "/graphql",
        "headers": [],
        "subprotocols": ["graphql-transport-ws"],
        "client": ("127.0.0.1", 1),
    }
    with capture_logs() as lines:
        await app(scope, receive, send)
    assert said[-1]["code"] == 1013
    assert [line["event"] for line in lines if line["log_level"] == "error"] == []
    assert "database_away" in [line["event"] for line in lines]
