"""Subscriptions: many sockets on one process, events written by plain SQL.

    python -m benchmarks.subscriptions                        1,000 sockets, one selection
    python -m benchmarks.subscriptions --sockets 5000 --selections 100

Client, server and database share the machine. Latency is from the trigger's time, which is that of the commit
to a fraction of a millisecond, to the receipt by a socket. Memory is the growth of the server's resident set.
"""

import argparse
import asyncio
import os
import re
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks import servers
from benchmarks.database import BenchmarkDatabase, demo_database
from benchmarks.sockets import Client

FIELDS = ("id", "name", "status", "type", "worktreePath", "createdAt", "startedAt", "exitCode")
_AT = re.compile(rb'"at":"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Options:
    """`rate` events a second for `seconds`, then `burst` events as fast as they can be written."""

    sockets: int
    selections: int
    rate: float
    seconds: float
    burst: int
    user: str


class Receipts:
    """Latencies of all events at all sockets, in seconds; an event's text is parsed once."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self._times: dict[bytes, float] = {}

    def take(self, frame: bytes) -> None:
        """Note one receipt."""
        now = time.time()
        text = frame[24:]
        at = self._times.get(text)
        if at is None:
            found = _AT.search(frame)
            assert found is not None
            at = self._times[text] = datetime.fromisoformat(found.group(1).decode()).timestamp()
        self.latencies.append(now - at)

    def clear(self) -> None:
        """Begin anew."""
        self.latencies = []
        self._times = {}


def query(number: int) -> str:
    """One of many different selections that cost about the same."""
    chosen = [field for bit, field in enumerate(FIELDS) if not number >> bit & 1] or ["id"]
    return (
        "subscription { ccInstanceStatusChanged { at previousStatus status ccInstance { "
        + " ".join(chosen)
        + " project { name } } } }"
    )


async def connect(url: str, token: str, options: Options, receipts: Receipts) -> list[Client]:
    """All sockets, subscribed."""
    address = urlsplit(url)
    loop = asyncio.get_running_loop()
    clients: list[Client] = []
    for start in range(0, options.sockets, 100):
        batch = [
            Client(address.netloc, token, query(number % options.selections), receipts.take)
            for number in range(start, min(start + 100, options.sockets))
        ]
        for client in batch:
            await loop.create_connection(partial(_same, client), address.hostname or "", address.port or 0)
        async with asyncio.timeout(60):
            await asyncio.gather(*(client.subscribed for client in batch))
        clients += batch
    return clients


def _same(client: Client) -> Client:
    return client


async def received(clients: Sequence[Client], expected: int, seconds: float = 60) -> int:
    """Wait until every socket has all events; how many there were in all."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if sum(client.count for client in clients) >= expected * len(clients):
            break
        await asyncio.sleep(0.02)
    return sum(client.count for client in clients)


async def measure(database: BenchmarkDatabase, options: Options) -> dict[str, str]:
    """One run; figures by name."""
    receipts = Receipts()
    logs = Path(tempfile.mkdtemp(prefix="ccgraph-bench-"))
    writer = await asyncpg.connect(database.url)
    instance = await writer.fetchval(
        "SELECT i.id FROM cc_instances i JOIN projects p USING (project_id) JOIN users u ON u.id = p.owner_id"
        " WHERE u.username = $1 LIMIT 1",
        options.user,
    )

    async def change(number: int) -> None:
        status = ("RUNNING", "IDLE")[number % 2]
        await writer.execute("UPDATE cc_instances SET status = $2 WHERE id = $1", instance, status)

    # One that never sent a heartbeat: of another, the server would notice the silence.
    await writer.execute(
        "UPDATE cc_instances SET status = 'IDLE', last_heartbeat = NULL WHERE id = $1", instance
    )
    async with servers.ccgraph(database, logs) as url:
        server = _server()
        before = server.memory
        clients = await connect(url, database.token(options.user), options, receipts)
        await asyncio.sleep(2)
        idle = server.memory
        events = int(options.rate * options.seconds)
        started = time.monotonic()
        for number in range(events):
            await asyncio.sleep(max(0, started + number / options.rate - time.monotonic()))
            await change(number)
        delivered = await received(clients, events)
        latencies = sorted(receipts.latencies)
        receipts.clear()
        busy_before = server.processor_time
        started = time.monotonic()
        for number in range(options.burst):
            await change(number + events)
        total = await received(clients, events + options.burst)
        taken = time.monotonic() - started
        loaded = server.memory
        spent = server.processor_time - busy_before
        ended = {client.ended for client in clients if client.ended}
        for client in clients:
            client.close()
    await writer.close()
    return {
        "delivered at a steady rate": f"{delivered:,} of {events * len(clients):,}",
        "latency p50 / p99 / max": " / ".join(
            f"{1000 * latencies[int(share * (len(latencies) - 1))]:.1f} ms" for share in (0.5, 0.99, 1)
        ),
        "delivered flat out": f"{total - delivered:,} of {options.burst * len(clients):,}",
        "deliveries a second": f"{(total - delivered) / taken:,.0f}",
        "server CPU for a delivery": f"{1e6 * spent / max(total - delivered, 1):.1f} µs",
        "memory a subscriber, idle": f"{(idle - before) / len(clients) / 1024:.1f} KB",
        "memory a subscriber, after load": f"{(loaded - before) / len(clients) / 1024:.1f} KB",
        "ended early": ", ".join(sorted(ended)) or "none",
    }


@dataclass(frozen=True, slots=True)
class _Process:
    """What Linux tells of a process."""

    folder: Path

    @property
    def memory(self) -> int:
        """Resident set in bytes."""
        return int((self.folder / "statm").read_text().split()[1]) * resource.getpagesize()

    @property
    def processor_time(self) -> float:
        """Seconds of all its threads, in user and kernel mode."""
        fields = (self.folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _server() -> _Process:
    """The one child of ours that serves."""
    for folder in Path("/proc").glob("[0-9]*"):
        parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
        if int(parent) == os.getpid() and b"serve" in (folder / "cmdline").read_bytes().split(b"\0"):
            return _Process(folder)
    raise RuntimeError("the server is not among our processes")


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--selections", type=int, default=1)
    parser.add_argument("--rate", type=float, default=10, help="events a second")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--burst", type=int, default=200, help="events written as fast as they can be")
    parser.add_argument("--user", default="demo", help="whose token the sockets have")
    given = parser.parse_args()
    options = Options(**vars(given))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with demo_database(0.1) as database, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(measure(database, options))
    table = Table(title=f"{options.sockets:,} sockets, {options.selections} selections")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in figures.items():
        table.add_row(name, value)
    Console().print(table)


if __name__ == "__main__":
    main()
