"""Locks of files between the processes of one user; a lock ends with the process that holds it."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from app.config.errors import StartupError

_PAUSE: Final = 0.05


@contextmanager
def held(path: Path, within: float = 0.0) -> Iterator[bool]:
    """Hold the lock of a file, which is made; False when another process holds it for so many seconds.

    Raises: OSError where the file cannot be made or opened.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield locked(descriptor, within)
    finally:
        os.close(descriptor)


@contextmanager
def changing(folder: Path, within: float = 10.0) -> Iterator[None]:
    """Hold a folder of Claude Code's, or the one above it that is there, while its settings are changed.

    Raises: StartupError where another process holds it for so many seconds.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    descriptor = os.open(there, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not locked(descriptor, within):
            raise StartupError(
                f"Another command changes the settings in {folder} at this moment: let it end, and run this "
                "one again; nothing was changed."
            )
        yield
    finally:
        os.close(descriptor)


def locked(descriptor: int, within: float = 0.0) -> bool:
    """Lock an open file until it is closed; False when another process holds it for so many seconds."""
    deadline = time.monotonic() + within
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE)
        else:
            return True
