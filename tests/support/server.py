"""The PostgreSQL of a test run, and databases cloned from its template."""

import asyncio
import fcntl
import itertools
import os
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from app.database.configuration import OWNER, SUPERUSER
from app.database.embedded import EmbeddedServer, embedded_server
from app.database.postmaster import ready_postmaster
from migrations.run import upgrade

Result = TypeVar("Result")

_LOG_LINES = 30

TEMPLATE = "ccgraph_template"
UNSAFE_AND_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "shared_buffers": "64MB",
    "logging_collector": "off",
}


@dataclass(slots=True)
class TestServer:
    """One worker's view of the server that all workers of a run share."""

    __test__ = False

    embedded: EmbeddedServer
    runner: asyncio.Runner
    admin: "asyncpg.Connection[asyncpg.Record]"
    numbers: "itertools.count[int]"

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine from a synchronous fixture."""
        return self.runner.run(work)

    def log(self, since: float) -> str:
        """What the server wrote since then, in seconds since 1970, at most its last lines."""
        postmaster = ready_postmaster(self.embedded.directory.cluster)
        # It writes into memory of the process that started it, which may be another worker.
        try:
            lines = Path(f"/proc/{postmaster}/fd/2").read_text(errors="replace").splitlines()
        except OSError:
            return "It does not run."
        begin = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%d %H:%M:%S")
        return "\n".join([line for line in lines if line >= begin][-_LOG_LINES:])

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
            with (folder / "template.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                runner.run(_make_template(admin, embedded))
            yield TestServer(embedded, runner, admin, itertools.count())
        finally:
            runner.run(admin.close())


async def _make_template(admin: "asyncpg.Connection[asyncpg.Record]", embedded: EmbeddedServer) -> None:
    if await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", TEMPLATE):
        return
    building = f"{TEMPLATE}_new"
    await admin.execute(f"DROP DATABASE IF EXISTS {building}")
    await admin.execute(f"CREATE DATABASE {building} OWNER {OWNER}")
    await upgrade(embedded.url(building))
    await admin.execute(f"ALTER DATABASE {building} RENAME TO {TEMPLATE}")
