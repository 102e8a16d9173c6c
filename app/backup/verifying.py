"""Reads a dump back into a scratch PostgreSQL of its own, which is gone afterwards."""

import fcntl
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time
from typing import Final

from app.backup.folder import prepare
from app.database.directory import DataDirectory
from app.database.embedded import EmbeddedServer, embedded_server

SCRATCH: Final = ".scratch-"
_AGE_WITHOUT_LOCK: Final = 60.0
"""Seconds after which a scratch folder without a lock file was left behind."""

_FAST: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "logging_collector": "off",
}
"""What fails is thrown away, so nothing of it has to be kept."""


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """A path for a data directory below `folder`, removed with the block; those that kills left go too."""
    made = not folder.exists()
    folder = prepare(folder)
    _clear(folder)
    path = folder / f"{SCRATCH}{secrets.token_hex(6)}"
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if made and not any(folder.iterdir()):
            folder.rmdir()


@contextmanager
def scratch_server(folder: Path, command: str) -> Iterator[EmbeddedServer]:
    """A PostgreSQL with an empty database of ours, for as long as the block lasts."""
    with (
        scratch_folder(folder) as path,
        embedded_server(path, command=command, alone=True, overrides=_FAST) as server,
    ):
        yield server


def _clear(folder: Path) -> None:
    """Every PostgreSQL process holds the lock of its data directory, so a free lock says that none works."""
    for path in folder.glob(f"{SCRATCH}*"):
        directory = DataDirectory(path)
        try:
            if not directory.lock.exists():
                if time() - path.stat().st_mtime > _AGE_WITHOUT_LOCK:
                    shutil.rmtree(path, ignore_errors=True)
                continue
            with directory.locked(directory.lock, fcntl.LOCK_EX | fcntl.LOCK_NB) as free:
                if free is not None:
                    shutil.rmtree(path, ignore_errors=True)
        except FileNotFoundError:  # another process clears it
            continue
