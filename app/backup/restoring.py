"""Reads a dump into an empty database, in one transaction that also compares what has come."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import disk_usage
from typing import Final

from app.backup.manifest import Damaged, Manifest
from app.backup.tools import Tool, counting, opened, running
from app.config.errors import StartupError
from migrations.run import LOCK, knows
from services.core.connecting import connect
from services.core.database import Connection
from services.secrets.vault import Vault
from services.system.contents import (
    OBJECTS,
    RENEW_FEED,
    SAME_SPELLING,
    TABLES,
    Content,
    Told,
    content_query,
    differences,
)

_PIECE: Final = 1 << 18
_SEGMENTS: Final = 2 * 16 * 1024 * 1024
"""Bytes of two segments of PostgreSQL's log."""
_OWN_OPTION: Final = re.compile(rb"ALTER TABLE ONLY .+ ALTER COLUMN .+ SET \(pg_attver=\d+\);\n")
"""What builds of PostgreSQL 15 note of each column by themselves, and no other version takes."""

_TABLE: Final = "processing data for table"
_UNKNOWN: Final = b"SET transaction_timeout = 0;\n"
"""What servers before PostgreSQL 17 do not know."""

_MARK: Final = "ccgraph: the rows have come"
_SECTIONS: Final = ("--no-owner", "--no-privileges", "--no-publications", "--no-subscriptions")
"""Roles, publications and subscriptions are those of the server that the dump came from."""


def refuse_unfit(manifest: Manifest, file: Path, vault: Vault | None, *, without_keys: bool) -> None:
    """Check that a dump fits this release.

    Raises: StartupError for a newer one, or one whose keys are not here.
    """
    if manifest.revision is not None and not knows(manifest.revision):
        raise StartupError(
            f"{file} was made at revision {manifest.revision}, which this ccgraph does not know: install "
            f"ccgraph {manifest.ccgraph_version} or newer; nothing was changed."
        )
    missing = [] if without_keys else missing_keys(manifest, vault)
    if missing:
        raise StartupError(f"{file} needs {' and '.join(missing)}. {_ABOUT_KEYS}")


_ABOUT_KEYS: Final = (
    "Set CCGRAPH_ENCRYPTION_KEYS, or CCGRAPH_SECRET_KEY for the key `server`, as they were when it was made "
    "(an embedded server keeps it in the file secret_key of its data directory); or give --without-keys, and "
    "the values sealed with them stay unreadable until the keys are set; nothing was changed."
)


def missing_keys(manifest: Manifest, vault: Vault | None) -> list[str]:
    """A phrase for each key that values in the backup need and that is not here."""
    missing = []
    for name, check in manifest.keys.items():
        here = vault.check_value(name) if vault else None
        if here is None:
            missing.append(f"the encryption key `{name}`, which is not set")
        elif check is not None and check != here:
            missing.append(f"the encryption key `{name}`, and the key of this name is another one")
    return missing


async def read_dump(url: str, manifest: Manifest, file: Path, told: Told, home: Path | None = None) -> None:
    """Read a dump into the database of `url`, or leave that as it was.

    `home` is the folder of the server's files, where they are on this machine.

    Raises: StartupError when the database is not empty, is older than the dump, or something fails.
    """
    async with _alone(url, file) as connection:
        await _refuse_unfit_server(connection, manifest, file)
        await _read(url, manifest, file, told, home)


@asynccontextmanager
async def _alone(url: str, file: Path) -> AsyncIterator[Connection]:
    """Hold the lock of migrations, so that no other process makes tables in the database."""
    connection = await connect(url, settings={"statement_timeout": "0"})
    try:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
            raise StartupError(
                f"The database is being migrated or restored by another process: {file} was not read, "
                "nothing was changed."
            )
        yield connection
    finally:
        connection.terminate()


async def _refuse_unfit_server(connection: Connection, manifest: Manifest, file: Path) -> None:
    if objects := await connection.fetchval(OBJECTS):
        raise StartupError(
            f"The database is not empty ({objects} tables, views and sequences): name a new one by "
            "CCGRAPH_DATA_DIR or DATABASE_URL, or empty this one (docs/operations.md shows how); nothing was "
            "changed."
        )
    major = connection.get_server_version().major
    if manifest.server_major > major:
        raise StartupError(
            f"{file} was made by PostgreSQL {manifest.server_major} and this server is PostgreSQL {major}: "
            "restore it into one that is not older; `ccgraph pg-restore` tries it anyway; nothing was "
            "changed."
        )


