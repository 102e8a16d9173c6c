"""Stopped clusters, each made once in a run: a server of a test's own starts from a copy.

To make one and to migrate a database in it takes seconds of a processor; to copy it takes a tenth of one.
"""

import asyncio
import fcntl
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from app.database.configuration import OWNER, SUPERUSER
from app.database.embedded import embedded_server
from migrations.run import upgrade
from tests.support.holding import QUICK

TEMPLATE = "ccgraph_template"
"""The database of a cluster that is migrated and empty."""


@contextmanager
def alone(folder: Path, name: str) -> Iterator[None]:
    """One worker at a time makes what has this name in the folder that all workers of a run share."""
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def made_once(folder: Path, name: str, make: Callable[[Path], None]) -> Path:
    """The folder of this name below `folder`, which the first worker that asks for it makes."""
    made = folder / name
    with alone(folder, name):
        if not made.exists():
            new = folder / f"{name}.new"
            shutil.rmtree(new, ignore_errors=True)  # of a worker that was killed
            make(new)
            new.rename(made)
    return made


def copied(cluster: Path, folder: Path) -> Path:
    """A copy at `folder`, with the owners and rights of its files."""
    subprocess.run(["cp", "-a", "--no-target-directory", cluster, folder], check=True)
    return folder


def used_once(folder: Path) -> Path:
    """A data directory of the embedded PostgreSQL that ran once and holds nothing; `folder` is the run's."""
    return made_once(folder, "used-once", _use_once)


def migrated(folder: Path) -> Path:
    """The same with a migrated database, TEMPLATE."""

    def make(new: Path) -> None:
        with embedded_server(copied(used_once(folder), new), command="pytest", overrides=QUICK) as server:
            asyncio.run(_make_template(server.url("postgres", SUPERUSER), server.url(TEMPLATE)))

    return made_once(folder, "migrated", make)


def _use_once(new: Path) -> None:
    with embedded_server(new, command="pytest", overrides=QUICK):
        pass


async def _make_template(maintenance: str, template: str) -> None:
    connection = await asyncpg.connect(maintenance)
    try:
        await connection.execute(f"CREATE DATABASE {TEMPLATE} OWNER {OWNER}")
    finally:
        await connection.close()
    await upgrade(template)
