"""`ccgraph backup`: a dump, a base backup, or a trial of a dump."""

from contextlib import suppress
from pathlib import Path
from uuid import UUID

from app.backup import making
from app.backup.manifest import Damaged, Manifest, whole_dump
from app.backup.records import note_verified
from app.backup.restoring import read_dump
from app.backup.verifying import scratch_server
from app.cli.console import Steps, ending_well, results, say
from app.cli.opening import require_existing, run
from app.config.errors import StartupError
from app.config.settings import Settings, load_settings
from app.database import located


def backup(to: Path | None) -> None:
    """Make a dump, print its path, and remove those that are past their days."""
    settings = load_settings()
    require_existing(settings)
    with ending_well(), located(settings, command="ccgraph backup", say=say) as found, Steps() as steps:
        made = run(making.dump(found.settings, found.url, _folder(settings, to), steps.told))
    _tell(made)
    say(_described(made.manifest))


def base(to: Path | None) -> None:
    """Make a base backup of the embedded server, print its path, and remove what is past its days."""
    settings = load_settings()
    if settings.database_url is not None:
        raise StartupError(
            "`--base` copies the files of the embedded PostgreSQL, and DATABASE_URL names a server of your "
            "own: use pgBackRest for that one (docs/operations.md shows how); no backup was made."
        )
    require_existing(settings)
    with ending_well(), located(settings, command="ccgraph backup", say=say) as found, Steps() as steps:
        if found.embedded is not None:
            made = run(making.base(found.settings, found.embedded, _folder(settings, to), steps.told))
    _tell(made)
    if not settings.wal_archive:
        say("Set CCGRAPH_WAL_ARCHIVE=true as well, or it can be restored as it is, and to no later time.")


def verify(file: Path) -> None:
    """Read a dump into a scratch database and compare it; what came out is recorded."""
    settings = load_settings()
    file = file.expanduser().absolute()
    with ending_well():
        try:
            manifest = whole_dump(file)
            with scratch_server(settings.backups, "ccgraph backup --verify") as server, Steps() as steps:
                run(read_dump(server.url(), manifest, file, steps.told, server.directory.path))
        except Damaged as damaged:
            if damaged.key is not None:
                _record(settings, damaged.key, same=False)
            raise
        _record(settings, manifest.id, same=True)
    say(f"{file} is good: {_described(manifest)}, each the same as when it was saved.")


def _folder(settings: Settings, to: Path | None) -> Path:
    return settings.backups if to is None else to.expanduser().absolute()


def _record(settings: Settings, key: UUID, *, same: bool) -> None:
    """Record a trial in the database that the backup was made of, where that is the one of the settings."""
    if settings.database_url is None and not (settings.data_dir / "postgres").exists():
        return
    # A trial is good whether or not the database can be told of it.
    with suppress(StartupError, OSError), located(settings, command="ccgraph backup") as found:
        run(note_verified(found.url, key, same=same))


def _described(manifest: Manifest) -> str:
    keys = ", ".join(manifest.keys)
    return f"{manifest.row_count} rows in {len(manifest.tables)} tables, {manifest.size} bytes, " + (
        f"encryption keys needed: {keys}" if keys else "no encryption key needed"
    )


def _tell(made: making.Made) -> None:
    results.print(str(made.path), soft_wrap=True, markup=False, highlight=False)
    if made.removed:
        say(f"{made.removed} older backups removed (CCGRAPH_BACKUP_KEEP_DAYS).")
