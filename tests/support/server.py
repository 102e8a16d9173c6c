"""The PostgreSQL of a test run, and databases cloned from its template."""

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import asyncpg

from app.database.configuration import OWNER, SUPERUSER
from app.database.embedded import EmbeddedServer, embedded_server
from app.database.postmaster import ready_postmaster
from migrations.run import upgrade
from tests.support.clusters import TEMPLATE, alone

Result = TypeVar("Result")
Admin: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_LOG_LINES = 30

UNSAFE_AND_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "64MB",
    "min_wal_size": "32MB",
    "logging_collector": "off",
    "log_checkpoints": "off",  # each copy of a database makes two, and they hide what a failure is to show
}


@dataclass(slots=True)
class TestServer:
    """One worker's view of the server that all workers of a run share."""

    __test__ = False

    embedded: EmbeddedServer
    folder: Path
    runner: asyncio.Runner
    admin: Admin
    numbers: "itertools.count[int]"

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine from a synchronous fixture."""
        return self.runner.run(work)

    def log(self, since: float) -> str:
        """The end of what the server wrote since then, in seconds since 1970."""
        postmaster = ready_postmaster(self.embedded.directory.cluster)
        # It writes into memory of the process that started it, which may be another worker.
        try:
            lines = Path(f"/proc/{postmaster}/fd/2").read_text(errors="replace").splitlines()
        except OSError:
            return "It does not run."
        begin = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%d %H:%M:%S")
        return "\n".join([line for line in lines if line >= begin][-_LOG_LINES:])

    def template(self, name: str, fill: Callable[[Admin], Awaitable[None]]) -> str:
        """The name of a template with rows in it, which the first worker that asks for it makes."""
        with alone(self.folder, "template"):
            self.run(_make_filled(self.admin, self.embedded, name, fill))
        return name

    @contextmanager
    def clone(self, template: str = TEMPLATE) -> Iterator[str]:
        """The URL of a fresh copy of a database, which is dropped after the block."""
        name = f"t_{os.getpid()}_{next(self.numbers)}"
        self.run(
            self.admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER} STRATEGY FILE_COPY")
        )
        try:
            yield self.embedded.url(name)
        finally:
            self.run(self.admin.execute(f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def shared_server(folder: Path) -> Iterator[TestServer]:
    """The server under `folder`; the first worker starts it and makes the template, the last one stops it."""
    with (
        embedded_server(folder / "data", command="pytest", overrides=UNSAFE_AND_FAST) as embedded,
        asyncio.Runner() as runner,
    ):
        admin = runner.run(asyncpg.connect(embedded.url("postgres", SUPERUSER)))
        try:
            with alone(folder, "template"):
                runner.run(_make_template(admin, embedded))
            yield TestServer(embedded, folder, runner, admin, itertools.count())
        finally:
            runner.run(admin.close())


async def _make_template(admin: Admin, embedded: EmbeddedServer) -> None:
    async def migrate(name: str) -> None:
        await admin.execute(f"CREATE DATABASE {name} OWNER {OWNER}")
        await upgrade(embedded.url(name))

    await _make(admin, TEMPLATE, migrate)


async def _make_filled(
    admin: Admin, embedded: EmbeddedServer, name: str, fill: Callable[[Admin], Awaitable[None]]
) -> None:
    async def fill_clone(name: str) -> None:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER {OWNER} STRATEGY FILE_COPY")
        connection = await asyncpg.connect(embedded.url(name))
        try:
            await fill(connection)
        finally:
            await connection.close()

    await _make(admin, name, fill_clone)


async def _make(admin: Admin, name: str, build: Callable[[str], Awaitable[None]]) -> None:
    """A database that has its name once it is whole, unless there is one."""
    if await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
        return
    building = f"{name}_new"
    await admin.execute(f"DROP DATABASE IF EXISTS {building}")
    await build(building)
    await admin.execute(f"ALTER DATABASE {building} RENAME TO {name}")
