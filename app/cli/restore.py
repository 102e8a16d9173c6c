"""`ccgraph restore`: a dump into an empty database, or the embedded server as of a moment."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import typer
from pydantic import SecretStr
from sqlalchemy import text

from app.backup.manifest import Manifest, whole_dump
from app.backup.point_in_time import Asked, recover
from app.backup.restoring import missing_keys, read_dump, refuse_unfit
from app.cli.console import Steps, ending_well, say
from app.cli.data import show
from app.cli.opening import run
from app.config.errors import StartupError
from app.config.settings import Settings, load_settings
from app.database import Location, located
from app.database.directory import DataDirectory, cannot_use
from app.database.pools import open_database
from app.database.revisions import migrate
from models.spellings import read_moment
from services.delivery.queue import call_off_waiting, count_waiting
from services.secrets.vault import Vault
from services.system.contents import END_CURSORS
from services.system.integrity import Finding, examine

_LONGEST = 3600.0
"""Seconds that statistics, or the look through the data, may take."""

_PARTITIONS = "SELECT ccgraph_create_partitions()"

AMISS = 3
"""Exit code: it was restored, and the integrity check found something to look at."""


def restore(file: Path, *, without_keys: bool, discard_waiting: bool) -> None:
    """Read a dump into the empty database of the settings, migrate it and look through it."""
    settings = load_settings()
    file = file.expanduser().absolute()
    with ending_well():
        manifest = whole_dump(file)
        vault = _vault(settings)
        refuse_unfit(manifest, file, vault, without_keys=without_keys)
        with (
            _as_it_was(settings),
            located(settings, command="ccgraph restore", alone=True, say=say) as found,
        ):
            with Steps() as steps:
                home = settings.data_dir if settings.database_url is None else None
                run(read_dump(found.url, manifest, file, steps.told, home))
            findings = _made_usable(found, _PARTITIONS)
            waiting = _waiting(found, discard=discard_waiting)
    say(f"{manifest.row_count} rows in {len(manifest.tables)} tables restored from {file}.")
    _warn_of_keys(manifest, vault)
    _tell_of_waiting(waiting, discarded=discard_waiting)
    if not show(findings):
        raise typer.Exit(AMISS)


def restore_at(
    moment: str, source: Path | None, timeline: int | None, *, without_keys: bool, discard_waiting: bool
) -> None:
    """Bring the embedded server to a moment, in a data directory without a database."""
    settings = load_settings()
    if settings.database_url is not None:
        raise StartupError(
            "`--at` restores the embedded PostgreSQL, and DATABASE_URL names a server of your own: use "
            "pgBackRest for that one (docs/operations.md shows how); nothing was changed."
        )
    with ending_well():
        folder = (source or settings.backups).expanduser().absolute()
        asked = Asked(folder, _at(moment), timeline, _vault(settings), without_keys)
        with _as_it_was(settings), Steps() as steps:
            reached = recover(settings, asked, say, steps.told)
        with located(settings, command="ccgraph restore", alone=True, say=say) as found:
            findings = _made_usable(found, _PARTITIONS, END_CURSORS)
            waiting = _waiting(found, discard=discard_waiting)
    say(f"Restored as of {reached}.")
    _tell_of_waiting(waiting, discarded=discard_waiting)
    if not show(findings):
        raise typer.Exit(AMISS)


def _at(moment: str) -> datetime | None:
    """The time that was asked for; None for the last one that can be reached."""
    if moment == "latest":
        return None
    try:
        return read_moment(moment.strip().replace(" ", "T", 1))
    except ValueError as error:
        raise StartupError(f"--at {error}, or `latest`; nothing was changed.") from None


def _vault(settings: Settings) -> Vault | None:
    """The keys with which the restored server would run; None when it has none yet."""
    if settings.secret_key is not None:
        return settings.vault()
    kept = DataDirectory(settings.data_dir.expanduser().absolute()).secret_key
    if settings.database_url is not None or not kept.exists():
        return None
    try:
        return settings.model_copy(update={"secret_key": SecretStr(kept.read_text().strip())}).vault()
    except OSError as error:
        raise cannot_use(kept, error) from error


@contextmanager
def _as_it_was(settings: Settings) -> Iterator[None]:
    """Leave nothing in the data directory that was not there before, if the block fails."""
    directory = DataDirectory(settings.data_dir.expanduser().absolute())
    existed = directory.path.exists()
    before = {path.name for path in directory.path.iterdir()} if existed else set()
    try:
        yield
    except BaseException:
        if not existed:
            with suppress(OSError):
                directory.path.rmdir()  # nothing has been put there
        if settings.database_url is None and directory.lock.exists():
            with directory.locked(directory.lock, fcntl.LOCK_EX | fcntl.LOCK_NB) as free:
                if free is not None:
                    _remove_what_is_new(directory.path, before, existed=existed)
        raise


def _remove_what_is_new(folder: Path, before: set[str], *, existed: bool) -> None:
    if not existed:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in folder.iterdir():
        if path.name not in before:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _made_usable(found: Location, *statements: str) -> list[Finding]:
    """Migrate, run what the tables need, gather statistics, and look through the data."""

    async def make() -> list[Finding]:
        await migrate(found.url, say)
        async with open_database(found.settings) as database:
            for statement in (*statements, "ANALYZE"):
                async with database.transaction(within=_LONGEST) as connection:
                    await connection.execute(text("SET LOCAL statement_timeout = 0"))
                    await connection.execute(text(statement))
            async with database.transaction(within=_LONGEST) as connection:
                await connection.execute(text("SET LOCAL statement_timeout = 0"))
                return await examine(connection)

    return run(make())


def _waiting(found: Location, *, discard: bool) -> int:
    """The number of notifications that wait to be sent; with `discard` they are called off."""

    async def look() -> int:
        async with (
            open_database(found.settings) as database,
            database.transaction(within=_LONGEST) as connection,
        ):
            return await (call_off_waiting if discard else count_waiting)(connection)

    return run(look())


def _tell_of_waiting(number: int, *, discarded: bool) -> None:
    if number and discarded:
        say(f"Notifications called off: {number}; no worker sends them.")
    elif number:
        say(
            f"Notifications that wait to be sent: {number}. The first worker sends them, also those that "
            "were sent after the backup was made. For a copy that is looked at, run "
            "`ccgraph serve --no-worker`, or restore with --discard-waiting."
        )


def _warn_of_keys(manifest: Manifest, vault: Vault | None) -> None:
    for phrase in missing_keys(manifest, vault):
        say(f"It needs {phrase}: values sealed with it cannot be read until it is set.")
    here = vault.check_value("server") if vault else None
    if manifest.server_key is not None and manifest.server_key != here:
        say("The secret key is another one than when it was made: tokens from before are refused.")
