"""Writing: bulk appends beside COPY, creates beside PostGraphile 5, claims and heartbeats of many agents.

    python -m benchmarks.writing                  everything, results to docs/benchmarks.md
    python -m benchmarks.writing --only claims    one part of logs, messages, creates, claims, heartbeats
    python -m benchmarks.writing --only creates --seconds 1 --rounds 1    a quick look; writes no file

ccgraph is one process; it, PostgreSQL (embedded, durable: every commit is flushed to disk) and the clients
share the machine. The database is made for the run and removed after it; the demo's stays as it was.

How to read the figures: rates are on the clock and suffer from whatever else runs. The processor times are
those of one row or call, in ccgraph and in all processes of PostgreSQL, and hardly do.
"""

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import uvloop
from uuid_utils.compat import uuid7

from benchmarks import servers
from benchmarks.connections import Connection
from benchmarks.database import BenchmarkDatabase, fresh_database
from benchmarks.fleet import AGENTS, OWNER, Fleet, make_fleet
from benchmarks.peers.requests import Request, graphql
from benchmarks.processes import Process
from benchmarks.report import Section, bars, table
from benchmarks.traffic import log_rows, mcp_messages, parts
from benchmarks.wrk import run as wrk

ROWS = 1_000
WRITERS = 4
"""Rows of one call, and connections that append."""

BEATS = 1_000
"""Heartbeats a second."""

APPEND_LOGS = "mutation Append($input: AppendCcLogsInput!) { appendCcLogs(input: $input) { count } }"
RECORD = "mutation Record($input: RecordMcpMessagesInput!) { recordMcpMessages(input: $input) { recorded } }"
CREATE = """mutation Create($input: CreateTaskInput!) { createTask(input: $input) {
  task { id name status priority createdAt project { name status } } } }"""
CREATE_POSTGRAPHILE = """mutation Create($input: CreateTaskInput!) { createTask(input: $input) {
  task { rowId name status priority createdAt projectByProjectId { name status } } } }"""
CLAIM = """mutation Claim($input: ClaimNextTaskInput!) { claimNextTask(input: $input) {
  task { id name priority project { name } } } }"""
BEAT = "mutation Beat($input: HeartbeatInput!) { heartbeat(input: $input) { alive } }"

