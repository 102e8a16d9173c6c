"""Several `ccgraph serve` on one database that wake each other, as behind a balancer."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import httpx

from services.core.database import Connection
from tests.support.processes import Served, serving
from tests.support.waiting import PATIENCE, until

FEED_POLL, PROCESS_TIMEOUT = 15.0, 3.0
"""Seconds: the first is long enough to tell a wake-up from a poll, on a slow machine too."""
SETTINGS = {
    "CCGRAPH_SECRET_KEY": "a key that signs nothing outside of the tests",
    "CCGRAPH_FEED_POLL": str(FEED_POLL),
    "CCGRAPH_PROCESS_TIMEOUT": str(PROCESS_TIMEOUT),
    "CCGRAPH_HEARTBEAT_TIMEOUT": "2",
    "CCGRAPH_SHUTDOWN_TIMEOUT": "20",
    "CCGRAPH_READ_POOL_SIZE": "4",
    "CCGRAPH_WRITE_POOL_SIZE": "4",
}

_CREATE = """
mutation ($id: UUID!, $project: UUID!, $name: String!) {
  createTask(input: {id: $id, projectId: $project, name: $name, taskType: DEVELOPMENT}) { task { id } }
}
"""
_INSERT = """
INSERT INTO tasks (id, project_id, name, task_type) VALUES ($1, $2, $3, 'development') ON CONFLICT DO NOTHING
"""


@dataclass(slots=True)
class Installation:
    """Its processes are known by their place: 0, 1, ..."""

    folder: Path
    database_url: str
    broadcast_url: str
    _running: dict[int, tuple[AbstractContextManager[Served], Served]] = field(default_factory=dict)

    def ensure(self, number: int) -> None:
        """Let so many processes run; those that were ended start again."""
        for place in range(number):
            if place in self._running:
                continue
            folder = self.folder / str(place)
            folder.mkdir(exist_ok=True)
            addresses = {"DATABASE_URL": self.database_url, "BROADCAST_URL": self.broadcast_url}
            life = serving(["serve"], folder, **addresses, **SETTINGS)
            self._running[place] = life, life.__enter__()

    def end(self, place: int, number: int) -> int:
        """Send a signal to a process and wait for its end; the exit code."""
        life, served = self._running.pop(place)
        code = served.stop(number)
        life.__exit__(None, None, None)
        return code

    def close(self) -> None:
        """End all of them."""
        for place in [*self._running]:
            self.end(place, signal.SIGTERM)

    @property
    def places(self) -> list[int]:
        """The places of the processes that run."""
        return [*self._running]

    def url(self, place: int) -> str:
        """The URL of a process. Raises: KeyError when it does not run."""
        return self._running[place][1].url

    def websocket_url(self, place: int) -> str:
        """The same for WebSockets."""
        return "ws" + self.url(place).removeprefix("http")

    async def ask(self, place: int, token: str, query: str, **variables: object) -> Any:
        """The answer of a process to an operation. Raises: AssertionError when it has errors."""
        body = {"query": query, "variables": variables}
        async with httpx.AsyncClient(
            timeout=PATIENCE, headers={"authorization": f"Bearer {token}"}
        ) as client:
            answer = (await client.post(f"{self.url(place)}/graphql", json=body)).json()
        assert "errors" not in answer, answer
        return answer["data"]


class Writer:
    """Makes tasks of a project, named 1, 2, ... one after the other, and repeats what failed.

    A task comes once, however often its making was tried: its key is made of its number. Most are made by
    plain SQL, with a transaction that is rolled back in between, every fifth by a server.
    """

    def __init__(self, installation: Installation, token: str, project_id: UUID) -> None:
        self.last = 0
        self._installation = installation
        self._token = token
        self._project_id = project_id
        self._finish: asyncio.Future[int] | None = None

    async def by_server(self, place: int) -> int:
        """Let a process make the next one; gives its number."""
        await self._ask(place, self.last + 1)
        self.last += 1
        return self.last

    async def write(self) -> None:
        """Make one after the other until `finish`."""
        for number in count(self.last + 1):
            await until(partial(self._made, number), 2 * PATIENCE)
            self.last = number
            if self._finish is not None and number % 5 == 0:
                self._finish.set_result(number)
                return
            await asyncio.sleep(0.01)

    async def finish(self) -> int:
        """Stop with one that a server makes, so that all hear of those before; gives its number."""
        self._finish = asyncio.get_running_loop().create_future()
        return await self._finish

    async def _made(self, number: int) -> bool:
        try:
            if number % 5:
                async with connected(self._installation.database_url) as connection:
                    await self._insert(connection, number)
            else:
                places = self._installation.places
                await self._ask(places[number % len(places)], number)
        except (
            OSError,
            AssertionError,
            KeyError,  # the place was ended meanwhile
            ZeroDivisionError,
            ValueError,
            httpx.HTTPError,
            asyncpg.PostgresError,
            asyncpg.InternalClientError,
        ):
            return False
        return True

    async def _insert(self, connection: Connection, number: int) -> None:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(_INSERT, *self._task(-number))
        await transaction.rollback()
        await connection.execute(_INSERT, *self._task(number))

    async def _ask(self, place: int, number: int) -> None:
        key, project, name = self._task(number)
        variables = {"id": str(key), "project": str(project), "name": name}
        await self._installation.ask(place, self._token, _CREATE, **variables)

    def _task(self, number: int) -> tuple[UUID, UUID, str]:
        return uuid5(self._project_id, str(number)), self._project_id, str(number)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """A connection beside the servers."""
    connection = await asyncpg.connect(url, timeout=PATIENCE)
    try:
        yield connection
    finally:
        connection.terminate()
