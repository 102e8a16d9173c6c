"""`ccgraph` as a process that is forked from one which has imported everything.

For most commands the imports take many times as long as what they do. A process of its own, with its own
environment, folder and streams, it is all the same. What a start takes and finds is for tests that start it
anew (tests/support/processes.py).
"""

import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_LARGEST = 1 << 20
"""Bytes of a command with its environment."""


class ForkedCommands:
    """Runs one command at a time, until it is closed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def run(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], text: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        """What `subprocess.run` gives of `ccgraph` with these arguments in `folder`; `text` is its input."""
        with (
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
        ):
            given.write(text.encode())
            given.seek(0)
            order = json.dumps([list(arguments), str(folder), dict(environment)]).encode()
            code = self._ask(order, [file.fileno() for file in (given, out, err)])
            return subprocess.CompletedProcess(list(arguments), code, _text(out), _text(err))

    def close(self) -> None:
        """End the process; a command that still runs is killed."""
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = self._socket = None

    def _ask(self, order: bytes, files: list[int]) -> int:
        try:
            ours = self._started()
            socket.send_fds(ours, [order], files)
            answer = ours.recv(100)
            if not answer:
                raise AssertionError("the process that commands are forked from has ended")
            return int(answer)
        except BaseException:  # also where a test takes too long
            self.close()
            raise

    def _started(self) -> socket.socket:
        if self._socket is None:
            self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "tests.support.forked", str(theirs.fileno())],
                    cwd=Path(__file__).parents[2],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
        return self._socket


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def _fork_as_asked(orders: socket.socket) -> bool:
    """True in a process that is to run the command of `sys.argv`; False when no more are asked for."""
    while True:
        order, files, _, _ = socket.recv_fds(orders, _LARGEST, 3)
        if not order:
            return False
        child = os.fork()
        if child == 0:
            arguments, folder, environment = json.loads(order)
            for number, file in enumerate(files):
                os.dup2(file, number)
                os.close(file)
            orders.close()
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environment)
            time.tzset()
            sys.argv = ["ccgraph", *arguments]
            return True
        for file in files:
            os.close(file)
        _, status = os.waitpid(child, 0)
        orders.send(str(os.waitstatus_to_exitcode(status)).encode())


def main() -> None:
    """Import what commands do, then fork one for each that is asked for over the socket of this number."""
    # Not app.cli itself: what it prints to takes its width from the environment as it is imported.
    for name in ("app.main", "app.serving", "migrations.run", "rich.console", "rich.table", "typer"):
        importlib.import_module(name)
    assert threading.active_count() == 1, "a thread does not come along"
    gc.freeze()  # pages that are only read stay shared
    if _fork_as_asked(socket.socket(fileno=int(sys.argv[1]))):
        importlib.import_module("app.cli").main()


if __name__ == "__main__":
    main()