COPIED = {
    "cc_logs": "cc_instance_id, task_id, log_level, category, message, details, created_at",
    "mcp_messages": "cc_instance_id, message_type, server_name, direction, rpc_id, method,"
    " params, result, error, processing_time_ms, created_at",
}
"""The columns beside the key that both ways of appending fill."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a run measures, and for how long."""

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
        """What each of `count` rows or calls took since then."""
        return Spent(
            (self.server - earlier.server) / max(count, 1), (self.database - earlier.database) / max(count, 1)
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """What one part has shown. `spent` is for one row or call; `beside` names what `peer_rate` is of."""

    title: str
    rate: float
    spent: Spent
    wanted: str
    reached: bool
    beside: str = ""
    peer_rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Bench:
    """What every part needs: both servers, the fleet, and a token of its owner."""

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
    """Both servers up on a new fleet."""
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


async def logs(bench: Bench) -> Finding:
    """appendCcLogs beside COPY of the same rows."""
    task = str(bench.fleet.ready[0])
    requests = [
        repeat(bench.ask(APPEND_LOGS, {"rows": log_rows(str(instance), task, ROWS)}))
        for instance in bench.fleet.instances[:WRITERS]
    ]
    return await _appended(bench, "appendCcLogs, rows", "cc_logs", lambda: requests)


async def messages(bench: Bench) -> Finding:
    """recordMcpMessages beside COPY of the same rows."""
    instances = [str(instance) for instance in bench.fleet.instances[:WRITERS]]
    streams = [parts(mcp_messages(), ROWS) for _ in instances]
    most = int(bench.options.seconds * 20_000 / ROWS / WRITERS) + 2

    def requests() -> list[Iterator[Request]]:
        # Made before the clock runs: the client is not what is measured.
        return [
            iter(
                [bench.ask(RECORD, {"ccInstanceId": instance, "messages": next(stream)}) for _ in range(most)]
            )
            for instance, stream in zip(instances, streams, strict=True)
        ]

    return await _appended(bench, "recordMcpMessages, rows", "mcp_messages", requests)


async def _appended(
    bench: Bench, title: str, table_name: str, requests: Callable[[], Sequence[Iterator[Request]]]
) -> Finding:
    """Rounds in turns with COPY; the median of each."""
    await drive(requests(), min(1.0, bench.options.seconds))
    rates, costs, copied = [], [], []
    for _ in range(bench.options.rounds):
        ready = requests()
        before = bench.spent()
        calls, taken = await drive(ready, bench.options.seconds)
        rates.append(calls * ROWS / taken)
        costs.append(bench.spent().since(before, calls * ROWS))
        copied.append(await copy_rate(bench, table_name))
    rate = statistics.median_low(rates)
    return Finding(
        title,
        rate,
        costs[rates.index(rate)],
        "at least 10,000 a second",
        rate >= 10_000,
        "COPY into the same table",
        statistics.median_low(copied),
    )


async def copy_rate(bench: Bench, table_name: str) -> float:
    """Rows a second when as many connections COPY as many rows at a time into the same table."""
    columns = COPIED[table_name].split(", ")
    connections = [await asyncpg.connect(bench.database.url) for _ in range(WRITERS)]
    newest = f"SELECT {', '.join(columns)} FROM {table_name} ORDER BY created_at DESC LIMIT {ROWS}"
    rows = [tuple(row) for row in await connections[0].fetch(newest)]
    begun = perf_counter()

    async def copy(connection: "asyncpg.Connection[asyncpg.Record]") -> int:
        done = 0
        while perf_counter() - begun < bench.options.seconds:
            records = [(uuid7(), *row) for row in rows]
            await connection.copy_records_to_table(table_name, records=records, columns=["id", *columns])
            done += len(records)
        return done

    done = sum(await asyncio.gather(*map(copy, connections)))
    taken = perf_counter() - begun
    for connection in connections:
        await connection.close()
    return done / taken


async def creates(bench: Bench) -> Finding:
    """createTask with its project in the payload, beside PostGraphile's own mutation on the same table."""
    task = {"projectId": str(bench.fleet.project_id), "name": "One more", "priority": 5}
    ours = bench.ask(CREATE, {**task, "taskType": "DEVELOPMENT"})
    theirs = graphql(
        bench.theirs, CREATE_POSTGRAPHILE, {"input": {"task": {**task, "taskType": "development"}}}
    )
    for request in (ours, theirs):
        await drive([iter([request] * 20) for _ in range(servers.POOL_SIZE)], 10)
    rates, costs, peers = [], [], []
    for _ in range(bench.options.rounds):
        before = bench.spent()
        load = await wrk(ours.url, ours.body, ours.headers, seconds=bench.options.seconds)
        costs.append(bench.spent().since(before, round(load.rate * bench.options.seconds)))
        rates.append(load.rate)
        peers.append((await wrk(theirs.url, theirs.body, theirs.headers, seconds=bench.options.seconds)).rate)
    rate, peer = statistics.median_low(rates), statistics.median_low(peers)
    return Finding(
        "createTask with payload",
        rate,
        costs[rates.index(rate)],
        "at least 2 times PostGraphile's",
        rate >= 2 * peer,
        "PostGraphile 5",
        peer,
    )


async def claims(bench: Bench) -> Finding:
    """Every agent claims until there is nothing left; then it is checked who got what.

    A task that was claimed twice, skipped, or claimed although it is blocked ends the run.
    """
    await _refill(bench)
    won: list[str] = []

    async def work(connection: Connection, instance: UUID) -> None:
        request = bench.ask(CLAIM, {"ccInstanceId": str(instance), "leaseSeconds": 3600})
        while True:
            answer = await connection.ask(request)
            require_success(answer.body)
            task = orjson.loads(answer.body)["data"]["claimNextTask"]["task"]
            if task is None:
                return
            won.append(task["id"])

    connections = [await Connection.open(bench.ours) for _ in range(AGENTS)]
    before, begun = bench.spent(), perf_counter()
    await asyncio.gather(*map(work, connections, bench.fleet.instances))
    taken, spent = perf_counter() - begun, bench.spent().since(before, len(won))
    for connection in connections:
        connection.close()
    await _require_each_once(bench, won)
    rate = len(won) / taken
    title = f"claimNextTask, {AGENTS} agents, {len(won):,} tasks"
    return Finding(title, rate, spent, "at least 500 a second", rate >= 500)


async def _refill(bench: Bench) -> None:
    """Only the fleet's own tasks wait; what other parts created is put aside."""
    connection = await asyncpg.connect(bench.database.url)
    await connection.execute(
        "DELETE FROM tasks WHERE status IN ('PENDING', 'QUEUED') AND NOT id = ANY($1)",
        [*bench.fleet.ready, *bench.fleet.blocked],
    )
    await connection.execute("VACUUM (ANALYZE) tasks")
    await connection.close()


async def _require_each_once(bench: Bench, won: Sequence[str]) -> None:
    connection = await asyncpg.connect(bench.database.url)
    running = await connection.fetchval(
        "SELECT count(*) FROM tasks WHERE id = ANY($1) AND status = 'RUNNING' AND assigned_to IS NOT NULL",
        bench.fleet.ready,
    )
    await connection.close()
    if sorted(won) != sorted(map(str, bench.fleet.ready)) or running != len(won):
        raise RuntimeError(
            f"{len(won)} claims of {len(set(won))} tasks, {running} of them running; "
            f"{len(bench.fleet.ready)} were ready"
        )


async def heartbeats(bench: Bench) -> Finding:
    """A thousand signs of life a second, ten calls of a hundred: what they take of a processor core."""
    instances = [str(instance) for instance in bench.fleet.instances]
    requests = [
        bench.ask(BEAT, {"ids": instances[start : start + BEATS // 10]})
        for start in range(0, BEATS, BEATS // 10)
    ]
    return await _beaten(bench, f"heartbeat, {BEATS:,} instances a second, 100 a call", requests)


async def lone_heartbeats(bench: Bench) -> Finding:
    """The same number where every instance calls for itself."""
    requests = [bench.ask(BEAT, {"ids": [str(instance)]}) for instance in bench.fleet.instances]
    return await _beaten(bench, f"heartbeat, {BEATS:,} instances a second, each its own call", requests)


async def _beaten(bench: Bench, title: str, requests: Sequence[Request]) -> Finding:
    """Send all requests once a second, evenly spread; none overtakes another on its connection."""
    seconds = max(3, round(bench.options.seconds))
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(AGENTS):
        free.put_nowait(await Connection.open(bench.ours))

    async def send(connection: Connection, request: Request) -> None:
        answer = await connection.ask(request)
        require_success(answer.body)
        free.put_nowait(connection)

    before, begun = bench.spent(), perf_counter()
    async with asyncio.TaskGroup() as sending:
        for number in range(seconds * len(requests)):
            await asyncio.sleep(max(0.0, begun + number / len(requests) - perf_counter()))
            sending.create_task(send(await free.get(), requests[number % len(requests)]))
    taken, spent = perf_counter() - begun, bench.spent().since(before, BEATS * seconds)
    while not free.empty():
        free.get_nowait().close()
    rate = BEATS * seconds / taken
    return Finding(title, rate, spent, "1,000 a second", rate >= 0.95 * BEATS)


PARTS: Mapping[str, Sequence[Callable[[Bench], Awaitable[Finding]]]] = {
    "logs": (logs,),
    "messages": (messages,),
    "creates": (creates,),
    "claims": (claims,),
    "heartbeats": (heartbeats, lone_heartbeats),
}


def report(findings: Iterable[Finding], options: Options) -> str:
    """The section of docs/benchmarks.md."""
    rows = [
        [
            found.title,
            f"{found.rate:,.0f}",
            f"{found.peer_rate:,.0f} ({found.beside})" if found.beside else "",
            f"{found.rate / found.peer_rate:.2f}" if found.beside else "",
            f"{found.spent.server * 1e6:,.0f}",
            f"{found.spent.database * 1e6:,.0f}",
            f"{found.wanted}: {'reached' if found.reached else 'not reached'}",
        ]
        for found in findings
    ]
    header = ["What", "a second", "beside", "×", "ccgraph µs", "PostgreSQL µs", "wanted"]
    return "\n".join(
        [
            f"{ROWS:,} rows a call over {WRITERS} connections; creates over 16;"
            f" {options.rounds} times {options.seconds:g} s (median).",
            "The microseconds are processor time for one row, create, claim or sign of life."
            " No task was claimed twice, none skipped, and none of the blocked ones claimed.",
            "",
            table(header, rows),
        ]
    )


def chart(findings: Iterable[Finding]) -> str:
    """The rates of what has something beside it, as bars."""
    groups: dict[str, dict[str, float]] = {
        f"{found.title} ({found.beside})": {"ccgraph": found.rate, "beside it": found.peer_rate}
        for found in findings
        if found.beside
    }
    return bars("Writing: a second, beside COPY and PostGraphile 5", "/s", groups)


async def main(options: Options, database: BenchmarkDatabase) -> None:
    """Measure, print, and write the report."""
    findings = []
    async with opened(database, options) as bench:
        for name in options.only:
            for part in PARTS[name]:
                findings.append(found := await part(bench))
                print(f"{found.title}: {found.rate:,.0f} a second", flush=True)
    section = Section("writing", report(findings, options), chart(findings) if not options.dry else "")
    print(section.text)
    if not options.dry:
        section.write()


def arguments() -> Options:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a round, at most 30")
    parser.add_argument("--rounds", type=int, default=3, choices=range(1, 10), help="rounds, 3 unless given")
    parser.add_argument("--tasks", type=int, default=10_000, help="tasks to claim, 10,000 unless given")
    parser.add_argument("--only", nargs="*", choices=tuple(PARTS), help="these parts; writes no file")
    parser.add_argument("--dry", action="store_true", help="print the report and write no file")
    given: Any = parser.parse_args()
    only = tuple(given.only or PARTS)
    return Options(given.seconds, given.rounds, given.tasks, only, given.dry or bool(given.only))


if __name__ == "__main__":
    chosen = arguments()
    with fresh_database() as running, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(chosen, running))
