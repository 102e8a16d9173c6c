"""A PostgreSQL 15 from the Debian package postgresql-15, for what has to run on older servers too."""

import asyncio
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from app.database.configuration import OWNER, SUPERUSER
from migrations.run import upgrade
from tests.support.clusters import TEMPLATE, copied, made_once
from tests.support.memory import ROOT
from tests.support.waiting import PATIENCE

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
MISSING = "PostgreSQL 15 is not installed here; the Debian package postgresql-15 brings it"
_FOLDER = "ccgraph-server"
"""Folders are named so, with the process that has made them."""
UNSAFE_AND_FAST15 = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_wal_size": "64MB",
    "min_wal_size": "32MB",
}
"""Settings of a server that keeps what it has committed, unless the machine itself fails."""


@dataclass(frozen=True, slots=True)
class Postgres15:
    """A running server with a migrated template database. `user` runs it; None is oneself."""

    folder: Path
    user: str | None
    numbers: "itertools.count[int]"
    port: int = 5432

    @property
    def data(self) -> Path:
        """Its cluster."""
        return self.folder / "data"

    def url(self, database: str, role: str = OWNER) -> str:
        """The URL of one of its databases."""
        return f"postgresql://{role}@/{database}?host={quote(str(self.folder), safe='')}&port={self.port}"

    def run(self, program: str, *arguments: str) -> None:
        """One of PostgreSQL's own programs, as the user that runs the server."""
        subprocess.run(
            [PROGRAMS / program, *arguments],
            user=self.user,
            cwd="/",
            env={
                "PATH": os.defpath,
                "PGHOST": str(self.folder),
                "PGPORT": str(self.port),
                "PGUSER": SUPERUSER,
                "LC_ALL": "C.UTF-8",
            },
            check=True,
            capture_output=True,
        )

    @contextmanager
    def clone(self, template: str = TEMPLATE) -> Iterator[str]:
        """The URL of a fresh copy of a database, which is dropped after the block."""
        name = f"t_{next(self.numbers)}"
        self.run("createdb", "--owner", OWNER, "--template", template, "--strategy", "FILE_COPY", name)
        try:
            yield self.url(name)
        finally:
            self.run("dropdb", "--force", name)


def server_user() -> str | None:
    """The account that runs servers: nobody in place of root, whom PostgreSQL refuses; None is oneself."""
    return "nobody" if os.geteuid() == 0 else None


def folder_for_server() -> Path:
    """A new folder of that user's, in memory where the run's folders are.

    Folders that a killed run has left there are removed; a server that still runs in one ends by itself then.
    """
    place = Path(os.environ.get(ROOT) or tempfile.gettempdir())
    for left in place.glob(f"{_FOLDER}-*-*"):
        if not Path("/proc", left.name.removeprefix(f"{_FOLDER}-").partition("-")[0]).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}-{os.getpid()}-", dir=place))
    user = server_user()
    if user is not None:
        shutil.chown(folder, user)
    return folder


def migrated15(folder: Path) -> Path:
    """A stopped cluster with a migrated template database, made once in the run whose folder is given."""

    def make(new: Path) -> None:
        with _running(_make_cluster, {}, "", None) as server:
            server.run("createuser", OWNER)
            server.run("createdb", "--owner", OWNER, "--template", "template0", TEMPLATE)
            asyncio.run(upgrade(server.url(TEMPLATE)))
            server.run("pg_ctl", "stop", "--wait", "-m", "fast", "-D", str(server.data))
            copied(server.data, new)

    return made_once(folder, "postgres15", make)


def _make_cluster(server: Postgres15) -> None:
    server.run("initdb", "-D", str(server.data), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-sync")


@contextmanager
def postgres15_server(
    cluster: Path, settings: Mapping[str, str] | None = None, *, hba: str = "", port: int | None = None
) -> Iterator[Postgres15]:
    """A server on a copy of a stopped cluster, in a temporary folder.

    `hba` goes before the lines of pg_hba.conf, which trust everybody; `settings` are PostgreSQL's. With
    `port` it listens on the loopback address too.
    """

    def copy(server: Postgres15) -> None:
        copied(cluster, server.data)

    with _running(copy, settings or {}, hba, port) as server:
        yield server


@contextmanager
def _running(
    make_data: Callable[[Postgres15], None], settings: Mapping[str, str], hba: str, port: int | None
) -> Iterator[Postgres15]:
    with ExitStack() as stack:
        folder = folder_for_server()
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        user = server_user()
        server = Postgres15(folder, user, itertools.count(), port or 5432)
        make_data(server)
        options = {
            **UNSAFE_AND_FAST15,
            "listen_addresses": "127.0.0.1" if port else "",
            "port": str(server.port),
            "unix_socket_directories": folder,
            **settings,
        }
        rules = server.data / "pg_hba.conf"
        rules.write_text(hba + rules.read_text())
        process = subprocess.Popen(
            [PROGRAMS / "postgres", "-D", server.data, *(f"--{k}={v}" for k, v in options.items())],
            user=user,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            stderr=subprocess.DEVNULL,
        )
        stack.callback(process.wait)
        stack.callback(process.terminate)
        deadline = time.monotonic() + PATIENCE
        while not _ready(server):
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("PostgreSQL 15 did not start")
            time.sleep(0.05)
        yield server


def _ready(server: Postgres15) -> bool:
    try:
        server.run("pg_isready", "--quiet")
    except subprocess.CalledProcessError:
        return False
    return True
