"""Another process that holds a data directory: `python -m tests.support.holding FOLDER COMMAND [alone]`."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.config.errors import StartupError
from app.database.embedded import embedded_server

QUICK = {"fsync": "off", "shared_buffers": "32MB"}
"""A server that keeps what it has committed, unless the machine itself fails."""


@dataclass(frozen=True, slots=True)
class Holding:
    """The outcome of the process: `answer` is the URL, or the sentence why there is none."""

    process: "subprocess.Popen[str]"
    answer: str

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        self.process.kill()
        self.process.wait()

    def release(self) -> None:
        """Let it end as commands do."""
        assert self.process.stdin is not None
        self.process.stdin.close()


@contextmanager
def holding(folder: Path, command: str = "ccgraph psql", *, prefix: Sequence[str] = ()) -> Iterator[Holding]:
    """A process that holds `folder` until the block ends; `prefix` is a command that starts it."""
    arguments = [*prefix, sys.executable, "-m", "tests.support.holding", str(folder), command]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Holding(process, process.stdout.readline().strip())
    finally:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.wait()
        process.stdout.close()


def main() -> None:
    """Say the URL or the trouble, then wait until the standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder, command = sys.argv[1:]
    try:
        with embedded_server(
            Path(folder), command=command, alone=command == "ccgraph serve", overrides=QUICK
        ) as server:
            sys.stdout.write(server.url() + "\n")
            sys.stdout.flush()
            os.read(0, 1)
    except StartupError as error:
        sys.stdout.write(f"{error}\n")


if __name__ == "__main__":
    main()
