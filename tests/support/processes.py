"""`ccgraph serve` as a process of its own."""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

from tests.support.forked import FORKER, ForkedProcess

PATIENCE = 120.0
"""Seconds for a server to end."""


@dataclass(frozen=True, slots=True)
class Served:
    """A server that takes connections. `welcome` is what it wrote until then."""

    process: "subprocess.Popen[str] | ForkedProcess"
    welcome: str

    @property
    def url(self) -> str:
        """The URL at which it listens."""
        line = next(line for line in self.welcome.splitlines() if "ccgraph serves" in line)
        return line.split()[-1].removesuffix("/graphql")

    @property
    def first_query(self) -> str:
        """The command line that it offers for pasting."""
        return next(line for line in self.welcome.splitlines() if line.startswith("curl "))

    def demo_token(self) -> str:
        """A token of the demo's person."""
        login = httpx.post(
            f"{self.url}/graphql",
            json={
                "query": "mutation ($input: LoginInput!) { login(input: $input) { accessToken } }",
                "variables": {"input": {"username": "demo", "password": "ccgraph-demo"}},
            },
            timeout=PATIENCE,
        )
        token: str = login.json()["data"]["login"]["accessToken"]
        return token

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def serving(
    arguments: Sequence[str], folder: Path, *, program: str | None = None, **settings: str
) -> Iterator[Served]:
    """Run `ccgraph` with arguments that let it serve, in `folder` on a free port, until the block ends.

    `program` is what is started; without one the process is forked from one that has imported everything.
    """
    environment = {**os.environ, "CCGRAPH_PORT": "0", "CCGRAPH_LOG_FORMAT": "console", **settings}
    process: subprocess.Popen[str] | ForkedProcess
    if program is None:
        process = FORKER.start(arguments, folder, environment, stdout=subprocess.PIPE, stderr=2)
    else:
        process = subprocess.Popen(
            [program, *arguments], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
        )
    assert process.stdout is not None
    try:
        yield Served(process, _welcome(process.stdout, to_paste="--demo" in arguments))
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(PATIENCE)
        process.stdout.close()


def _welcome(output: IO[str], *, to_paste: bool) -> str:
    """Read to the last line of the welcome; an early end is its end too."""
    text = ""
    last = "curl " if to_paste else "  health"
    while line := output.readline():
        text += line
        if line.startswith(last):
            break
    return text
