"""Brings bytes from one end to the other as they come."""

import os
import select
from collections.abc import Callable
from typing import Final

SIZE: Final = 65_536
"""Bytes that are read at a time: what a pipe holds."""

STILL_OPEN: Final = 0.5
"""Seconds for which an end is read that stays open, and silent, after its process has ended."""

_GONE: Final = select.POLLERR | select.POLLHUP | select.POLLNVAL


def pump(source: int, sink: int, copy: Callable[[bytes], None], ended: int | None = None) -> bool:
    """Bring all bytes of `source` to `sink`; True at its end, False where `sink` takes no more.

    `copy` is given each piece before it goes on, and must neither wait nor fail. `ended` is a pipe whose
    other end is closed when the process behind `source` has ended: then what is there is brought on, however
    slowly it is taken, and an output that others hold open counts as ended when nothing comes of them.
    """
    waiting = select.poll()
    waiting.register(source, select.POLLIN)
    waiting.register(sink, 0)
    if ended is not None:
        waiting.register(ended, 0)
    timeout: float | None = None
    while True:
        events = dict(waiting.poll(timeout))
        if ended in events:
            waiting.unregister(ended)
            ended, timeout = None, STILL_OPEN * 1000
            continue
        if not events:
            return True
        if events.get(sink, 0) & _GONE:
            return False
        chunk = _read(source)
        if chunk is None:
            continue
        if not chunk:
            return True
        copy(chunk)
        if not _write(sink, chunk):
            return False


def _read(source: int) -> bytes | None:
    """The bytes that can be read now; empty at the end, None where there are none yet."""
    try:
        return os.read(source, SIZE)
    except BlockingIOError:
        return None
    except OSError:  # such as a socket whose other end was reset
        return b""


def _write(sink: int, chunk: bytes) -> bool:
    """Write all of it, however long that takes; False where the other end is gone."""
    left = memoryview(chunk)
    while left:
        try:
            left = left[os.write(sink, left) :]
        except BlockingIOError:
            writable = select.poll()
            writable.register(sink, select.POLLOUT)
            writable.poll()
        except OSError:
            return False
    return True
