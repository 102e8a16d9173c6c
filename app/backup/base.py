"""Makes a base backup of the embedded server: its files, on which the archived log can be played back."""

import asyncio
import json
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from app.backup import folder as files
from app.backup.dumping import exclusive, recorded, refuse_double, revision
from app.backup.manifest import Manifest, read_manifest, sha256
from app.backup.tools import Failed, run
from app.config.errors import StartupError
from app.database.archiving import ARCHIVE, remove_before, segment_of, system_identifier
from app.database.configuration import SUPERUSER
from app.database.embedded import EmbeddedServer
from app.database.wal_files import sync
from services.secrets.vault import Vault
from services.system.contents import Told, keys_in_use

MANIFEST: Final = "ccgraph.json"
POSTGRES_MANIFEST: Final = "backup_manifest"
_PROGRESS: Final = re.compile(r"\s*(\d+)/(\d+) kB")


async def make_base(
    server: EmbeddedServer,
    folder: Path,
    vault: Vault | None,
    told: Told,
    unless_within: timedelta | None = None,
) -> tuple[Manifest, Path]:
    """Make a base backup in `folder`/base: a folder of its own, whole or not at all; recorded as dumps are.

    Raises: StartupError, as `make_dump`.
    """
    folder = await asyncio.to_thread(files.prepare, folder / files.BASES)
    url = server.url()
    async with exclusive(url) as (connection, begun):
        await refuse_double(url, "base", unless_within)
        await asyncio.to_thread(files.clear_unfinished, folder)
        name = files.free_name(folder, begun.database, begun.at)
        async with recorded(url, "base", begun) as done:
            keys = {key: vault.check_value(key) if vault else None for key in await keys_in_use(connection)}
            with files.unfinished(folder, name) as making:
                made = making / name
                await _copied(server, made, folder, told)
                finished: datetime = await connection.fetchval("SELECT clock_timestamp()")
                manifest = Manifest(
                    id=begun.id,
                    kind="base",
                    database=begun.database,
                    system_identifier=system_identifier(server.directory.cluster),
                    revision=await revision(connection),
                    server_version=begun.server_version,
                    started_at=begun.at,
                    finished_at=finished,
                    size=sum(path.stat().st_size for path in made.iterdir()),
                    sha256=await asyncio.to_thread(sha256, made / POSTGRES_MANIFEST),
                    keys=keys,
                    server_key=vault.check_value("server") if vault else None,
                    tables={},
                    first_wal=_first_segment(made / POSTGRES_MANIFEST),
                )
                with files.told(folder):
                    for path in made.iterdir():
                        path.chmod(0o600)
                    files.write(made / MANIFEST, manifest.text())
                    sync(made)
                    made.chmod(0o700)
                    made.rename(folder / name)
                    sync(folder)
            done(manifest, folder / name)
    return manifest, folder / name


def bases(folder: Path, identifier: str | None = None) -> list[tuple[Manifest, Path]]:
    """The whole base backups in a folder of backups, the oldest first.

    One whose manifest cannot be read is left out: it keeps no other from being used.
    """
    found = []
    for path in _manifests(folder):
        with suppress(StartupError):
            manifest = read_manifest(path)
            if identifier is None or manifest.system_identifier == identifier:
                found.append((manifest, path.parent))
    return sorted(found, key=lambda one: one[0].started_at)


def require_readable(folder: Path) -> None:
    """Check that the manifests of a base backup can be read. Raises: StartupError for one that cannot."""
    for path in _manifests(folder):
        read_manifest(path)


def _manifests(folder: Path) -> list[Path]:
    found = sorted((folder / files.BASES).glob(f"*/{MANIFEST}"))
    return [path for path in found if not path.parent.name.startswith(files.PARTIAL)]


def remove_old_bases(folder: Path, newest: Manifest, keep: timedelta) -> list[UUID]:
    """Remove base backups that no moment of the last `keep` needs, and the log before the first that stays.

    One that is older stays: from it the first moments of that time are reached.
    """
    mine = bases(folder, newest.system_identifier)
    old = [one for one in mine if one[0].finished_at < newest.started_at - keep]
    removed = []
    for manifest, path in old[:-1]:
        with files.told(folder):
            # Its own manifest goes first: what is left of a killed removal is no base backup.
            (path / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(path, ignore_errors=True)
        removed.append(manifest.id)
    try:
        require_readable(folder)
    except StartupError:
        return removed  # which log that one needs is unknown
    first = min((one[0].first_wal for one in mine if one[0].id not in removed), key=lambda name: name[8:])
    archive = folder / ARCHIVE / newest.system_identifier
    if archive.is_dir():
        with files.told(folder):
            remove_before(archive, first)
    return removed


async def _copied(server: EmbeddedServer, made: Path, folder: Path, told: Told) -> None:
    options = ["--format=tar", "--gzip", "--wal-method=stream", "--checkpoint=fast", "--no-password"]
    options += ["--manifest-checksums=SHA256", "--label=ccgraph", "--progress", "--pgdata", str(made)]
    try:
        await run("pg_basebackup", options, server.url("postgres", SUPERUSER), _copying(told))
    except Failed as failed:
        if failed.disk_full:
            raise files.no_room(folder) from None
        raise StartupError(f"{failed}: correct that and run it again; no backup was made.") from None


def _copying(told: Told) -> Callable[[str], None]:
    def heard(line: str) -> None:
        if found := _PROGRESS.match(line):
            told("kB", int(found[1]), max(int(found[1]), int(found[2])))

    return heard


def _first_segment(manifest: Path) -> str:
    """The first segment of the log that a base backup needs."""
    plain: dict[str, Any] = json.loads(manifest.read_text())
    first = plain["WAL-Ranges"][0]
    return segment_of(first["Start-LSN"], first["Timeline"])
