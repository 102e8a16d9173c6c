"""Takes copies of what passes to the recorder, and lets nothing wait for that."""

import os
import threading
import time
from queue import Empty, SimpleQueue
from typing import Final

from app.proxy.frames import END, SIDES, Frame, written

MOST_BYTES: Final = 32_000_000
"""Bytes of copies that wait for the recorder; what comes on top is lost, and its loss recorded."""

_EACH: Final = 200
"""Bytes that a piece takes beside its own."""

_GATHERING: Final = 0.01
"""Seconds for which pieces are gathered, so that none is handed on while an answer is awaited."""

_AT_ONCE: Final = 1_000_000
"""Bytes that are written at a time."""


class Copies:
    """A bounded queue of copies, and the thread that writes them to `pipe`."""

    def __init__(self, pipe: int, most: int = MOST_BYTES) -> None:
        self._pipe = pipe
        self._most = most
        self._queue: SimpleQueue[Frame | None] = SimpleQueue()
        self._ending = threading.Event()
        self._put = [0, 0]  # by side, each counted by the one thread that brings its bytes
        self._lost = [0, 0]
        self._lost_since = [0, 0]
        self._taken = 0
        self._gone = False
        self._thread = threading.Thread(target=self._work, name="copies", daemon=True)
        self._thread.start()

    def keep(self, side: int, chunk: bytes) -> None:
        """Keep a copy of what a side has sent now, of nothing at its end.

        It never waits, and each side has one thread.
        """
        if self._gone:
            return
        at = time.time_ns()
        size = len(chunk) + _EACH
        if sum(self._put) - self._taken + size > self._most:
            if not self._lost[side]:
                self._lost_since[side] = at
            self._lost[side] += len(chunk)
            return
        if self._lost[side]:
            self._tell_lost(side)
        self._put[side] += size
        self._queue.put(Frame(side, at, chunk))

    def end(self, within: float) -> None:
        """Hand over what waits, for so many seconds at the most."""
        for side in range(len(SIDES)):
            if self._lost[side]:
                self._tell_lost(side)
        self._queue.put(None)
        self._ending.set()
        self._thread.join(within)

    def _tell_lost(self, side: int) -> None:
        self._queue.put(Frame(side, self._lost_since[side], lost=self._lost[side]))
        self._lost[side] = 0

    def _work(self) -> None:
        try:
            while self._pass_on():
                self._ending.wait(_GATHERING)
        except OSError:  # the recorder has ended; the others go on
            self._gone = True
        os.close(self._pipe)

    def _pass_on(self) -> bool:
        """Wait for a piece, and write it with those behind it; False at the end."""
        frames = [self._queue.get()]
        size = 0
        while (last := frames[-1]) is not None and size < _AT_ONCE:
            size += len(last.content)
            try:
                frames.append(self._queue.get_nowait())
            except Empty:
                break
        told = [frame for frame in frames if frame is not None]
        self._write(b"".join(map(written, told)) + (END if frames[-1] is None else b""))
        self._taken += sum(len(frame.content) + _EACH for frame in told if not frame.lost)
        return frames[-1] is not None

    def _write(self, content: bytes) -> None:
        left = memoryview(content)
        while left:
            left = left[os.write(self._pipe, left) :]
