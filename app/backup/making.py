"""One backup from its beginning to its end: made, recorded, and older ones removed."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from app.backup import folder as files
from app.backup.base import make_base, remove_old_bases
from app.backup.dumping import make_dump
from app.backup.manifest import Manifest
from app.backup.records import note_removed
from app.config.settings import Settings
from app.database.embedded import EmbeddedServer
from services.system.contents import Told


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made, and how many older ones were removed for it."""

    manifest: Manifest
    path: Path
    removed: int


async def dump(
    settings: Settings, url: str, folder: Path, told: Told, unless_within: timedelta | None = None
) -> Made:
    """Make a dump. Raises: StartupError; `Busy` too when the last one began within `unless_within`."""
    vault = settings.vault() if settings.secret_key else None
    manifest, path = await make_dump(url, folder, vault, told, unless_within)
    removed = files.remove_old_dumps(path.parent, manifest, timedelta(days=settings.backup_keep_days))
    await note_removed(url, removed)
    return Made(manifest, path, len(removed))


async def base(
    settings: Settings,
    server: EmbeddedServer,
    folder: Path,
    told: Told,
    unless_within: timedelta | None = None,
) -> Made:
    """Make a base backup; as `dump` otherwise."""
    vault = settings.vault() if settings.secret_key else None
    manifest, path = await make_base(server, folder, vault, told, unless_within)
    removed = remove_old_bases(folder, manifest, timedelta(days=settings.backup_keep_days))
    await note_removed(server.url(), removed)
    return Made(manifest, path, len(removed))
