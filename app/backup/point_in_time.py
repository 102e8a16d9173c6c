"""Brings the embedded server to a moment: a base backup, with the archived log played back on it."""

import asyncio
import fcntl
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from app.backup.base import MANIFEST, POSTGRES_MANIFEST, bases, require_readable
from app.backup.manifest import Manifest, sha256
from app.backup.restoring import refuse_unfit
from app.backup.verifying import scratch_folder
from app.config.errors import StartupError
from app.config.settings import Settings
from app.database.archiving import ARCHIVE, Archive, readable, recovery_settings, timeline_at
from app.database.directory import DataDirectory, cannot_use
from app.database.embedded import Say, embedded_server
from app.database.programs import Account, major_version, plain_environment, program
from services.core.connecting import connect
from services.secrets.vault import Vault
from services.system.contents import Told

_TOO_EARLY: Final = "recovery ended before configured recovery target was reached"
_DAMAGED: Final = ("could not restore file", "cannot be read", "invalid record", "invalid checkpoint")
_OTHER_LINE: Final = "is not a child of this server's history"


@dataclass(frozen=True, slots=True)
class Asked:
    """The point to go back to. `source` is a folder of backups; `moment` None is the end of the archived log.

    `timeline` is None for the one in which the server lived at the moment. Keys that are needed and not in
    `vault` are a reason to refuse, unless `without_keys`.
    """

    source: Path
    moment: datetime | None
    timeline: int | None = None
    vault: Vault | None = None
    without_keys: bool = False

    @property
    def archive(self) -> Path:
        """The folder of the archived log."""
        return self.source / ARCHIVE

    def timeline_for(self, identifier: str) -> str:
        """The timeline to follow, as `recovery_target_timeline` takes it."""
        if self.timeline is not None:
            return str(self.timeline)
        return "latest" if self.moment is None else timeline_at(self.archive, identifier, self.moment)


def recover(settings: Settings, asked: Asked, say: Say, told: Told) -> str:
    """Make the data directory of the settings hold what was committed until a moment; says which.

    Nothing is in the data directory before all is done. Raises: StartupError.
    """
    directory = DataDirectory(settings.data_dir.expanduser().absolute())
    directory.prepare()
    if directory.cluster.exists():
        raise StartupError(
            f"{directory.path} has a database: name a new folder by CCGRAPH_DATA_DIR, or move "
            f"{directory.cluster} away; nothing was changed."
        )
    candidates = _candidates(asked)
    with directory.locked(directory.lock, fcntl.LOCK_EX | fcntl.LOCK_NB) as lock:
        if lock is None:
            raise StartupError(f"{directory.path} is in use: end that command first; nothing was changed.")
        for manifest, base in candidates:
            with scratch_folder(directory.path) as scratch:
                _extract(manifest, base, DataDirectory(scratch), told)
                try:
                    reached = _play_back(settings, asked, manifest, scratch, say)
                except StartupError as error:
                    if _OTHER_LINE in str(error) and base != candidates[-1][1]:
                        continue
                    raise _translated(error, asked, manifest) from error
                (scratch / "postgres").rename(directory.cluster)
                return reached
    raise AssertionError("there is a last candidate")


def _candidates(asked: Asked) -> list[tuple[Manifest, Path]]:
    """The base backups from which the moment may be reached, the best first."""
    source, moment = asked.source, asked.moment
    try:
        found = bases(source)
    except OSError as error:
        raise StartupError(f"{source} cannot be read ({error.strerror}); nothing was changed.") from error
    if not found:
        require_readable(source)
        raise StartupError(
            f"There is no base backup in {source}: name the folder of backups by --from; `ccgraph backup "
            "--base` makes one; nothing was changed."
        )
    identifiers = {manifest.system_identifier for manifest, _ in found}
    if len(identifiers) > 1:
        raise StartupError(
            f"{source} has base backups of {len(identifiers)} servers: move those of the others away; "
            "nothing was changed."
        )
    fit = [one for one in found if moment is None or one[0].finished_at <= moment]
    if not fit:
        require_readable(source)
        raise StartupError(
            f"The oldest base backup in {source} was finished at {found[0][0].finished_at.isoformat()}: no "
            "earlier moment can be reached; nothing was changed."
        )
    if fit[-1][0].server_major != major_version():
        raise StartupError(
            f"{fit[-1][1]} was made by PostgreSQL {fit[-1][0].server_major} and this ccgraph runs PostgreSQL "
            f"{major_version()}: restore it by the ccgraph that made it; nothing was changed."
        )
    for manifest, path in fit:
        refuse_unfit(manifest, path, asked.vault, without_keys=asked.without_keys)
    return fit[::-1]


