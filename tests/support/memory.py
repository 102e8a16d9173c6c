"""The place of a run's temporary folders: in memory, if there is enough of it.

A database of a test's own is a copy of 700 files. On a disk that takes ten times as long, and most of it is
the processor's time.
"""

import os
import shutil
from pathlib import Path

ROOT = "PYTEST_DEBUG_TEMPROOT"
"""The variable that names the place of pytest's folders."""

_SHARED_MEMORY = Path("/dev/shm")
_GIGABYTE = 1 << 30
_FILES, _LEFT = 4 * _GIGABYTE, 4 * _GIGABYTE
"""Bytes: what the file system must hold, many times what a run needs; and what has to be left besides."""


def in_memory() -> Path | None:
    """A file system in memory that holds the files of a run; None where there is none as large as that."""
    try:
        free = shutil.disk_usage(_SHARED_MEMORY).free
        with Path("/proc/meminfo").open() as lines:
            available = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return None
    fits = free >= _FILES and available >= _FILES + _LEFT and os.access(_SHARED_MEMORY, os.W_OK)
    return _SHARED_MEMORY if fits else None
