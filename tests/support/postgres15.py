"""A PostgreSQL 15 from the Debian package postgresql-15, for what has to run on older servers too."""

import asyncio
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from app.database.configuration import OWNER, SUPERUSER
from migrations.run import upgrade
from tests.support.server import TEMPLATE
from tests.support.waiting import PATIENCE

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
MISSING = "PostgreSQL 15 is not installed here; the Debian package postgresql-15 brings it"


@dataclass(frozen=True, slots=True)
class Postgres15:
    """A running server with a migrated template database. `user` runs it; None is oneself."""

    folder: Path
    user: str | None
    numbers: "itertools.count[int]"
    port: int = 5432

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


@contextmanager
def postgres15_server(
    settings: Mapping[str, str] | None = None, *, hba: str = "", port: int | None = None
) -> Iterator[Postgres15]:
    """A server on a temporary folder; as root it runs as nobody, for PostgreSQL refuses root.

    `hba` goes before the lines of pg_hba.conf, which trust everybody; `settings` are PostgreSQL's. With
    `port` it listens on the loopback address too.
    """
    user = "nobody" if os.geteuid() == 0 else None
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="ccgraph-15-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if user is not None:
            shutil.chown(folder, user)
        server = Postgres15(folder, user, itertools.count(), port or 5432)
        data = folder / "data"
        server.run("initdb", "-D", str(data), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-sync")
        options = {
            "listen_addresses": "127.0.0.1" if port else "",
            "port": str(server.port),
            "unix_socket_directories": folder,
            "fsync": "off",
            "autovacuum": "off",
            **(settings or {}),
        }
        rules = data / "pg_hba.conf"
        rules.write_text(hba + rules.read_text())
        process = subprocess.Popen(
            [PROGRAMS / "postgres", "-D", data, *(f"--{name}={value}" for name, value in options.items())],
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
        server.run("createuser", OWNER)
        server.run("createdb", "--owner", OWNER, "--template", "template0", TEMPLATE)
        asyncio.run(upgrade(server.url(TEMPLATE)))
        yield server


def _ready(server: Postgres15) -> bool:
    try:
        server.run("pg_isready", "--quiet")
    except subprocess.CalledProcessError:
        return False
    return True