def _extract(manifest: Manifest, base: Path, target: DataDirectory, told: Told) -> None:
    """Check a base backup, and unpack it into a new data directory that waits for log to be played back."""
    if sha256(base / POSTGRES_MANIFEST) != manifest.sha256 or not _is_whole(base):
        raise StartupError(
            f"{base} is damaged: copy it again from its original place, or move it away to let an older base "
            "backup be used; nothing was changed."
        )
    target.prepare()
    account = Account.owner_of(target.cluster)
    target.cluster.mkdir(mode=0o700)
    try:
        for number, (name, folder) in enumerate((("base", "."), ("pg_wal", "pg_wal"))):
            told("unpacking", number, 2)
            with tarfile.open(base / f"{name}.tar.gz") as packed:
                packed.extractall(target.cluster / folder, filter="data")
        told("unpacking", 2, 2)
        # What the server of then complained of is not what this one does.
        shutil.rmtree(target.cluster / "log", ignore_errors=True)
        (target.cluster / "recovery.signal").touch(mode=0o600)
        target.lock.touch(mode=0o600)
        for path in [target.cluster, *target.cluster.rglob("*")]:
            path.chmod(0o700 if path.is_dir() else 0o600)
            account.give(path)
    except OSError as error:
        raise cannot_use(target.path.parent, error) from error


def _is_whole(base: Path) -> bool:
    """True if all files have the checksums that PostgreSQL noted. (The log of a tar file it cannot parse.)"""
    done = subprocess.run(
        [program("pg_verifybackup"), "--no-parse-wal", "--quiet", f"--ignore={MANIFEST}", str(base)],
        env=plain_environment(),
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def _play_back(settings: Settings, asked: Asked, manifest: Manifest, path: Path, say: Say) -> str:
    """Let PostgreSQL play the log back until the moment, and end."""
    identifier = manifest.system_identifier
    timeline = asked.timeline_for(identifier)
    until = None if asked.moment is None else asked.moment.isoformat(sep=" ")
    overrides = {**recovery_settings(asked.archive, until, timeline), "logging_collector": "off"}
    keeping = (
        Archive(settings.backups / ARCHIVE, settings.wal_archive_timeout) if settings.wal_archive else None
    )
    with embedded_server(
        path,
        command="ccgraph restore",
        alone=True,
        overrides=overrides,
        archive=keeping,
        reach=readable(asked.archive, identifier),
        say=lambda _: say("PostgreSQL plays the archived log back; this may take a while"),
    ) as server:
        asyncio.run(_answers(server.url()))
    return ("the end of the archived log" if until is None else until) + (
        "" if timeline in ("1", "latest") else f", on timeline {timeline}"
    )


async def _answers(url: str) -> None:
    connection = await connect(url)
    try:
        await connection.fetchval("SELECT count(*) FROM alembic_version")
    finally:
        connection.terminate()


def _translated(error: StartupError, asked: Asked, manifest: Manifest) -> StartupError:
    if _TOO_EARLY in str(error):
        until = asked.moment.isoformat() if asked.moment else "that"
        return StartupError(
            f"The archived log in {asked.source} ends before {until}: give an earlier moment, or `--at "
            "latest` for its end (CCGRAPH_WAL_ARCHIVE_TIMEOUT says how late a change is archived; a server "
            "that is stopped normally archives all); nothing was changed."
        )
    if any(sign in str(error) for sign in _DAMAGED):
        return StartupError(
            f"A file of the archived log in {asked.archive} is damaged ({error}): copy it again from its "
            "original place, or give a moment before it; nothing was changed."
        )
    return StartupError(f"The base backup {manifest.id} cannot be played forward ({error}).")
