"""Sends the hooks that could not be sent when they came.

`python -m app.connect.spool FOLDER` does it once.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from app.connect.client import Answer, Client, Unreachable
from app.connect.connection import Folder
from app.connect.scripts import MOST_SPOOLED_KIB, PATHS

_IN_FLIGHT: Final = 5.0
"""Seconds during which the hook itself may still be sending what it wrote down."""
_LONG_AGO: Final = 946_684_800.0
_MOST_IN_ONE: Final = 200
_MOST_BYTES: Final = 1_000_000
"""Of one request, unless a single hook has more."""


def send_spooled(folder: Folder, client: Client, *, hold: int = 0, now: float | None = None) -> Answer | None:
    """Send what lies in the spool, oldest first, and remove what is stored.

    Gives the answer that stopped it, or None when nothing is left. Raises: Unreachable.
    """
    now = time.time() if now is None else now
    waiting = _waiting(folder, now, hold)
    for paths, hooks in _parts(waiting):
        answer = client.post(PATHS["hooks"], hooks)
        if answer.status in (400, 413) and len(paths) > 1:
            for path, hook in zip(paths, hooks, strict=True):
                answer = client.post(PATHS["hooks"], [hook])
                if not answer.is_settled:
                    return answer
                path.unlink(missing_ok=True)
            continue
        if not answer.is_settled:
            return answer
        for path in paths:
            path.unlink(missing_ok=True)
    return None


def bound(folder: Folder, most: int = MOST_SPOOLED_KIB * 1024) -> int:
    """Remove the oldest beyond `most` bytes; gives how many."""
    sizes = [(stat.st_mtime_ns, stat.st_size, path) for path, stat in _files(folder)]
    over = sum(size for _, size, _ in sizes) - most
    removed = 0
    for _, size, path in sorted(sizes):
        if over <= 0:
            break
        path.unlink(missing_ok=True)
        over -= size
        removed += 1
    return removed


def spooled(folder: Folder) -> int:
    """The number of hooks that wait."""
    return sum(1 for _ in _files(folder))


def _waiting(folder: Folder, now: float, hold: int) -> list[tuple[int, Path]]:
    found = []
    for path, stat in _files(folder):
        grace = _IN_FLIGHT + (hold if path.name.startswith("hold.") else 0)
        if now - stat.st_mtime >= grace or now < stat.st_mtime - grace:
            found.append((stat.st_mtime_ns, path))
    return sorted(found)


def _files(folder: Folder) -> Iterator[tuple[Path, os.stat_result]]:
    with suppress(OSError):  # `ccgraph doctor` tells of a spool that cannot be used
        for path in folder.spool.iterdir():
            if path.suffix == ".answer" or not path.name.startswith(("hook.", "hold.")):
                continue
            with suppress(FileNotFoundError):
                yield path, path.stat()


def _parts(waiting: list[tuple[int, Path]]) -> Iterator[tuple[list[Path], list[dict[str, Any]]]]:
    paths: list[Path] = []
    hooks: list[dict[str, Any]] = []
    size = 0
    for nanoseconds, path in waiting:
        try:
            text = path.read_text(errors="replace")
            hook = json.loads(text)
        except FileNotFoundError:
            continue
        except ValueError:  # it was cut off by a kill or a full disk
            path.unlink(missing_ok=True)
            continue
        if paths and (len(paths) == _MOST_IN_ONE or size + len(text) > _MOST_BYTES):
            yield paths, hooks
            paths, hooks, size = [], [], 0
        at = datetime.fromtimestamp(nanoseconds / 1e9, UTC)
        paths.append(path)
        hooks.append({"at": at.isoformat(), "id": path.name, "hook": hook})
        size += len(text)
    if paths:
        yield paths, hooks


def main(path: Path) -> None:
    """Send once, unless `ccgraph watch` does it; whatever is wrong shows up in `ccgraph doctor`."""
    folder = Folder(path, path, path, path)
    with folder.alone() as alone:
        connection = folder.load()
        if alone and connection is not None:
            client = Client(connection.server, folder.token.read_text().strip())
            with suppress(Unreachable):
                send_spooled(folder, client, hold=connection.entries.hold)
            if spooled(folder) and not folder.away.exists():
                folder.away.touch()
                os.utime(folder.away, (_LONG_AGO, _LONG_AGO))  # the next hook sends itself, and then the rest


if __name__ == "__main__":
    main(Path(sys.argv[1]))
