"""Reads the copies of what passes through a proxy, keeps them on the disk, and sends them.

It is a process of its own, so that neither its work nor its faults touch what passes, and so that it can
finish when a client kills the proxy.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final
from uuid import UUID

from app.connect.client import Unreachable
from app.connect.processes import started_at
from app.proxy.calls import OpenCalls
from app.proxy.destination import Destination, destination
from app.proxy.frames import CLIENT, SERVER, Frames
from app.proxy.keeping import Keeper
from app.proxy.lines import Line, Lines
from app.proxy.messages import read

_EVERY: Final = 1.0
"""Seconds between two looks for what is to be sent."""

_LONGEST_PAUSE: Final = 60.0
"""Seconds, at the most, until a server that does not take anything is asked again."""

_LAST: Final = 10.0
"""Seconds for sending the rest when the connection has ended; the next proxy sends what stays."""


class Recording:
    """The traffic with one server, line by line."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._lines = (Lines(), Lines())
        self._calls = OpenCalls()

    def record(self, frames: Frames) -> None:
        """Keep what the frames tell, until they end."""
        ended = [0, 0]
        for frame in frames:
            ended[frame.side] = frame.at
            lines = self._lines[frame.side]
            if frame.lost:
                lines.lose()
                self._keeper.lost(frame.side, frame.at, frame.lost, "The recorder could not keep up.")
            elif frame.content:
                self._keep(frame.side, frame.at, lines.feed(frame.content))
            else:
                self._keep(frame.side, frame.at, lines.end())
        for side in (CLIENT, SERVER):
            self._keep(side, ended[side], self._lines[side].end())
        now = time.time_ns()
        for side, message in self._calls.ended():
            self._keeper.keep_message(side, now, message)
        self._keeper.close()

    def _keep(self, side: int, at: int, lines: Iterable[Line]) -> None:
        for line in lines:
            found = read(line)
            if found is not None:
                text, messages = found
                self._keeper.keep(side, at, text)
                for message in messages:
                    self._calls.note(side, message)
            elif line.tail is not None:
                self._keeper.lost(side, at, line.size, "This line was too long to be recorded.")


class Sender(threading.Thread):
    """Sends what waits, again and again. `close_file` lets the file end that is being written."""

    def __init__(self, keeper: Keeper, place: Destination) -> None:
        super().__init__(name="sending", daemon=True)
        self._keeper = keeper
        self._place = place
        self._last = threading.Event()

    def run(self) -> None:
        """Keep and send what was copied, until all is sent after the end."""
        pause = _EVERY
        while True:
            ending = self._last.wait(pause)
            self._keeper.rotate()
            taken = self._send()
            if ending:
                return
            pause = _EVERY if taken else min(pause * 2, _LONGEST_PAUSE)

    def finish(self, within: float) -> None:
        """Send the rest, for so many seconds at the most."""
        self._last.set()
        self.join(within)

    def _send(self) -> bool:
        with suppress(Unreachable, OSError):
            client = self._place.client()
            return client is not None and self._place.spool.send(client) is None
        return False


def main(arguments: list[str], pipe: BinaryIO, environment: Mapping[str, str], here: Path) -> None:
    """Record what comes over the pipe: of a server by its name, an instance by its UUID.

    `arguments` are these two and, where the server is a process, its number and the time of its start.
    """
    server, instance, *child = arguments
    frames = Frames(pipe)
    try:
        place = destination(environment, here)
        if place is not None:
            place.spool.make()
            os.chdir(place.spool.path)
            keeper = Keeper(place.spool, UUID(instance), server)
            sender = Sender(keeper, place)
            sender.start()
            Recording(keeper).record(frames)
    finally:
        for _ in frames:  # what cannot be recorded must still be taken
            pass
        if child and not frames.whole:
            _kill(int(child[0]), child[1])
    if place is not None:
        sender.finish(_LAST)


def _kill(pid: int, started: str) -> None:
    """The proxy was killed: so is the server, which the client knew by the proxy alone."""
    if started and started_at(pid) == started:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    with suppress(OSError):
        os.nice(5)
    main(sys.argv[1:], sys.stdin.buffer, os.environ, Path.cwd())
    os._exit(0)
