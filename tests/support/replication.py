"""A primary and its standbys from the Debian package postgresql-15, which tests kill, stop and promote."""

import itertools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import asyncpg

from app.database.configuration import OWNER, SUPERUSER
from tests.support.clusters import copied
from tests.support.postgres15 import (
    PROGRAMS,
    UNSAFE_AND_FAST15,
    Postgres15,
    folder_for_server,
    server_user,
)
from tests.support.waiting import PATIENCE

_OPTIONS = {
    **UNSAFE_AND_FAST15,
    "listen_addresses": "",
    "hot_standby_feedback": "on",
    "wal_receiver_status_interval": "1",
    "wal_retrieve_retry_interval": "100ms",
    "max_standby_streaming_delay": "200ms",
    "wal_writer_delay": "10ms",
}


class Node:
    """One server. It is reached over a socket in `folder`."""

    def __init__(self, folder: Path, user: str | None, numbers: "itertools.count[int]") -> None:
        self.server = Postgres15(folder, user, numbers)
        self.data = self.server.data
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """The name that the product gives it."""
        return f"{self.server.folder}:5432"

    def start(self) -> None:
        """Start, and wait until it takes connections."""
        options = {**_OPTIONS, "unix_socket_directories": str(self.server.folder)}
        with (self.server.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [PROGRAMS / "postgres", "-D", self.data, *(f"--{k}={v}" for k, v in options.items())],
                user=self.server.user,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((self.server.folder / "log").read_text()[-2000:])
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it as `pg_ctl stop` does; by SIGQUIT without a word to clients, as after a crash."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(how)
            process.wait()

    def kill(self) -> None:
        """End it as a crash does."""
        self.stop(signal.SIGQUIT)

    @property
    def running(self) -> bool:
        """True if it was started and not stopped since."""
        return self._process is not None

    def signal_all(self, what: signal.Signals) -> None:
        """Send a signal to all of its processes: SIGSTOP and SIGCONT."""
        assert self._process is not None
        pids = [self._process.pid]
        for status in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                pid, parent = int(status.parent.name), int(status.read_text().rpartition(")")[2].split()[1])
                if parent == self._process.pid:
                    pids.append(pid)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, what)

    def promote(self) -> None:
        """Let a standby become the primary, and wait for that."""
        self.server.run("pg_ctl", "promote", "-w", "-D", str(self.data))

    async def execute(self, statement: str, database: str = "postgres") -> object:
        """The first value of a statement that runs as superuser."""
        connection = await asyncpg.connect(self.server.url(database, SUPERUSER))
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    def _ready(self) -> bool:
        try:
            self.server.run("pg_isready", "--quiet")
        except subprocess.CalledProcessError:
            return False
        return True


class Replication:
    """`primary`, with a migrated template database, and the standbys that were asked for."""

    def __init__(self, cluster: Path) -> None:
        self._cluster = cluster
        self._numbers = itertools.count()
        self._nodes: list[Node] = []

    def primary(self) -> Node:
        """A new primary that runs."""
        node = self._node()
        copied(self._cluster, node.data)
        node.start()
        return node

    def standby(self, of: Node) -> Node:
        """A new standby that runs and follows."""
        node = self._node()
        of.server.run("pg_basebackup", "-D", str(node.data), "-R", "--checkpoint=fast", "--no-sync")
        node.start()
        return node

    def remove(self, node: Node) -> None:
        """Stop one, and remove its files."""
        self._nodes.remove(node)
        if node.running:
            node.signal_all(signal.SIGCONT)
            node.stop(signal.SIGQUIT)
        shutil.rmtree(node.server.folder, ignore_errors=True)

    def close(self) -> None:
        """Stop and remove everything."""
        for node in self._nodes.copy():
            self.remove(node)

    def _node(self) -> Node:
        node = Node(folder_for_server(), server_user(), self._numbers)
        self._nodes.append(node)
        return node


@contextmanager
def replication(cluster: Path) -> Iterator[Replication]:
    """Servers that end with the block. Primaries begin with a copy of the stopped cluster."""
    servers = Replication(cluster)
    try:
        yield servers
    finally:
        servers.close()


def address(database: str, *nodes: Node) -> str:
    """The URL of a database on several servers."""
    hosts = ",".join(quote(str(node.server.folder), safe="") for node in nodes)
    return f"postgresql://{OWNER}@/{database}?host={hosts}"
