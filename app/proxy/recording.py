"""Starts the recorder of a proxy."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Final
from uuid import UUID

from app.bridge.session import instance_of
from app.connect.processes import started_at
from app.proxy.copies import Copies

HANDING_OVER: Final = 5.0
"""Seconds, at the most, that the recorder gets to take what waits at the end: it may still be starting."""

_PIPE: Final = 1_048_576
"""Bytes that the pipe to the recorder holds where the system lets it, so that few ends wait."""


def record(
    server: str, instance: str | None, signals: Collection[signal.Signals], child: int | None = None
) -> Copies | None:
    """Start the recorder; None where there is no instance to record for, or it cannot be started.

    `signals` are those that the main thread takes alone. `child` is the process of the server, which the
    recorder ends where the proxy was killed.
    """
    try:
        found = instance_of(instance, os.environ)
        pipe = None if found is None else _recorder(server, found, child)
        with kept_from_signals(signals):
            return None if pipe is None else Copies(pipe)
    except (OSError, ValueError, RuntimeError):
        return None


@contextmanager
def kept_from_signals(signals: Collection[signal.Signals]) -> Iterator[None]:
    """Threads that begin in the block get none of these: a main thread that waits would not notice them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _recorder(server: str, instance: UUID, child: int | None) -> int:
    """The pipe to a recorder, which lives on until it has told what it was given."""
    process = [] if child is None else [str(child), started_at(child) or ""]
    read, write = os.pipe()
    with suppress(OSError, AttributeError):  # Linux alone knows it
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, _PIPE)
    try:
        subprocess.Popen(
            [sys.executable, "-P", "-m", "app.proxy.recorder", server, str(instance), *process],
            stdin=read,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except BaseException:
        os.close(write)
        raise
    finally:
        os.close(read)
    return write
