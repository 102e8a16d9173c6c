"""`ccgraph mcp-proxy` as a client starts it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.bridges import CCGRAPH
from tests.support.waiting import PATIENCE

SERVER = "stub"

_QUICK = "import sys; from app.proxy.command import run; run(sys.argv[1], None, sys.argv[2:])"
"""What the command does, without the command line that is read first."""


def command(*server: str, quick: bool = True) -> list[str]:
    """The command that puts a proxy before a server."""
    if quick:
        return [sys.executable, "-P", "-c", _QUICK, SERVER, *server]
    return [CCGRAPH, "mcp-proxy", "--server", SERVER, "--", *server]


def environment(**more: str) -> dict[str, str]:
    """The variables that a client hands on, and further ones."""
    return {name: os.environ[name] for name in ("PATH", "TZ") if name in os.environ} | more


def _hear_all() -> None:
    """Below nohup, and in the background of a script, some signals are ignored, and a proxy keeps to that."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def proxied(
    *server: str, cwd: Path, quick: bool = True, variables: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A proxy before a server, with pipes to its three ends, which are closed when the block ends."""
    process = subprocess.Popen(
        command(*server, quick=quick),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        cwd=cwd,
        env=environment(HOME=str(cwd), **(variables or {})),
        preexec_fn=_hear_all,
    )
    try:
        yield process
    finally:
        process.kill()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        process.wait(PATIENCE)


def passed(
    content: bytes, server: Sequence[str], cwd: Path, variables: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[bytes]":
    """The output when a client says all of `content` and then closes its end."""
    return subprocess.run(
        command(*server),
        input=content,
        capture_output=True,
        cwd=cwd,
        env=environment(HOME=str(cwd), **(variables or {})),
        timeout=PATIENCE,
        check=False,
    )
