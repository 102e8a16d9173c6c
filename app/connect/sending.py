"""Sends transcripts piece by piece, as much at once as the server takes."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.connect.client import Answer, Client
from app.connect.following import CHUNK, Piece, Transcripts, is_meta
from app.connect.scripts import PATHS

_SMALLEST: Final = 16_000
_NO_TEXT: Final = re.compile("[\udc80-\udcff]")


class Refused(Exception):
    """The server takes nothing at the moment: its answer says why, and for how long."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.sentence)
        self.answer = answer


@dataclass(slots=True)
class Sent:
    """Counts: lines and bytes sent, lines that the server could not read, lines that were left out.

    `closed` counts files that could not be read here.
    """

    files: int = 0
    closed: int = 0
    lines: int = 0
    bytes: int = 0
    unreadable: int = 0
    left_out: int = 0


class TranscriptSender:
    """Brings transcripts to a server. `told` hears of bytes that are done."""

    def __init__(
        self, client: Client, transcripts: Transcripts, told: Callable[[int], None] = lambda size: None
    ) -> None:
        self._client = client
        self._transcripts = transcripts
        self._told = told
        self._chunk = CHUNK
        self.sent = Sent()

    def send(self, name: str, pieces: int) -> bool:
        """Send at most so many pieces of a file; whether there is more of it.

        One that cannot be read is left for the next look. Raises: Unreachable; Refused when the server wants
        to be left alone.
        """
        file = self._transcripts.files[name]
        before = file.offset
        try:
            more = self._send_meta(name) if is_meta(name) else self._send_lines(name, pieces)
        except FileNotFoundError:
            return False
        except OSError:
            self.sent.closed += 1
            return False
        self.sent.files += before == 0
        return more

    def _send_lines(self, name: str, pieces: int) -> bool:
        file = self._transcripts.files[name]
        if not file.asked:
            self._ask(name)
        given = 0
        while given < pieces:
            piece = next(self._transcripts.pieces(name, self._chunk), None)
            if piece is None:
                return False
            if self._send_piece(name, piece):
                self._told(piece.end - file.offset)
                self._transcripts.done(name, piece.end)
                given += 1
        return file.offset < file.size

    def _send_piece(self, name: str, piece: Piece) -> bool:
        """Send one piece; False when it has to be tried in smaller ones."""
        self.sent.left_out += piece.lost
        if not piece.content:
            return True
        answer = self._client.post(
            PATHS["transcripts"],
            {"file": _told(name), "offset": piece.offset, "end": piece.end, "text": _text(piece.content)},
        )
        if answer.status in (400, 413):
            if piece.content.count(b"\n") > 1 and self._chunk > _SMALLEST:
                self._chunk //= 2
                return False
            self.sent.left_out += piece.content.count(b"\n") or 1
            return True
        self._judge(answer)
        told = answer.json()
        self.sent.lines += piece.content.count(b"\n") or 1
        self.sent.bytes += len(piece.content)
        self.sent.unreadable += int(told.get("unreadable") or 0) if isinstance(told, dict) else 0
        self._chunk = min(self._chunk * 2, CHUNK)
        return True

    def _send_meta(self, name: str) -> bool:
        file = self._transcripts.files[name]
        meta = self._transcripts.meta(name)
        if isinstance(meta, dict):
            answer = self._client.post(PATHS["transcripts"], {"file": _told(name), "meta": meta})
            if answer.status not in (400, 413):
                self._judge(answer)
            self.sent.bytes += file.size
            self._told(file.size)
        self._transcripts.done(name, file.size)
        return False

    def _ask(self, name: str) -> None:
        """Go on where the server is, when the file can be the one that it knows."""
        file = self._transcripts.files[name]
        answer = self._client.get(PATHS["transcripts"], file=_told(name))
        self._judge(answer)
        known = answer.json()
        offset = known.get("offset") if isinstance(known, dict) else None
        if isinstance(offset, int) and 0 <= offset <= file.size:
            self._told(offset - file.offset)
            self._transcripts.done(name, offset)
        file.asked = True

    @staticmethod
    def _judge(answer: Answer) -> None:
        if answer.status >= 300:
            raise Refused(answer)


def _told(name: str) -> str:
    r"""The name of a file as it is told; a byte that is no UTF-8 is written as `\xff`."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _text(content: bytes) -> str:
    """The text of lines; a byte that is no UTF-8 becomes a question mark, so that offsets stay true."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return _NO_TEXT.sub("?", content.decode(errors="surrogateescape"))
