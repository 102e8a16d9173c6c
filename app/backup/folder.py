"""The folder of backups: how files are named, become whole, and go."""

import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from app.backup.manifest import Manifest, manifest_of, read_manifest, schema_of
from app.config.errors import StartupError

PARTIAL: Final = ".partial-"
"""What the name of an unfinished backup begins with."""

BASES: Final = "base"
_OF_POSTGRES: Final = "PG_VERSION"
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def prepare(folder: Path) -> Path:
    """Make the folder, in which others list nothing, unless it is there.

    Raises: StartupError, also for one within PostgreSQL's own data directory, where backups would be lost
    with what they are of, and copied into each base backup.
    """
    folder = folder.expanduser().absolute()
    with told(folder):
        real = folder.resolve()
        for parent in (real, *real.parents):
            if (parent / _OF_POSTGRES).exists():
                raise StartupError(
                    f"{folder} is within {parent}, a data directory of PostgreSQL: name another folder by "
                    "--to or CCGRAPH_BACKUP_DIR, better one on another disk; no backup was made."
                )
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)  # root's PostgreSQL runs as another user
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
    return folder


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """Turn what the operating system refuses in a folder of backups into a sentence."""
    try:
        yield
    except OSError as error:
        raise refused(folder, error) from error


def refused(folder: Path, error: OSError) -> StartupError:
    """The sentence for an error of the operating system."""
    if error.errno in _FULL:
        return no_room(folder)
    return StartupError(
        f"{error.filename or folder} cannot be used ({error.strerror}): let this user write to it, or name "
        "another folder by --to or CCGRAPH_BACKUP_DIR; no backup was made."
    )


def no_room(folder: Path) -> StartupError:
    """The sentence for a disk without room."""
    return StartupError(
        f"There is no room left for the backup in {folder}: free some space, name another folder by --to or "
        "CCGRAPH_BACKUP_DIR, or keep backups for fewer days (CCGRAPH_BACKUP_KEEP_DAYS); no backup was made."
    )


@contextmanager
def unfinished(folder: Path, name: str) -> Iterator[Path]:
    """A new folder for a backup in the making, which is removed with the block, whatever it holds then.

    It is locked meanwhile, so what a killed process left behind is known by its free lock.
    """
    path = folder / f"{PARTIAL}{name}-{secrets.token_hex(4)}"
    with told(folder):
        path.mkdir(mode=0o700)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def clear_unfinished(folder: Path) -> None:
    """Remove what killed backups left behind."""
    for path in folder.glob(f"{PARTIAL}*"):
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(descriptor)
    for manifest in folder.glob("*.dump.json"):
        dump = manifest.with_suffix("")
        if not dump.exists() and _is_old(manifest):
            manifest.unlink(missing_ok=True)
            schema_of(dump).unlink(missing_ok=True)


def free_name(folder: Path, database: str, moment: datetime, ending: str = "") -> str:
    """A name for a new backup, without an ending: database and time (UTC), and a number if it is taken."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", database)
    stem = f"{plain}-{moment.astimezone(UTC).strftime(_STAMP)}"
    taken = (name for name in (stem, *(f"{stem}-{number}" for number in range(2, 1000))))
    return next(name for name in taken if not (folder / f"{name}{ending}").exists())


def write(path: Path, text: str) -> None:
    """Write a file for this user alone, down to the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def dumps(folder: Path, database: str) -> list[tuple[Manifest, Path]]:
    """The whole dumps of a database, the oldest first. Files that cannot be read are left out."""
    found = []
    for manifest in folder.glob("*.dump.json"):
        file = manifest.with_suffix("")
        if file.exists():
            with suppress(StartupError):
                read = read_manifest(manifest)
                if read.database == database:
                    found.append((read, file))
    return sorted(found, key=lambda one: one[0].started_at)


def remove_old_dumps(folder: Path, newest: Manifest, keep: timedelta) -> list[UUID]:
    """Remove the dumps of the same database that are older than `keep` before the newest; their ids."""
    removed = []
    for manifest, file in dumps(folder, newest.database):
        same = manifest.system_identifier == newest.system_identifier
        if same and manifest.id != newest.id and manifest.started_at < newest.started_at - keep:
            with told(folder):
                file.unlink(missing_ok=True)
                schema_of(file).unlink(missing_ok=True)
                manifest_of(file).unlink(missing_ok=True)
            removed.append(manifest.id)
    return removed


def _is_old(path: Path) -> bool:
    """True if a file is more than an hour old: a younger one may be another database's, still being
    written.
    """
    age = datetime.now(UTC).timestamp() - path.stat().st_mtime
    return age > timedelta(hours=1).total_seconds()
