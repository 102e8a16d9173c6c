"""Recorded MCP traffic that waits on the disk until it is sent: files of JSON texts, a line each.

A file is locked by the process that writes it, so one whose lock is free is whole, or its writer has died.
Each line is what `ccgraph import-mcp` takes; the file's name begins with the instance.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from app.connect.client import Answer, Client
from app.connect.locks import held, locked
from app.connect.scripts import PATHS

MOST_BYTES: Final = 64 * 1024 * 1024
"""What may wait; what comes on top is not kept, and its loss recorded once there is room."""

FILE_BYTES: Final = 500_000
"""From so many bytes on the next file is begun: one is sent at a time."""

LONGEST: Final = 7 * 24 * 3600.0
"""Seconds after which what could not be sent is given up."""

UNKNOWN: Final = 24 * 3600.0
"""Seconds for which a file waits whose instance the server does not know, or cannot change."""

_FRESH: Final = 60.0
"""Seconds during which an empty file is one whose writer is about to lock it."""

_SUFFIX: Final = ".jsonl"


@dataclass(frozen=True, slots=True)
class Waiting:
    """So many files and bytes; `since` is when the oldest was begun, in seconds since 1970."""

    files: int
    bytes: int
    since: float | None


class Spool:
    """The folder `path`, for this user alone."""

    def __init__(self, path: Path, most: int = MOST_BYTES) -> None:
        self.path = path
        self._most = most

    def make(self) -> None:
        """Make the folder. Raises: OSError."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path.chmod(0o700)

    def room(self) -> int:
        """Bytes that may be added."""
        used = 0
        for path in self._files():
            with suppress(FileNotFoundError):  # it was sent at this moment
                used += path.stat().st_size
        return self._most - used

    def waiting(self) -> Waiting:
        """The traffic that is not sent yet, of whole files and of those that are being written."""
        sizes, times = [], []
        for path in self._files():
            with suppress(FileNotFoundError):  # it was sent at this moment
                stat = path.stat()
                if stat.st_size:
                    sizes.append(stat.st_size)
                    times.append(int(_begun(path)) / 1e9)
        return Waiting(len(sizes), sum(sizes), min(times, default=None))

    def begin(self, instance: UUID) -> int:
        """A new file of an instance's traffic, locked until it is closed. Raises: OSError."""
        name = f"{instance}.{time.time_ns():020d}.{os.getpid()}{_SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_APPEND
        descriptor = os.open(self.path / name, flags, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return descriptor

    def send(self, client: Client) -> Answer | None:
        """Send what is whole, oldest first; the answer that stopped it, or None when nothing is left to do.

        What the server will never take is removed, and what it cannot take yet stays. Raises: Unreachable.
        """
        with held(self.path / "sending") as alone:
            if not alone:
                return None
            for path in sorted(self._files(), key=_begun):
                with _whole(path) as whole:
                    answer = self._send_file(client, path) if whole else None
                if answer is not None:
                    return answer
        return None

    def _send_file(self, client: Client, path: Path) -> Answer | None:
        stat = path.stat()
        age = time.time() - stat.st_mtime
        if not stat.st_size and age < _FRESH:
            return None
        instance = path.name.partition(".")[0]
        *lines, _ = path.read_bytes().split(b"\n")  # what has no end was cut off by a kill
        answer = _post(client, instance, lines) if lines else None
        if answer is not None and answer.status in (400, 413) and len(lines) > 1:
            for line in lines:
                answer = _post(client, instance, [line])
                if not answer.is_settled:
                    break
        if answer is None or answer.is_settled or answer.status == 403 or age > LONGEST:
            path.unlink(missing_ok=True)
            return None
        if answer.status in (404, 409):  # no instance yet, or its project is archived
            if age > UNKNOWN:
                path.unlink(missing_ok=True)
            return None
        return answer

    def _files(self) -> Iterator[Path]:
        with suppress(FileNotFoundError):
            yield from self.path.glob(f"*{_SUFFIX}")


@contextmanager
def _whole(path: Path) -> Iterator[bool]:
    """A block in which no process writes a file; it gets False where one does, or the file is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        yield locked(descriptor)
    finally:
        os.close(descriptor)


def _begun(path: Path) -> str:
    return path.name.split(".")[1]


def _post(client: Client, instance: str, lines: list[bytes]) -> Answer:
    body = b'{"instance":%s,"messages":[%s]}' % (json.dumps(instance).encode(), b",".join(lines))
    return client.post_text(PATHS["mcp"], body)
