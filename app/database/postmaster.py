"""The PostgreSQL process: started, watched until it is ready, stopped."""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from app.config.errors import StartupError
from app.database.directory import DataDirectory, disk_full
from app.database.launch import UNREACHABLE
from app.database.processes import postgres_processes
from app.database.programs import Account, plain_environment, program

POLL = 0.02
TELL_AFTER = 3.0
STOP_TIMEOUT, GLANCE = 60.0, 0.5
"""Seconds: between two looks; until the user hears why it takes time; for a fast shutdown, and between
two looks whether that can end."""

BROKEN_DOWN, READY = "all server processes terminated; reinitializing", "ready to accept connections"
"""Messages of a postmaster one of whose processes has crashed, and that has recovered from it."""

DISK_FULL = ("No space left on device", "Disk quota exceeded", "Check free disk space")
COMPLAINT = re.compile(
    r"(?:FATAL|PANIC|ERROR|initdb: error|LOG(?=: .*(?:invalid|unrecognized|could not))): +(.*)"
)
"""What went wrong; a wrong setting is a mere LOG line before the error that follows from it."""


class Postmaster:
    """A postmaster that this process started. `output` is memory that takes its messages."""

    def __init__(self, directory: DataDirectory, process: "subprocess.Popen[bytes]", output: int) -> None:
        self.directory = directory
        self.process = process
        self._output = output
        self._stopping = False

    @classmethod
    def start(
        cls, directory: DataDirectory, account: Account, lock: int, reach: Sequence[tuple[str, int]] = ()
    ) -> "Postmaster":
        """Start PostgreSQL, which shares our lock on the directory and gets SIGINT when this process dies.

        A session of its own keeps the terminal's Ctrl-C away from it: the server drains first.
        """
        # A file would fail on the full disk of which these messages tell.
        output = os.memfd_create("postgres")
        arguments = [program("postgres"), "-D", str(directory.cluster)]
        process = subprocess.Popen(
            account.command(arguments, folder=directory.cluster, parent=os.getpid(), reach=reach),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=plain_environment(),
            start_new_session=True,
            pass_fds=[lock],
        )
        return cls(directory, process, output)

    def await_ready(self, say: Callable[[str], None]) -> None:
        """Return when it takes connections. Raises: StartupError when it ends before."""
        begun = time.monotonic()
        told = False
        while ready_postmaster(self.directory.cluster) != self.process.pid:
            if self.process.poll() is not None:
                raise failure(self.directory, self.process.returncode, self.messages())
            if not told and time.monotonic() - begun > TELL_AFTER:
                told = True
                say("PostgreSQL is recovering from an unclean end; this may take a while")
            time.sleep(POLL)

    def when_it_dies(self, act: Callable[[], None]) -> None:
        """Call `act`, from a thread, should PostgreSQL end before `stop`."""

        def wait() -> None:
            self.process.wait()
            if not self._stopping:
                act()

        threading.Thread(target=wait, name="postmaster", daemon=True).start()

    def messages(self) -> str:
        """The messages of PostgreSQL so far: those before its log file was open, and those in it."""
        os.lseek(self._output, 0, os.SEEK_SET)
        early = os.read(self._output, 100_000).decode(errors="replace")
        logs = sorted((self.directory.cluster / "log").glob("*.log"), key=lambda path: path.stat().st_mtime)
        return early + (logs[-1].read_text(errors="replace")[-10_000:] if logs else "")

    def stop(self) -> None:
        """Fast shutdown: transactions are rolled back, data is flushed. Immediate when it takes too long.

        While PostgreSQL recovers from a crash, as on a full disk, a fast shutdown may never end, and an
        immediate one loses nothing: the next start recovers anyway.
        """
        self._stopping = True
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + STOP_TIMEOUT
        while not self._ends_within(GLANCE):
            if self._recovers() or time.monotonic() > deadline:
                self.process.send_signal(signal.SIGQUIT)
        os.close(self._output)

    def _ends_within(self, seconds: float) -> bool:
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _recovers(self) -> bool:
        said = self.messages()
        return said.rfind(BROKEN_DOWN) > said.rfind(READY)


def ready_postmaster(cluster: Path) -> int | None:
    """The postmaster that takes connections on a cluster, started by this process or another."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 8 or lines[7].strip() != "ready":
        return None
    pid = int(lines[0])
    return pid if pid in postgres_processes(cluster) else None


def failure(directory: DataDirectory, code: int, messages: str) -> StartupError:
    """The sentence for a PostgreSQL program that ended with `code` and these messages."""
    if any(sign in messages for sign in DISK_FULL):
        return disk_full(directory.path)
    last = messages.strip().splitlines()[-1:] or ["it said nothing"]
    if code == UNREACHABLE:
        return StartupError(
            "PostgreSQL cannot run as root, and an unprivileged user cannot reach it or "
            f"{directory.path} ({last[0]}): run ccgraph as an ordinary user, "
            "or install it, and set CCGRAPH_DATA_DIR, below folders that are open to all."
        )
    complaints = COMPLAINT.findall(messages)[-3:] or last
    return StartupError(
        f"PostgreSQL did not start on {directory.cluster} ({'; '.join(complaints)}): "
        f"correct that and start again, or set CCGRAPH_DATA_DIR to a new folder; nothing was changed."
    )
