"""Benchmark of the proxy of MCP servers: what it adds to a message and its answer.

    python -m benchmarks.proxy              results to docs/benchmarks.md, about half a minute
    python -m benchmarks.proxy --seconds 3 --dry    a quick look

The server answers with what it is sent, so that its own time is as short as can be. The proxy records, for a
server of ccgraph that is away.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import uuid4

from benchmarks.report import Section, table
from benchmarks.scenarios import arguments

SERVER = ("cat",)
PROXY = (
    sys.executable,
    "-P",
    "-c",
    "from app.cli import main; main()",
    "mcp-proxy",
    "--server",
    "echo",
    "--",
)
SIZES = {"200 bytes": 200, "10 kB": 10_000, "1 MB": 1_000_000}
WANTED = 1.0
"""Milliseconds that the proxy may add at the median of short messages."""


@contextmanager
def started(command: Sequence[str], home: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A server that ends with the block."""
    variables = {
        "HOME": home,
        "CCGRAPH_URL": "http://127.0.0.1:9",
        "CCGRAPH_INGEST_TOKEN": "token",
        "CLAUDE_CODE_SESSION_ID": str(uuid4()),
    }
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env={**os.environ, **variables}
    )
    try:
        yield process
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.wait()


def message(size: int) -> bytes:
    """A message of about so many bytes."""
    head = b'{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"'
    return head + random.randbytes(size // 2).hex().encode() + b'"}]}}\n'


def exchange(process: "subprocess.Popen[bytes]", content: bytes) -> float:
    """Milliseconds until all of it has come back."""
    assert process.stdin is not None
    assert process.stdout is not None
    begun = time.perf_counter()
    left = memoryview(content)
    missing = len(content)
    while missing:
        # Not more than pipes hold at a time: the server writes while it reads.
        if left:
            left = left[process.stdin.write(left[:32_768]) or 0 :]
        while missing > len(left):
            chunk = process.stdout.read(missing - len(left))
            if not chunk:
                raise RuntimeError("the server has ended")
            missing -= len(chunk)
    return (time.perf_counter() - begun) * 1000


def measure(size: int, seconds: float) -> tuple[list[float], list[float]]:
    """The times of the server alone and behind a proxy, taken in turns."""
    content = message(size)
    alone: list[float] = []
    behind: list[float] = []
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home,  # the recorder ends a little later
        started(SERVER, home) as bare,
        started((*PROXY, *SERVER), home) as proxy,
    ):
        for process in (bare, proxy):
            exchange(process, content)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            alone.append(exchange(bare, content))
            behind.append(exchange(proxy, content))
            time.sleep(0.005)  # agents think between two calls
    return alone, behind


def main(given: argparse.Namespace) -> None:
    """Measure, print, and write the report."""
    busy = os.getloadavg()[0]
    rows = []
    for name, size in SIZES.items():
        alone, behind = measure(size, given.seconds)
        added = statistics.median(behind) - statistics.median(alone)
        verdict = "" if size > 1_000 else f"under {WANTED:g} ms: {'' if added < WANTED else 'not '}reached"
        rows.append([name, *(_shown(times) for times in (alone, behind)), f"{added:.2f}", verdict])
    header = [
        "A message and its echo of",
        "alone: median / p99 ms",
        "behind the proxy",
        "added, median ms",
        "wanted",
    ]
    text = f"{given.seconds:.0f} s each; the load average of the machine was {busy:.1f} when it began.\n\n"
    section = Section("proxy", text + table(header, rows))
    print(section.text)
    if not given.dry:
        section.write()


def _shown(times: list[float]) -> str:
    slowest = statistics.quantiles(times, n=100)[98]
    return f"{statistics.median(times):.2f} / {slowest:.2f}"


if __name__ == "__main__":
    main(arguments(__doc__, []))
