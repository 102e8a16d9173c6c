"""The backups that `ccgraph serve` makes by itself. The record in the database says what is due."""

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Final

import asyncpg
import structlog

from app.backup import making
from app.backup.dumping import Busy
from app.backup.records import age_of_last
from app.config.errors import StartupError
from app.config.settings import Settings
from app.database.directory import DataDirectory
from app.database.embedded import EmbeddedServer
from services.core.background import pause

log = structlog.get_logger(__name__)

LOOK: Final = 60.0
"""Seconds from one look at what is due to the next."""

AFTER_FAILURE: Final = 900.0
"""Seconds that pass after a backup that failed."""

_DAILY: Final = timedelta(hours=24)
_VERIFY: Final = "from app.cli import main; main()"


def wanted(settings: Settings) -> bool:
    """True if the server makes backups by itself."""
    return settings.backup_every > 0 or settings.wal_archive


async def keep_backed_up(settings: Settings, look: float = LOOK) -> None:
    """Make what is due, for ever. Of several processes one makes it; the others find it made."""
    seconds = look
    while True:
        await pause(seconds)
        seconds = look
        try:
            await make_what_is_due(settings)
        except Busy:
            continue
        except (StartupError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            reason = str(error) if isinstance(error, StartupError) else type(error).__qualname__
            log.error("backup_failed", reason=reason)  # noqa: TRY400 - the sentence says it all
            seconds = max(look, AFTER_FAILURE)


async def make_what_is_due(settings: Settings) -> None:
    """A dump, a base backup, or nothing. Raises: StartupError."""
    if settings.database_url is None:
        return
    url = settings.database_url.get_secret_value()
    every = timedelta(hours=settings.backup_every)
    if every and await _is_due(url, "dump", every):
        made = await making.dump(settings, url, settings.backups, _silent, every)
        log.info("backup_made", path=str(made.path), rows=made.manifest.row_count, removed=made.removed)
        if settings.backup_verify:
            await _verify(settings, url, made.path)
    server = embedded_of(settings, url) if settings.wal_archive else None
    if server is not None and await _is_due(url, "base", every or _DAILY):
        made = await making.base(settings, server, settings.backups, _silent, every or _DAILY)
        log.info("base_backup_made", path=str(made.path), removed=made.removed)


def embedded_of(settings: Settings, url: str) -> EmbeddedServer | None:
    """The embedded server that a URL leads to; None when it is a server of one's own."""
    directory = DataDirectory(settings.data_dir.expanduser().absolute())
    holder = directory.holder()
    if holder is None or not holder.alive:
        return None
    server = EmbeddedServer(directory, Path(holder.sockets))
    return server if server.url() == url else None


async def _is_due(url: str, kind: str, every: timedelta) -> bool:
    age = await age_of_last(url, kind)
    return age is None or age >= every


async def _verify(settings: Settings, url: str, path: Path) -> None:
    """Let a process of its own read a dump back, which takes as much of a processor as it likes."""
    given = {"DATABASE_URL": url, "CCGRAPH_BACKUP_DIR": str(settings.backups)}
    for name, value in (
        ("CCGRAPH_SECRET_KEY", settings.secret_key),
        ("CCGRAPH_ENCRYPTION_KEYS", settings.encryption_keys),
    ):
        if value is not None:
            given[name] = value.get_secret_value()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _VERIFY, "backup", "--verify", str(path)),
        env={**os.environ, **given},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    if process.returncode == 0:
        log.info("backup_verified", path=str(path))
    else:
        log.error("backup_not_verified", path=str(path), reason=said.decode(errors="replace").strip()[-500:])


def _silent(step: str, done: int, whole: int) -> None:
    """Progress of a scheduled backup, which no person watches."""
