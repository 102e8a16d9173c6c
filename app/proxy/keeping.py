"""Writes recorded messages into the spool, in the form that `ccgraph import-mcp` takes."""

import json
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from app.connect.mcp_spool import FILE_BYTES, Spool
from app.proxy.frames import SIDES

GAP: Final = "notifications/ccgraph/gap"
"""Method of a message that stands where messages could not be recorded."""

_FULL: Final = "There was no room left on the disk for what could not be sent yet."
_LOOKING: Final = 5.0
"""Seconds for which the room in the spool is taken as it was seen last."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Gap:
    """Bytes of a side that are not recorded, since a time in microseconds."""

    since: int
    reason: str
    bytes: int = 0


class Keeper:
    """The file that is being written. It is used by two threads: one that keeps, one that lets files end."""

    def __init__(self, spool: Spool, instance: UUID, server: str) -> None:
        self._spool = spool
        self._instance = instance
        self._server = json.dumps(server).encode()
        self._file: int | None = None
        self._size = 0
        self._last = [0, 0]
        self._gaps: dict[int, _Gap] = {}
        self._room = 0
        self._looked = float("-inf")
        self._changing = threading.Lock()

    def keep(self, side: int, at: int, text: bytes) -> None:
        """Keep a message, or a batch, that a side sent at a time (nanoseconds since 1970), as JSON text."""
        with self._changing:
            moment = self._moment(side, at)
            if side in self._gaps and self._write_gap(side):
                del self._gaps[side]
            if side in self._gaps or not self._write(side, moment, text):
                self._lose(side, moment, len(text), _FULL)

    def keep_message(self, side: int, at: int, message: Mapping[str, Any]) -> None:
        """The same for a message that is no text yet."""
        self.keep(side, at, json.dumps(message).encode())

    def lost(self, side: int, at: int, size: int, reason: str) -> None:
        """Count bytes of a side that are not recorded; the record says so as soon as there is room."""
        with self._changing:
            self._lose(side, self._moment(side, at), size, reason)
            if self._write_gap(side):
                del self._gaps[side]

    def rotate(self) -> None:
        """Let the file end that is being written, so that it is sent."""
        with self._changing:
            self._close()

    def close(self) -> None:
        """The last one."""
        with self._changing:
            for side in [*self._gaps]:
                self._write_gap(side)
            self._close()

    def _moment(self, side: int, at: int) -> int:
        """Microseconds since 1970, no two of a side the same: messages are told apart by their time."""
        self._last[side] = max(at // 1000, self._last[side] + 1)
        return self._last[side]

    def _lose(self, side: int, moment: int, size: int, reason: str) -> None:
        self._gaps.setdefault(side, _Gap(moment, reason)).bytes += size

    def _write_gap(self, side: int) -> bool:
        gap = self._gaps[side]
        params = {"reason": gap.reason, "bytes": gap.bytes}
        message = {"jsonrpc": "2.0", "method": GAP, "params": params}
        return self._write(side, gap.since, json.dumps(message).encode())

    def _write(self, side: int, moment: int, text: bytes) -> bool:
        """Write a line where there is room for it, and return True; False where there is none."""
        at = (_EPOCH + timedelta(microseconds=moment)).isoformat().encode()
        line = b'{"at":"%s","server":%s,"direction":"%s","message":%s}\n' % (
            *(at, self._server, SIDES[side].encode()),
            text.replace(b"\r", b" "),
        )
        if len(line) > self._room_left():
            return False
        try:
            if self._file is None:
                self._file = self._spool.begin(self._instance)
            written = os.write(self._file, line)
        except OSError:  # a full disk, or the connection was taken away with its folder
            return False
        self._size += written
        self._room -= written
        if written < len(line) or self._size >= FILE_BYTES:
            self._close()
        return written == len(line)

    def _room_left(self) -> int:
        now = time.monotonic()
        if now - self._looked > _LOOKING:
            self._room, self._looked = self._spool.room(), now
        return self._room

    def _close(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)
        self._file, self._size = None, 0
