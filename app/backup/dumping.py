"""Makes a dump: the rows and the schema as of one moment, with figures to compare them by."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg

from app.backup import folder as files
from app.backup.manifest import Manifest, manifest_of, schema_of, sha256
from app.backup.records import age_of_last, note
from app.backup.tools import Failed, counting, run
from app.config.errors import StartupError
from app.database.reaching import reason
from app.database.wal_files import sync
from services.core.connecting import connect
from services.core.database import Connection
from services.secrets.vault import Vault
from services.system.backup_runs import Run
from services.system.contents import TABLES, WITHOUT, Told, contents, keys_in_use

LOCK: Final = int.from_bytes(b"ccbackup")
"""Any number serves, as long as nothing else of ours locks by it."""

_TABLE: Final = "dumping contents of table "
_LOCK_TIMEOUT: Final = 60_000
"""Milliseconds that pg_dump waits for a table that another session is altering."""

_REVISION: Final = "SELECT version_num FROM alembic_version"
_ABOUT: Final = """
SELECT gen_random_uuid() AS id, clock_timestamp() AS now, current_database() AS database,
    current_setting('server_version_num')::integer AS version,
    (pg_try_advisory_xact_lock($1)) AS locked
"""


class Busy(StartupError):
    """Another process makes a backup of the database."""

    def __init__(self) -> None:
        super().__init__("Another backup of this database is being made: wait for its end; none was made.")


async def make_dump(
    url: str, folder: Path, vault: Vault | None, told: Told, unless_within: timedelta | None = None
) -> tuple[Manifest, Path]:
    """Make a dump in `folder`, with its schema and its manifest beside it; whole, or not at all.

    It is recorded in `backup_runs`, and so is that it failed. Raises: StartupError; `Busy` when another
    process makes one, or one that is whole began within `unless_within`.
    """
    folder = await asyncio.to_thread(files.prepare, folder)
    async with exclusive(url) as (connection, begun):
        await refuse_double(url, "dump", unless_within)
        await asyncio.to_thread(files.clear_unfinished, folder)
        async with recorded(url, "dump", begun) as done:
            manifest, path = await _dumped(url, connection, folder, vault, begun, told)
            done(manifest, path)
    return manifest, path


class Begun:
    """The facts of a backup at its beginning."""

    def __init__(self, row: "asyncpg.Record") -> None:
        self.id: UUID = row["id"]
        self.at: datetime = row["now"]
        self.database: str = row["database"]
        self.server_version: int = row["version"]


@asynccontextmanager
async def exclusive(url: str) -> AsyncIterator[tuple[Connection, Begun]]:
    """A connection in a transaction that sees one moment, while no other process makes a backup.

    The lock ends with the transaction, so with the process too. Raises: `Busy`.
    """
    connection = await connect(
        url, settings={"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
    )
    try:
        # The lock comes first: a snapshot from before would be as old as the wait for it.
        transaction = connection.transaction(isolation="repeatable_read", readonly=True)
        await transaction.start()
        row = await connection.fetchrow(_ABOUT, LOCK)
        if row is None or not row["locked"]:
            raise Busy
        yield connection, Begun(row)
        await transaction.rollback()
    finally:
        connection.terminate()


async def refuse_double(url: str, kind: str, unless_within: timedelta | None) -> None:
    """`Busy` when a backup that is whole began within a time; asked while no other process makes one."""
    if unless_within is not None:
        age = await age_of_last(url, kind)
        if age is not None and age < unless_within:
            raise Busy


@asynccontextmanager
async def recorded(url: str, kind: str, begun: Begun) -> AsyncIterator["_Done"]:
    """Record what becomes of a backup; call what it gives when the backup is whole."""
    done = _Done()
    try:
        yield done
    except StartupError as error:
        await note(url, Run(begun.id, kind, begun.at, error=str(error)))
        raise
    if done.run is not None:
        await note(url, done.run)


class _Done:
    def __init__(self) -> None:
        self.run: Run | None = None

    def __call__(self, manifest: Manifest, path: Path) -> None:
        rows = manifest.row_count if manifest.tables else None
        self.run = Run(
            manifest.id,
            manifest.kind,
            manifest.started_at,
            manifest.finished_at,
            str(path),
            manifest.size,
            rows,
            list(manifest.keys),
        )


async def system_identifier(connection: Connection) -> str:
    """The identifier that tells a cluster from all others; empty where the role may not ask."""
    try:
        async with connection.transaction():
            return str(await connection.fetchval("SELECT system_identifier FROM pg_control_system()"))
    except asyncpg.InsufficientPrivilegeError:
        return ""


async def revision(connection: Connection) -> str | None:
    """The revision of the tables; None where there are none of ours."""
    try:
        async with connection.transaction():
            found: str | None = await connection.fetchval(_REVISION)
            return found
    except asyncpg.UndefinedTableError:
        return None


async def _dumped(
    url: str, connection: Connection, folder: Path, vault: Vault | None, begun: Begun, told: Told
) -> tuple[Manifest, Path]:
    name = files.free_name(folder, begun.database, begun.at, ".dump")
    found_revision = await revision(connection)
    if found_revision is None:
        raise StartupError(
            f"The database {begun.database} has no tables of ccgraph: correct DATABASE_URL or "
            "CCGRAPH_DATA_DIR; no backup was made."
        )
    keys = {key: vault.check_value(key) if vault else None for key in await keys_in_use(connection)}
    snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
    number = len(await connection.fetch(TABLES))
    with files.unfinished(folder, name) as making:
        made = making / f"{name}.dump"
        options = ["--snapshot", snapshot, f"--lock-wait-timeout={_LOCK_TIMEOUT}"]
        options += [f"--exclude-schema={schema}" for schema in WITHOUT]
        dump = [*options, "--format=custom", "--compress=6", "--verbose", "--file", str(made)]
        schema = [*options, "--schema-only", "--file", str(schema_of(made))]
        try:
            # The same snapshot, read twice at the same time: the tables come from the disk once.
            async with asyncio.TaskGroup() as work:
                tables = work.create_task(contents(connection, told))
                work.create_task(run("pg_dump", dump, url, counting(_TABLE, number, told)))
            await run("pg_dump", schema, url, lambda line: None)
        except* (Failed, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as failed:
            raise _translated(failed, folder) from None
        told("writing", 0, 1)
        with files.told(folder):
            size = made.stat().st_size
            digest = await asyncio.to_thread(sha256, made)
        finished: datetime = await connection.fetchval("SELECT clock_timestamp()")
        manifest = Manifest(
            id=begun.id,
            kind="dump",
            database=begun.database,
            system_identifier=await system_identifier(connection),
            revision=found_revision,
            server_version=begun.server_version,
            started_at=begun.at,
            finished_at=finished,
            size=size,
            sha256=digest,
            keys=keys,
            server_key=vault.check_value("server") if vault else None,
            tables=tables.result(),
        )
        path = folder / made.name
        with files.told(folder):
            await asyncio.to_thread(partial(_publish, made, path, manifest.text()))
        told("writing", 1, 1)
    return manifest, path


def _publish(made: Path, path: Path, manifest: str) -> None:
    """Give the files their names, that of the dump last: where it is, all is there and on the disk."""
    files.write(manifest_of(made), manifest)
    for one in (schema_of(made), manifest_of(made), made):
        one.chmod(0o600)
        one.rename(path.with_name(one.name))
    sync(path.parent)


def _translated(failed: "ExceptionGroup[Exception]", folder: Path) -> StartupError:
    """The sentence for what went wrong; what pg_dump says comes before what followed from it."""
    programs = [one for one in failed.exceptions if isinstance(one, Failed)]
    if any(one.disk_full for one in programs):
        return files.no_room(folder)
    text = "; ".join(str(one) for one in programs or [])
    if "server version mismatch" in text:
        return StartupError(
            "The server is newer than the pg_dump of this ccgraph: install a newer ccgraph, or use that "
            "server's own pg_dump; no backup was made."
        )
    text = text or f"The database could not be read ({reason(failed.exceptions[0])})"
    return StartupError(f"{text}: correct that and run it again; no backup was made.")
