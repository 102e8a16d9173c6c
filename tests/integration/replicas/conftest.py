"""A primary and a standby of a module's own, and the server on both."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

from app.config.settings import Settings
from app.database.configuration import OWNER
from services.accounts.accounts import add_user
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core import replicas
from services.core.database import Database
from services.core.principal import Origin
from services.core.replicas import Replicas, ReplicaState, ReplicaStatus
from tests.support.clusters import TEMPLATE
from tests.support.replication import Node, Replication, address, replication
from tests.support.waiting import PATIENCE, until

KEY = "a key that signs nothing outside of the tests"
CREATE = "mutation ($name: String!) { createProject(input: {name: $name}) { project { projectId name } } }"
NAMES = "{ projects(first: 100) { nodes { name } } }"
_NUMBERS = count()


@dataclass(slots=True)
class Pair:
    """A primary and a standby, which change places when the standby is promoted."""

    servers: Replication
    primary: Node
    standby: Node

    def fail_over(self) -> None:
        """Kill the primary and promote the standby."""
        self.primary.kill()
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary

    def renew_standby(self) -> None:
        """A new standby of the present primary in place of the one that was killed."""
        self.servers.remove(self.standby)
        self.standby = self.servers.standby(self.primary)


@pytest.fixture(scope="session")
def pair(cluster15: Path) -> Iterator[Pair]:
    """Both run."""
    with replication(cluster15) as servers:
        primary = servers.primary()
        yield Pair(servers, primary, servers.standby(primary))


@pytest.fixture
def whole(pair: Pair) -> Pair:
    """The same where the test before may have killed one."""
    if not pair.standby.running:
        pair.renew_standby()
    return pair


@pytest.fixture
def database_name(whole: Pair) -> Iterator[str]:
    """A fresh database, which the standby has as well."""
    name = f"replicated_{next(_NUMBERS)}"
    whole.primary.server.run("createdb", "--owner", OWNER, "--template", TEMPLATE, name)
    asyncio.run(caught_up(whole))
    yield name
    whole.primary.server.run("dropdb", "--force", name)


async def caught_up(pair: Pair) -> None:
    """Until the standby has replayed what the primary has written by now."""
    position = await pair.primary.execute("SELECT pg_current_wal_insert_lsn()::text")
    # An asynchronous commit is sent once it is on the disk.
    await pair.primary.execute("SELECT pg_switch_wal()")

    async def there() -> bool:
        return bool(await pair.standby.execute(f"SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn"))

    await until(there)


@pytest.fixture
def settings(whole: Pair, database_name: str, tmp_path: Path) -> Settings:
    """Either server may be the primary, and the standby is a replica."""
    return Settings(
        _env_file=None,
        database_url=SecretStr(address(database_name, whole.primary, whole.standby)),
        database_read_url=SecretStr(address(database_name, whole.standby)),
        data_dir=tmp_path / "data",
        port=0,
        secret_key=SecretStr(KEY),
        read_pool_size=4,
        write_pool_size=4,
        maximum_batch=1,
        shutdown_timeout=2,
    )


class Person:
    """One who asks the server."""

    def __init__(self, client: httpx.AsyncClient, token: str, user_id: int) -> None:
        self._client = client
        self.token = token
        self.user_id = user_id

    async def ask(self, query: str, headers: dict[str, str] | None = None, **variables: Any) -> Any:
        """The response."""
        return (await self._post(query, headers or {}, variables)).json()

    async def names(self, position: str | None = None) -> set[str]:
        """Of the projects that the person sees; no older than `position`."""
        answer = await self.ask(NAMES, {"ccgraph-position": position} if position else None)
        assert "errors" not in answer, answer
        return {node["name"] for node in answer["data"]["projects"]["nodes"]}

    async def create(self) -> str:
        """The name of a new project."""
        name, _ = await self.create_from(None)
        return name

    async def create_from(self, position: str | None) -> tuple[str, str]:
        """The name of a new project, and the position that the answer gives."""
        headers = {"ccgraph-position": position} if position else {}
        response = await self._post(CREATE, headers, {"name": f"project {uuid4()}"})
        assert "errors" not in response.json(), response.text
        assert ("ccgraph-position" in response.headers) == (position is not None)
        name: str = response.json()["data"]["createProject"]["project"]["name"]
        return name, response.headers.get("ccgraph-position", "")

    async def create_in_batch(self) -> tuple[str, str]:
        """The same, of one that is made in a batch."""
        body = [{"query": CREATE, "variables": {"name": f"project {uuid4()}"}}]
        response = await self._send(body, {"ccgraph-position": "0"})
        name: str = response.json()[0]["data"]["createProject"]["project"]["name"]
        return name, response.headers["ccgraph-position"]

    async def _post(self, query: str, headers: dict[str, str], variables: dict[str, Any]) -> httpx.Response:
        return await self._send({"query": query, "variables": variables}, headers)

    async def _send(self, body: object, headers: dict[str, str]) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}", **headers}
        return await self._client.post("/graphql", json=body, headers=headers)


async def person(app: Starlette, client: httpx.AsyncClient) -> Person:
    """A new person."""
    database: Database = app.state.database
    name = f"person_{next(_NUMBERS)}"
    async with database.transaction() as connection:
        quota = {"api_calls_per_hour": 1_000_000}
        user = await add_user(connection, name, "correct horse", resource_quota=quota)
        issued = await issue_for_username(connection, TokenPolicy(KEY), name, Origin())
    return Person(client, issued.token, user)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of a slow machine is not left out because it takes a second to say how far it is."""
    monkeypatch.setattr(replicas, "CHECK_TIMEOUT", PATIENCE)


def replicas_of(app: Starlette) -> Replicas:
    """Those that the server reads from."""
    found = app.state.database.replicas
    assert isinstance(found, Replicas)
    return found


def status(app: Starlette) -> ReplicaStatus:
    """Of the only replica."""
    [found] = replicas_of(app).status()
    return found


async def following(app: Starlette) -> None:
    """Until the replica is in use."""
    await until(lambda: status(app).state is ReplicaState.FOLLOWING)
