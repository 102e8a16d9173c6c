"""Makes lines of the bytes of one side again, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

LONGEST: Final = 1_000_000
"""Bytes of a line that is kept whole."""

HEAD: Final = 65_536
TAIL: Final = 4_096
"""Bytes that are kept of one that is longer, of its beginning and of its end."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end, of so many bytes; `tail` is there when `head` is not all of it."""

    size: int
    head: bytes
    tail: bytes | None = None


@dataclass(slots=True)
class Lines:
    """The lines of one side. After a loss, what stands before the next end of a line is left out."""

    _parts: list[bytes] = field(default_factory=list)
    _size: int = 0
    _head: bytes = b""
    _tail: bytes = b""
    _broken: bool = False

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """The lines that end in the next bytes."""
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            self._add(chunk[start:end])
            line = self._take()
            if line is not None:
                yield line
            start = end + 1
        self._add(chunk[start:])

    def lose(self) -> None:
        """Bytes were lost here."""
        self._take()
        self._broken = True

    def end(self) -> Iterator[Line]:
        """The text behind the last end of a line."""
        line = self._take()
        if line is not None and line.size:
            yield line

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        if self._head:
            self._tail = (self._tail + part)[-TAIL:]
            return
        if part:
            self._parts.append(part)
        if self._size > LONGEST:
            all_of_it = b"".join(self._parts)
            self._parts, self._head, self._tail = [], all_of_it[:HEAD], all_of_it[-TAIL:]

    def _take(self) -> Line | None:
        """The line so far, and begin the next; None for one of which something was lost."""
        line = (
            Line(self._size, self._head, self._tail)
            if self._head
            else Line(self._size, b"".join(self._parts))
        )
        broken = self._broken
        self._parts, self._size, self._head, self._tail, self._broken = [], 0, b"", b"", False
        return None if broken else line
