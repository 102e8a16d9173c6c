"""Parts that every benchmark of writing needs: the servers, the load, and what it took."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import asyncpg

from benchmarks import servers
from benchmarks.connections import Connection
from benchmarks.database import BenchmarkDatabase
from benchmarks.fleet import OWNER, Fleet, make_fleet
from benchmarks.peers.requests import Request, graphql
from benchmarks.processes import Process


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a run: what it measures, and for how long."""

    seconds: float
    rounds: int
    tasks: int
    only: tuple[str, ...]
    dry: bool


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of processor time: of ccgraph, and of all processes of PostgreSQL."""

    server: float
    database: float

    def since(self, earlier: "Spent", count: int) -> "Spent":
        """The time that each of `count` rows or calls took since then."""
        return Spent(
            (self.server - earlier.server) / max(count, 1), (self.database - earlier.database) / max(count, 1)
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one part. `spent` is for one row or call; `beside` names what `peer_rate` is of."""

    title: str
    rate: float
    spent: Spent
    wanted: str
    reached: bool
    beside: str = ""
    peer_rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Bench:
    """The things that every part needs: both servers, the fleet, and a token of its owner."""

    database: BenchmarkDatabase
    fleet: Fleet
    ours: str
    theirs: str
    token: str
    server: Process
    options: Options

    def ask(self, query: str, variables: Mapping[str, object]) -> Request:
        """A request to ccgraph in the name of the fleet's owner."""
        return graphql(self.ours, query, {"input": variables}, self.token)

    def spent(self) -> Spent:
        """Processor time until now."""
        return Spent(self.server.processor_time, self.database.processor_time)


@asynccontextmanager
async def opened(database: BenchmarkDatabase, options: Options) -> AsyncIterator[Bench]:
    """A bench with both servers up, on a new fleet."""
    logs = Path(tempfile.mkdtemp(prefix="ccgraph-bench-"))
    connection = await asyncpg.connect(database.url)
    fleet = await make_fleet(connection, options.tasks)
    await connection.close()
    token = database.token(OWNER)
    async with (
        servers.ccgraph(database, logs) as ours,
        servers.postgraphile(database.url, logs) as theirs,
    ):
        server = Process.child("serve")
        yield Bench(database, fleet, f"{ours}/graphql", f"{theirs}/graphql", token, server, options)


async def drive(requests: Sequence[Iterator[Request]], seconds: float) -> tuple[int, float]:
    """One connection for each iterator, each asking for what comes next until the time is over.

    How many were answered, and in how many seconds. An error in an answer ends the run.
    """
    connections = [await Connection.open(next(each).url) for each in requests]
    begun = perf_counter()

    async def work(connection: Connection, each: Iterator[Request]) -> int:
        answered = 0
        for request in each:
            if perf_counter() - begun >= seconds:
                break
            answer = await connection.ask(request)
            require_success(answer.body)
            answered += 1
        return answered

    counts = await asyncio.gather(*map(work, connections, requests))
    taken = perf_counter() - begun
    for connection in connections:
        connection.close()
    return sum(counts), taken


def require_success(body: bytes) -> None:
    """A rate of errors is no rate."""
    if b'"errors"' in body[:10]:
        raise RuntimeError(f"A request failed: {body[:500].decode()}")
