"""A PostgreSQL of a test's own, which can be restarted in the middle, gently or not."""

import asyncio
import itertools
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import asyncpg

from app.database.configuration import OWNER, SUPERUSER
from app.database.embedded import EmbeddedServer, embedded_server
from tests.support.clusters import TEMPLATE, copied
from tests.support.holding import QUICK


class RestartablePostgres:
    """Keeps what it has committed when it is stopped, by `pg_ctl stop -m immediate` too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._life = ExitStack()
        # The kernel stops PostgreSQL when the thread that has started it ends.
        self._thread = ThreadPoolExecutor(1, "PostgreSQL")
        self._numbers = itertools.count()
        self.server: EmbeddedServer

    def start(self) -> None:
        """Start, and wait until it takes connections."""
        self._thread.submit(self._start).result()

    def stop(self) -> None:
        """Stop for good."""
        self._thread.submit(self._stop).result()
        self._thread.shutdown()

    def _start(self) -> None:
        # What is in the write-ahead log only when its writer wakes up is lost by an immediate stop.
        overrides = {**QUICK, "wal_writer_delay": "10s"}
        self.server = self._life.enter_context(
            embedded_server(self._folder, command="pytest", overrides=overrides)
        )

    def _stop(self, *, immediate: bool = False) -> None:
        """Stop it as `pg_ctl stop -m fast` does; `immediate` is without a checkpoint, as after a crash."""
        if immediate:
            assert self.server.postmaster is not None
            self.server.postmaster.process.send_signal(signal.SIGQUIT)
            self.server.postmaster.process.wait()
        self._life.close()

    async def restart(self, *, immediate: bool) -> None:
        """Stop in one of the two ways and start again, while the caller's other tasks go on."""

        def restart() -> None:
            self._stop(immediate=immediate)
            self._start()

        await asyncio.wrap_future(self._thread.submit(restart))

    def kill(self, pid: int) -> None:
        """Kill one of its processes, after which the others end and it recovers."""
        os.kill(pid, signal.SIGKILL)

    def execute(self, statement: str, *, database: str = "postgres") -> None:
        """Run a statement as superuser."""

        async def run() -> None:
            connection = await asyncpg.connect(self.server.url(database, SUPERUSER))
            await connection.execute(statement)
            await connection.close()

        asyncio.run(run())

    def clone(self) -> str:
        """The URL of a fresh migrated database."""
        name = f"t_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER {OWNER} STRATEGY FILE_COPY")
        return self.server.url(name)


@contextmanager
def restartable_postgres(cluster: Path, folder: Path) -> Iterator[RestartablePostgres]:
    """Started in `folder`, on a copy of a cluster with a migrated template database."""
    postgres = RestartablePostgres(copied(cluster, folder))
    postgres.start()
    try:
        yield postgres
    finally:
        postgres.stop()