async def _read(url: str, manifest: Manifest, file: Path, told: Told, home: Path | None) -> None:
    restoring = [*_SECTIONS, "--verbose", "--file=-", str(file)]
    reading = ["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1", "--file=-"]
    pipe = asyncio.subprocess.PIPE
    async with (
        running("psql", reading, url, stdin=pipe, stdout=pipe) as psql,
        running(
            "pg_restore", restoring, None, heard=counting(_TABLE, len(manifest.tables), told), stdout=pipe
        ) as script,
    ):
        session = _Session(psql)
        try:
            await session.send("BEGIN;\nCREATE SCHEMA IF NOT EXISTS public;\n")
            await _copy(script, session)
            if await script.ended() != 0:
                sentence = f"{file} is damaged ({script.complaint()}); nothing was changed."
                raise Damaged(sentence, manifest.id)
            found = await _found(session, told)
            if wrong := differences(manifest.tables, found):
                sentence = f"{file} did not come back as it was saved ({'; '.join(wrong[:3])})"
                raise Damaged(f"{sentence}; nothing was changed.", manifest.id)
            await session.send(f"SET search_path = public;\n{RENEW_FEED};\nCOMMIT;\n")
            await session.end()
        except (BrokenPipeError, ConnectionResetError) as error:
            # The server refused something, so psql ended, and with it the transaction.
            await psql.ended()
            raise _refused(psql, file, home) from error


class _Session:
    """A transaction in psql, which commits nothing but what it is told to commit."""

    def __init__(self, psql: Tool) -> None:
        self._psql = psql
        self._stdin = opened(psql.process.stdin)
        self._stdout = opened(psql.process.stdout)

    async def send(self, text: str | bytes) -> None:
        """Give it a piece of the script. Raises: BrokenPipeError where it has ended."""
        try:
            self._stdin.write(text.encode() if isinstance(text, str) else text)
            await self._stdin.drain()
        except RuntimeError as error:  # uvloop's, of a pipe that is closed already
            raise BrokenPipeError from error

    async def rows(self, sql: str) -> Sequence[str]:
        """The lines that a statement gives, after those of all statements before it.

        Raises: BrokenPipeError where psql has ended.
        """
        await self.send(f"SELECT '{_MARK}';\n{sql};\nSELECT '{_MARK}';\n")
        found: list[str] = []
        marks = 0
        while marks < 2:
            line = (await self._stdout.readline()).decode()
            if not line:
                raise BrokenPipeError
            if line.rstrip("\n") == _MARK:
                marks += 1
            elif marks:
                found.append(line.rstrip("\n"))
        return found

    async def end(self) -> None:
        """Let it end. Raises: BrokenPipeError unless all went well."""
        self._stdin.close()
        await self._stdout.read()
        if await self._psql.ended() != 0:
            raise BrokenPipeError


async def _copy(script: Tool, session: _Session) -> None:
    """Pass the script on, without what only the server knows that it came from, or only newer ones."""
    output = opened(script.process.stdout)
    while line := await output.readline():
        if line != _UNKNOWN and _OWN_OPTION.fullmatch(line) is None:
            await session.send(line)
        if line.startswith(b"COPY "):  # from here on there are rows, of which nothing is left out
            break
    while piece := await output.read(_PIECE):
        await session.send(piece)


async def _found(session: _Session, told: Told) -> dict[str, Content]:
    """The contents of the tables, read within the transaction."""
    await session.send(f"RESET ALL;\nSET statement_timeout = 0;\n{SAME_SPELLING}")
    names = [line for line in await session.rows(TABLES) if line]
    found = {}
    for number, name in enumerate(names):
        told("comparing", number, len(names))
        [line] = await session.rows(content_query(name))
        _, rows, digest = line.rsplit("|", 2)
        found[name] = Content(int(rows), digest)
    told("comparing", len(names), len(names))
    return found


def _refused(psql: Tool, file: Path, home: Path | None) -> StartupError:
    # A server that cannot write its log ends without a word to those who are connected.
    if psql.disk_full or (psql.is_cut_off and home is not None and disk_usage(home).free < _SEGMENTS):
        return StartupError(
            f"There is no room for {file} on the disk of the database: free some space, or restore into a "
            "server on another disk; nothing was changed."
        )
    return StartupError(
        f"The database did not take {file} ({psql.complaint()}): correct that, or restore into another "
        "server; nothing was changed."
    )
