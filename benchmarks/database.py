"""The benchmarks' own databases: one with the demo in it, kept between runs, and fresh ones to write to."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from app.cli.console import say
from app.cli.data import Year, load_demo
from app.config.settings import Settings
from app.database import Location, located
from app.database.processes import postgres_processes
from app.database.revisions import migrate
from benchmarks.processes import Process
from services.demo import PASSWORD, REFERENCE

DATA_DIR = Path(__file__).parent / ".data"
SEED = 1

# No caller is to be turned away for calling often, which is what a benchmark does.
UNLIMITED = """
UPDATE users SET resource_quota = resource_quota || '{"api_calls_per_hour": 2000000000}'
"""


@dataclass(frozen=True, slots=True)
class BenchmarkDatabase:
    """A PostgreSQL that runs, with the key that its tokens are signed with."""

    url: str
    secret_key: str
    cluster: Path

    @property
    def processor_time(self) -> float:
        """Seconds of all processes of this PostgreSQL, also of those that have ended."""
        total = 0.0
        for number in postgres_processes(self.cluster):
            with suppress(OSError):  # it ended meanwhile, and counts as a child of the first one from now on
                total += Process(number).processor_time + Process(number).ended_children_time
        return total

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a `ccgraph` process needs to work on this database."""
        return {"DATABASE_URL": self.url, "CCGRAPH_SECRET_KEY": self.secret_key}

    def token(self, username: str, *more: str) -> str:
        """An access token that outlasts every run; `more` are options of the command."""
        command = [program("ccgraph"), "token", "--username", username, "--minutes", "600", *more]
        done = subprocess.run(
            command, env={**os.environ, **self.environment}, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()


def program(name: str) -> str:
    """A console script of this environment."""
    return str(Path(sys.executable).with_name(name))


@contextmanager
def demo_database(scale: float) -> Iterator[BenchmarkDatabase]:
    """A migrated database that holds the demo; it runs while the block lasts."""
    folder = DATA_DIR / f"scale-{scale:g}"
    folder.parent.mkdir(exist_ok=True)
    settings = Settings(_env_file=None, database_url=None, data_dir=folder)
    with located(settings, command="make bench", alone=True, say=say) as found:
        asyncio.run(_prepare(found, scale))
        yield _running(found)


@contextmanager
def fresh_database() -> Iterator[BenchmarkDatabase]:
    """A migrated database with nothing in it, on a PostgreSQL of its own; gone when the block ends."""
    DATA_DIR.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fresh-", dir=DATA_DIR) as folder:
        settings = Settings(_env_file=None, database_url=None, data_dir=Path(folder))
        with located(settings, command="make bench", alone=True, say=say) as found:
            asyncio.run(migrate(found.url, say))
            yield _running(found)


def _running(found: Location) -> BenchmarkDatabase:
    if found.embedded is None:
        raise RuntimeError("The benchmarks run on the embedded PostgreSQL")
    return BenchmarkDatabase(found.url, found.settings.signing_key(), found.embedded.directory.cluster)


async def _prepare(found: Location, scale: float) -> None:
    await migrate(found.url, say)
    connection = await asyncpg.connect(found.url)
    try:
        if await connection.fetchval("SELECT NOT EXISTS (SELECT FROM users)"):
            say(f"Loading the demo at scale {scale:g}, once")
            await load_demo(found.url, Year(scale, SEED, REFERENCE), PASSWORD)
            await connection.execute("VACUUM (ANALYZE)")
        await connection.execute(UNLIMITED)
    finally:
        await connection.close()
