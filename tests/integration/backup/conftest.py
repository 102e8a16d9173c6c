"""A database with odd rows in every table, one dump of it, and empty databases to read it into."""

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from app.backup.dumping import make_dump
from app.backup.manifest import Manifest, manifest_of
from app.database.configuration import SUPERUSER
from services.core.connecting import connect
from services.secrets.vault import Vault
from services.system.contents import OBJECTS, Content, contents
from tests.support.server import TestServer

VAULT = Vault.of("a key that signs nothing outside of the tests", {"old": "x" * 32})


def silent(step: str, done: int, whole: int) -> None:
    """Where no progress is shown."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A dump, with what the tables held when it was made."""

    manifest: Manifest
    file: Path
    contents: dict[str, Content]

    def copied(self, folder: Path) -> Path:
        """A copy, with its manifest, that a test may damage."""
        file = folder / self.file.name
        shutil.copy(self.file, file)
        shutil.copy(manifest_of(self.file), manifest_of(file))
        return file


def entries(folder: Path, pattern: str = "*") -> list[Path]:
    """What a folder holds."""
    return sorted(folder.glob(pattern))


async def held(url: str) -> dict[str, Content]:
    """What the tables of a database hold."""
    connection = await connect(url)
    try:
        return await contents(connection, silent)
    finally:
        await connection.close()


async def objects(url: str) -> int:
    """How many tables, views and sequences a database has."""
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(OBJECTS))
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def source(embedded_postgres: TestServer, odd_template: str) -> Iterator[str]:
    """A database with rows in every table, and one value that is sealed by the key `old`."""

    async def seal(name: str) -> None:
        connection = await asyncpg.connect(embedded_postgres.embedded.url(name, SUPERUSER))
        try:
            # The odd times of other columns are out of the range of triggers.
            await connection.execute("SET session_replication_role = replica")
            await connection.execute(
                "UPDATE notification_settings SET webhook_secret = $1"
                " WHERE id = (SELECT min(id) FROM notification_settings)",
                VAULT.seal("hidden", "notification_settings.webhook_secret"),
            )
        finally:
            await connection.close()

    with embedded_postgres.clone(odd_template) as url:
        asyncio.run(seal(urlsplit(url).path.removeprefix("/")))
        yield url


@pytest.fixture(scope="session")
def saved(source: str, tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """A dump of `source`; tests copy it before they damage it."""
    before = asyncio.run(held(source))
    manifest, file = asyncio.run(make_dump(source, tmp_path_factory.mktemp("saved"), VAULT, silent))
    return Saved(manifest, file, before)


@pytest.fixture
def empty(embedded_postgres: TestServer) -> Iterator[str]:
    """An empty database."""
    with embedded_postgres.clone("template0") as url:
        yield url
