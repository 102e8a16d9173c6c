"""Follows transcripts: finds those that changed, reads what is new, and knows them again after a move."""

import json
import os
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

CHUNK: Final = 1_000_000
"""Bytes read at once, unless one line has more."""
LONGEST_LINE: Final = 8_000_000
"""Bytes; a longer line is left out."""
_HEAD: Final = 256
SETTLED: Final = 60.0
"""Seconds after which a last line without its end counts as whole."""


class Followed:
    """A file that is followed.

    `offset` is how far it is sent, `size` and `changed` are of when it was looked at last, `head` recognises
    its first bytes: how many, and their checksum. `asked` tells whether the server was asked how far it is.
    """

    __slots__ = ("asked", "changed", "head", "inode", "offset", "size")

    def __init__(self, inode: int, offset: int = 0, head: tuple[int, int] = (0, 0)) -> None:
        self.inode = inode
        self.offset = offset
        self.head = head
        self.size = 0
        self.changed = 0.0
        self.asked = False


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines of a file from `offset` to `end`; `lost` counts lines that are too long to be sent."""

    offset: int
    end: int
    content: bytes
    lost: int = 0


class Transcripts:
    """All transcripts below a folder, by their path in it.

    `takes` says of a folder of a project whether it is followed; files that did not change after the time
    `since`, in seconds, are left alone.
    """

    def __init__(
        self, projects: Path, since: float = 0.0, takes: Callable[[str], bool] = lambda name: True
    ) -> None:
        self.projects = projects
        self.files: dict[str, Followed] = {}
        self.settled = SETTLED
        self._since = since
        self._takes = takes

    def look(self) -> list[str]:
        """Look at every file; gives those with something to send, changed last first."""
        found = dict(self._listed())
        self._recognise(found)
        return self._to_send(found)

    def look_at(self, names: list[str]) -> list[str]:
        """The same for some files."""
        found = {}
        for name in names:
            with suppress(OSError):
                found[name] = (self.projects / name).stat()
        return self._to_send(found)

    def recently_changed(self, within: float) -> list[str]:
        """The files that changed in the last so many seconds."""
        since = time.time() - within
        return [name for name, file in self.files.items() if file.changed >= since]

    def pieces(self, name: str, chunk: int = CHUNK) -> Iterator[Piece]:
        """The new whole lines of a file, in pieces; the caller sets `done`."""
        file = self.files[name]
        with (self.projects / name).open("rb") as source:
            if not _begins_with(source.fileno(), file.head):
                file.offset, file.head = 0, (0, 0)
            while file.offset < file.size:
                piece = _piece(source.fileno(), file.offset, chunk, settled=self._is_settled(file))
                if piece is None:
                    return
                yield piece

    def done(self, name: str, end: int) -> None:
        """A file is sent up to `end`."""
        file = self.files[name]
        file.offset = end
        if file.head[0] < min(end, _HEAD):
            with suppress(OSError), (self.projects / name).open("rb") as source:
                first = os.pread(source.fileno(), min(end, _HEAD), 0)
                file.head = (len(first), zlib.crc32(first))

    def meta(self, name: str) -> Any | None:
        """The content of a file beside a transcript; None while it is no whole JSON."""
        try:
            return json.loads((self.projects / name).read_bytes())
        except ValueError:
            return None

    def state(self) -> dict[str, list[int]]:
        """The state for a file: inode, offset and head of each transcript."""
        return {name: [file.inode, file.offset, *file.head] for name, file in self.files.items()}

    def remember(self, state: dict[str, list[int]]) -> None:
        """Take up what `state` gave."""
        for name, (inode, offset, length, checksum) in state.items():
            self.files[name] = Followed(inode, offset, (length, checksum))

    def _listed(self) -> Iterator[tuple[str, os.stat_result]]:
        with suppress(OSError), os.scandir(self.projects) as projects:
            for project in projects:
                if project.is_dir() and self._takes(project.name):
                    yield from _walked(project.path, project.name)

    def _recognise(self, found: dict[str, os.stat_result]) -> None:
        """Forget files that are gone; one that lies in another place now goes on where it was."""
        gone = {file.inode: name for name, file in self.files.items() if name not in found}
        for name, stat in found.items():
            if name not in self.files and stat.st_ino in gone:
                before = self.files[gone[stat.st_ino]]
                if before.head[0] and self._is_same(name, before):
                    self.files[name] = before
                    before.asked = True
        for name in gone.values():
            self.files.pop(name, None)

    def _to_send(self, found: dict[str, os.stat_result]) -> list[str]:
        changed = []
        for name, stat in found.items():
            file = self.files.get(name)
            if file is None:
                if stat.st_mtime < self._since:
                    continue
                file = self.files[name] = Followed(stat.st_ino)
            file.size, file.changed = stat.st_size, stat.st_mtime
            if stat.st_ino != file.inode:
                file.inode = stat.st_ino
                if not self._is_same(name, file):
                    file.offset, file.head = 0, (0, 0)
            if file.size < file.offset:
                file.offset, file.head = 0, (0, 0)
            if file.size != file.offset:
                changed.append(name)
        return sorted(changed, key=lambda name: self.files[name].changed, reverse=True)

    def _is_same(self, name: str, file: Followed) -> bool:
        with suppress(OSError), (self.projects / name).open("rb") as source:
            return _begins_with(source.fileno(), file.head)
        return False

    def _is_settled(self, file: Followed) -> bool:
        return time.time() - file.changed >= self.settled


def is_meta(name: str) -> bool:
    """True if a file stands beside the transcript of a subagent."""
    return name.endswith(".meta.json")


def _walked(path: str, name: str) -> Iterator[tuple[str, os.stat_result]]:
    with suppress(OSError), os.scandir(path) as entries:
        for entry in entries:
            here = f"{name}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _walked(entry.path, here)
            elif entry.name.endswith((".jsonl", ".meta.json")):
                with suppress(OSError):
                    yield here, entry.stat()


def _piece(descriptor: int, offset: int, chunk: int, *, settled: bool) -> Piece | None:
    """Lines from `offset`, at least one; None when there is no whole one yet."""
    content = os.pread(descriptor, chunk, offset)
    while b"\n" not in content and len(content) >= chunk:
        if chunk >= LONGEST_LINE:
            return _left_out(descriptor, offset)
        chunk = min(chunk * 4, LONGEST_LINE)
        content = os.pread(descriptor, chunk, offset)
    end = content.rfind(b"\n") + 1
    if end == 0:
        if not settled or not content:
            return None
        try:  # a last line that ends without a line break
            json.loads(content)
        except ValueError:
            return None
        end = len(content)
    return Piece(offset, offset + end, content[:end])


def _left_out(descriptor: int, offset: int) -> Piece | None:
    """A piece without content for a line that is too long; None while its end is not there."""
    at = offset
    while block := os.pread(descriptor, CHUNK, at):
        found = block.find(b"\n")
        if found >= 0:
            return Piece(offset, at + found + 1, b"", lost=1)
        at += len(block)
    return None


def _begins_with(descriptor: int, head: tuple[int, int]) -> bool:
    length, checksum = head
    return zlib.crc32(os.pread(descriptor, length, 0)) == checksum
