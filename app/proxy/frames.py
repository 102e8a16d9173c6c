"""The format in which the proxy sends copies to its recorder: a head of fixed length, then the bytes.

A frame holds bytes of one side, or tells of bytes that were lost, or says that all was told.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

CLIENT, SERVER = 0, 1
SIDES: Final = ("client", "server")
"""Who sends, by number, as records name them."""

_BYTES, _LOST, _END = 0, 1, 2
_HEAD: Final = struct.Struct("!BBQQ")


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes of a side, read at `at` (nanoseconds since 1970); none at its end.

    Of those that were lost only `lost`, how many they were, is known.
    """

    side: int
    at: int
    content: bytes = b""
    lost: int = 0


def written(frame: Frame) -> bytes:
    """A frame as it goes over the pipe."""
    if frame.lost:
        return _HEAD.pack(_LOST, frame.side, frame.at, frame.lost)
    return _HEAD.pack(_BYTES, frame.side, frame.at, len(frame.content)) + frame.content


END: Final = _HEAD.pack(_END, 0, 0, 0)
"""The last frame; a pipe that ends without it is one of a proxy that was killed."""


class Frames:
    """The frames that come over a pipe. `whole` is True once the last one has come."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self.whole = False

    def __iter__(self) -> Iterator[Frame]:
        while len(head := self._pipe.read(_HEAD.size)) == _HEAD.size:
            kind, side, at, number = _HEAD.unpack(head)
            if kind == _END:
                self.whole = True
                return
            if kind == _LOST:
                yield Frame(side, at, lost=number)
                continue
            content = self._pipe.read(number)
            yield Frame(side, at, content)
            if len(content) < number:
                return
