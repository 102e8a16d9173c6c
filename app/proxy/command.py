"""`ccgraph mcp-proxy`: starts the server, passes bytes, signals and the exit code on."""

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Final, NoReturn

from app.proxy.copies import Copies
from app.proxy.frames import CLIENT, SERVER
from app.proxy.pumping import pump
from app.proxy.recording import HANDING_OVER, kept_from_signals, record

PASSED_ON: Final = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGWINCH,
    signal.SIGCONT,
)
"""Signals that the server gets in the proxy's place."""

_CANNOT_BE_STARTED, _NOT_FOUND = 126, 127
"""Exit codes, as shells have them."""


def run(server: str, instance: str | None, command: Sequence[str]) -> NoReturn:
    """Run `command` between its client and this process until it ends, and end as it did.

    What is said is recorded as that with `server`, of the instance named or that of the session of Claude
    Code; without one it passes unrecorded. Nothing of recording delays or fails the server.
    """
    signals = _Signals()
    child, to_server, from_server = _start(command)
    signals.go_to(child)
    copies = record(server, instance, PASSED_ON, child.pid)
    ended, ending = os.pipe()
    forward = threading.Thread(
        target=_forward, args=(to_server, _copy(copies, CLIENT)), name="to the server", daemon=True
    )
    back = threading.Thread(
        target=_back, args=(from_server, _copy(copies, SERVER), ended), name="from the server", daemon=True
    )
    with kept_from_signals(PASSED_ON):
        forward.start()
        back.start()
    code = child.wait()
    signals.stop()
    os.close(ending)
    back.join()
    if copies is not None:
        copies.end(HANDING_OVER)
    _end(code)


def _start(command: Sequence[str]) -> tuple["subprocess.Popen[bytes]", int, int]:
    """The server, the end of its input and that of its output.

    It is in a group of its own, so that no signal reaches it twice.
    """
    input_read, input_write = os.pipe()
    output_read, output_write = os.pipe()
    try:
        child = subprocess.Popen(command, stdin=input_read, stdout=output_write, process_group=0)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        sys.stderr.write(f"ccgraph: {command[0]} cannot be started ({reason}).\n")
        sys.stderr.flush()
        os._exit(_NOT_FOUND if isinstance(error, FileNotFoundError) else _CANNOT_BE_STARTED)
    os.close(input_read)
    os.close(output_write)
    return child, input_write, output_read


class _Signals:
    """Passes signals on to the server; those that come before it runs follow."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []
        for number in PASSED_ON:
            if signal.getsignal(number) is not signal.SIG_IGN:  # it is ignored for the server, too
                signal.signal(number, self._pass_on)

    def go_to(self, server: "subprocess.Popen[bytes]") -> None:
        """Pass them on to this one."""
        self._server = server
        for number in self._early:
            self._pass_on(number, None)

    def stop(self) -> None:
        """The server has ended: from now on they are for this process."""
        for number in PASSED_ON:
            if signal.getsignal(number) == self._pass_on:
                signal.signal(number, signal.SIG_DFL)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        if self._server is None:
            self._early.append(number)
        else:
            self._server.send_signal(number)


def _copy(copies: Copies | None, side: int) -> Callable[[bytes], None]:
    if copies is None:
        return lambda chunk: None
    return lambda chunk: copies.keep(side, chunk)


def _forward(to_server: int, copy: Callable[[bytes], None]) -> None:
    """Pass the client's messages on; where the server reads no more, its closed pipe tells the client so."""
    pump(0, to_server, copy)
    copy(b"")
    os.close(to_server)
    _let_go(0, os.O_RDONLY)


def _back(from_server: int, copy: Callable[[bytes], None], ended: int) -> None:
    """Pass the server's messages on; where the client reads no more, its closed pipe tells the server so."""
    pump(from_server, 1, copy, ended)
    os.close(from_server)
    _let_go(1, os.O_WRONLY)


def _let_go(descriptor: int, mode: int) -> None:
    """Close a standard end, and leave its number taken."""
    nothing = os.open(os.devnull, mode)
    os.dup2(nothing, descriptor)
    os.close(nothing)


def _end(code: int) -> NoReturn:
    """End as the server did: with its exit code, or by its signal."""
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the dump of the server is the one to look at
        signal.signal(-code, signal.SIG_DFL) if -code not in (signal.SIGKILL, signal.SIGSTOP) else None
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)
