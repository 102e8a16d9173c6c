"""Processes that are forked from one which has imported everything: `ccgraph` commands, and Python code.

For most commands the imports take many times as long as what they do. A process of its own, with its own
environment, folder and streams, it is all the same. What a start takes and finds is for tests that start it
anew (tests/support/processes.py).
"""

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_LARGEST = 1 << 20
"""Bytes of a command with its environment."""


class ForkedProcess:
    """One that runs, or has ended; used as a `subprocess.Popen[str]` is. `stdout` and `stderr` are pipes."""

    def __init__(
        self, pid: int, told: socket.socket, stdout: IO[str] | None = None, stderr: IO[str] | None = None
    ) -> None:
        self.pid, self.stdout, self.stderr = pid, stdout, stderr
        self.returncode: int | None = None
        self._told = told

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        with contextlib.suppress(BlockingIOError):
            return self._ended(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended. Raises: subprocess.TimeoutExpired after so many seconds."""
        try:
            return self._ended(timeout)
        except TimeoutError:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0) from None

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """All that it still writes, once it has ended. At most one of the two streams may be a pipe."""
        assert self.stdout is None or self.stderr is None
        out, err = (_rest(stream) for stream in (self.stdout, self.stderr))
        self.wait(timeout)
        self.close()
        return out, err

    def close(self) -> None:
        """Close the pipes."""
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()

    def _ended(self, seconds: float | None) -> int:
        if self.returncode is None:
            self._told.settimeout(seconds)
            answer = self._told.recv(100)
            if not answer:
                raise AssertionError("the process that others are forked from has ended")
            self.returncode = int(answer)
            self._told.close()
        return self.returncode


class Forker:
    """Forks processes until it is closed, which ends them all."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def run(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], text: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        """The result of `ccgraph` with these arguments in `folder`; `text` is its input."""
        with (
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
        ):
            given.write(text.encode())
            given.seek(0)
            process = self._fork(
                arguments, folder, environment, None, [file.fileno() for file in (given, out, err)]
            )
            try:
                code = process.wait()
            except BaseException:  # also where a test takes too long
                process.kill()
                raise
            return subprocess.CompletedProcess(list(arguments), code, _text(out), _text(err))

    def start(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        *,
        code: str | None = None,
        stdout: int = subprocess.DEVNULL,
        stderr: int = subprocess.DEVNULL,
    ) -> ForkedProcess:
        """`ccgraph` with these arguments, or `python -c code`, which runs until it ends or is ended.

        `stdout` and `stderr` are what `subprocess.Popen` takes: PIPE, DEVNULL or the number of a file.
        """
        with contextlib.ExitStack() as theirs:
            nothing = os.open(os.devnull, os.O_RDWR)
            theirs.callback(os.close, nothing)
            pipes: list[IO[str] | None] = []
            files = [nothing]
            for wanted in (stdout, stderr):
                if wanted == subprocess.PIPE:
                    ours, end = os.pipe()
                    theirs.callback(os.close, end)
                    pipes.append(os.fdopen(ours, encoding="utf-8"))
                    files.append(end)
                else:
                    pipes.append(None)
                    files.append(nothing if wanted == subprocess.DEVNULL else wanted)
            process = self._fork(arguments, folder, environment, code, files)
        process.stdout, process.stderr = pipes
        return process

    def close(self) -> None:
        """End the process, and those that were forked from it and still run."""
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = self._socket = None

    def _fork(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        code: str | None,
        files: list[int],
    ) -> ForkedProcess:
        order = json.dumps([list(arguments), str(folder), dict(environment), code]).encode()
        told, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(self._started(), [order], [*files, theirs.fileno()])
        answer = told.recv(100)
        if not answer:
            raise AssertionError("the process that others are forked from has ended")
        return ForkedProcess(int(answer), told)

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


FORKER = Forker()
"""That of a worker; tests/conftest.py closes it."""


def _rest(stream: IO[str] | None) -> str:
    return "" if stream is None or stream.closed else stream.read()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


@dataclass(frozen=True, slots=True)
class _Child:
    """One that was forked; who asked for it is told over `asked` how it has ended."""

    pid: int
    asked: socket.socket


class _Parent:
    """Forks as it is asked to over the socket `orders`."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self._looking = selectors.PollSelector()  # which is no open file
        self._looking.register(orders, selectors.EVENT_READ)

    def serve(self) -> list[Any] | None:
        """The order, in a process that is to carry it out; None when no more are asked for."""
        while True:
            for key, _ in self._looking.select():
                if isinstance(key.data, _Child):
                    self._tell_end(key.fd, key.data)
                    continue
                order, files, _, _ = socket.recv_fds(self._orders, _LARGEST, 4)
                if not order:
                    return None
                if self._fork(files):
                    found: list[Any] = json.loads(order)
                    return found

    def _fork(self, files: list[int]) -> bool:
        """True in the new process."""
        *streams, number = files
        asked = socket.socket(fileno=number)
        pid = os.fork()
        if pid == 0:
            asked.close()
            self._close()
            for place, file in enumerate(streams):
                os.dup2(file, place)
        for file in streams:
            os.close(file)
        if pid == 0:
            return True
        with contextlib.suppress(OSError):  # who asked has gone
            asked.send(str(pid).encode())
        self._looking.register(os.pidfd_open(pid), selectors.EVENT_READ, _Child(pid, asked))
        return False

    def _tell_end(self, file: int, child: _Child) -> None:
        self._looking.unregister(file)
        os.close(file)
        _, status = os.waitpid(child.pid, 0)
        with child.asked as asked, contextlib.suppress(OSError):
            asked.send(str(os.waitstatus_to_exitcode(status)).encode())

    def _close(self) -> None:
        """Close what a new process has of its parent."""
        for key in self._looking.get_map().values():
            if isinstance(key.data, _Child):
                os.close(key.fd)
                key.data.asked.close()
        self._orders.close()


def _carry_out(arguments: list[str], folder: str, environment: dict[str, str], code: str | None) -> None:
    """Be what was asked for."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    if code is None:
        sys.argv = ["ccgraph", *arguments]
        importlib.import_module("app.cli").main()
    else:
        sys.argv = ["-c", *arguments]
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})


def main() -> None:
    """Import what commands do, then fork one for each that is asked for over the socket of this number."""
    # Not app.cli itself: what it prints to takes its width from the environment as it is imported.
    for name in ("app.main", "app.serving", "migrations.run", "rich.console", "rich.table", "typer"):
        importlib.import_module(name)
    assert threading.active_count() == 1, "a thread does not come along"
    gc.freeze()  # pages that are only read stay shared
    order = _Parent(socket.socket(fileno=int(sys.argv[1]))).serve()
    if order is not None:
        _carry_out(*order)


if __name__ == "__main__":
    main()
