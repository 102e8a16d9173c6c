"""Queries of a user while maintenance removes logs that are past their retention.

    python -m benchmarks.maintenance                        10,000,000 rows, about five minutes
    python -m benchmarks.maintenance --rows 100000 --dry    a quick look

A tenth of the logs are newer and stay, between the others and in the partition that is written to, so that
none can go with its partition. One `ccgraph serve` answers a user who asks, four times a second each, for the
newest logs of an instance, the number of errors of an hour, and a board of tasks: first alone, then while
`ccgraph maintenance` runs, then alone again. No two queries are equal, so none shares an answer.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import uvloop

from benchmarks import servers
from benchmarks.database import BenchmarkDatabase, fresh_database, program
from benchmarks.report import Section, table

ROWS = 10_000_000
ALONE_SECONDS = 20.0
RATE = 12
"""Queries a second, a third of each kind."""
TARGET = 2.0
"""Times that a query may take of what it takes alone."""
_AT_ONCE = 200_000
"""Rows of one INSERT."""

_QUERIES = {
    "newest logs of an instance": "query ($x: String!, $instance: UUID!) { ccLogs(first: 50, where: {"
    "ccInstanceId: {eq: $instance}, message: {neq: $x}}, orderBy: [{createdAt: DESC}]) {"
    " nodes { id logLevel message createdAt } } }",
    "errors of an hour": "query ($x: String!, $since: DateTime!) { ccLogs(where: {logLevel: {eq: ERROR},"
    " createdAt: {gte: $since}, message: {neq: $x}}) { totalCount } }",
    "a board of tasks": "query ($x: String!) { tasks(first: 50, where: {name: {neq: $x}},"
    " orderBy: [{priority: DESC}]) { nodes { id name status project { name } assignedTo { name } } } }",
}

_PEOPLE = """
WITH person AS (
    INSERT INTO users (username, email, hashed_password, resource_quota)
    VALUES ('asker', 'asker@example.com', 'none', '{"api_calls_per_hour": 10000000}') RETURNING id
), project AS (
    INSERT INTO projects (name, owner_id) SELECT 'measured', id FROM person RETURNING project_id
), tasks AS (
    INSERT INTO tasks (project_id, name, task_type, priority)
    SELECT project_id, 'task ' || n, 'testing', 1 + n % 10 FROM project, generate_series(1, 500) AS n
)
INSERT INTO cc_instances (project_id, name, type, status)
SELECT project_id, 'instance ' || n, 'PARENT', 'IDLE' FROM project, generate_series(1, 20) AS n
RETURNING id
"""
# The partition of this month begins more than a year ago.
_PARTITION = """
DO $$
DECLARE
    month record;
BEGIN
    SELECT * FROM ccgraph_planned_partitions(now(), 0, 0) INTO month WHERE parent = 'cc_logs';
    EXECUTE format('DROP TABLE %I', month.name);
    PERFORM ccgraph_create_partition(month.parent, month.name, now() - INTERVAL '400 days', month.high);
END $$
"""
_LOGS = """
INSERT INTO cc_logs (cc_instance_id, log_level, category, message, created_at)
SELECT ($1::uuid[])[1 + n % 20], CASE WHEN n % 50 = 0 THEN 'error' ELSE 'info' END, 'task',
    'step ' || n || ' of the work is done and took ' || n % 997 || ' ms',
    CASE WHEN n % 10 = 0 THEN now() - INTERVAL '1 minute' * (n % 40000)
        ELSE now() - INTERVAL '396 days' + INTERVAL '365 days' * (n / $4::double precision) END
FROM generate_series($2::bigint, $3::bigint) AS n
"""
_LEFT = "SELECT count(*) FROM cc_logs WHERE created_at < now() - INTERVAL '30 days'"


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds of one kind of query in one run."""

    median: float
    p99: float
    longest: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Figures":
        """The figures of the seconds that each took."""
        late = sorted(1000 * value for value in seconds)
        return cls(late[len(late) // 2], late[int(0.99 * (len(late) - 1))], late[-1])


class Asker:
    """One user who asks at a steady rate, whatever the answers take."""

    def __init__(self, client: httpx.AsyncClient, instances: list[UUID]) -> None:
        self._client = client
        self._instances = instances
        self._number = 0

    async def ask_until(self, stopped: asyncio.Event) -> dict[str, list[float]]:
        """Seconds from when each query was due to its answer, by its kind."""
        taken: dict[str, list[float]] = {kind: [] for kind in _QUERIES}
        asked = []
        begun, count = time.perf_counter(), 0
        while not stopped.is_set():
            due = begun + count / RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            kind = list(_QUERIES)[count % len(_QUERIES)]
            asked.append(asyncio.create_task(self._ask(kind, due, taken[kind])))
            count += 1
        await asyncio.gather(*asked)
        return taken

    async def ask_for(self, seconds: float) -> dict[str, list[float]]:
        """The same for so long."""
        stopped = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, stopped.set)
        return await self.ask_until(stopped)

    async def _ask(self, kind: str, due: float, taken: list[float]) -> None:
        self._number += 1
        variables = {"x": f"number {self._number}"}
        if "$instance" in _QUERIES[kind]:
            variables["instance"] = str(self._instances[self._number % len(self._instances)])
        if "$since" in _QUERIES[kind]:
            variables["since"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))
        answer = await self._client.post("/graphql", json={"query": _QUERIES[kind], "variables": variables})
        if answer.json().get("errors"):
            raise RuntimeError(answer.text)
        taken.append(time.perf_counter() - due)


async def fill(database: BenchmarkDatabase, rows: int) -> list[UUID]:
    """A fleet with so many entries in its logs; the keys of its instances."""
    connection = await asyncpg.connect(database.url)
    try:
        instances = [row["id"] for row in await connection.fetch(_PEOPLE)]
        await connection.execute(_PARTITION)
        for first in range(1, rows + 1, _AT_ONCE):
            last = min(rows, first + _AT_ONCE - 1)
            await connection.execute(_LOGS, instances, first, last, rows)
            print(f"{last:,} rows", flush=True)
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()
    return instances


async def maintained(database: BenchmarkDatabase) -> float:
    """Run the command to its end; seconds. Raises: RuntimeError when a step failed."""
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(program("ccgraph"), "maintenance"),
        env={**os.environ, **database.environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, errors = await process.communicate()
    if process.returncode:
        raise RuntimeError(told.decode() + errors.decode())
    return time.perf_counter() - begun


@dataclass(frozen=True, slots=True)
class Result:
    """The times that each kind of query took in each run; how many rows went in how many seconds."""

    runs: dict[str, dict[str, Figures]]
    removed: int
    seconds: float


async def measure(database: BenchmarkDatabase, rows: int, seconds: float) -> Result:
    """All three runs."""
    instances = await fill(database, rows)
    connection = await asyncpg.connect(database.url)
    due = await connection.fetchval(_LEFT)
    logs = Path(tempfile.mkdtemp(prefix="ccgraph-bench-"))
    taken: dict[str, dict[str, list[float]]] = {}
    async with servers.ccgraph(database, logs, {"CCGRAPH_MAINTENANCE_EVERY": "0"}) as url:
        headers = {"authorization": f"Bearer {database.token('asker')}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
            asker = Asker(client, instances)
            await asker.ask_for(5)
            taken["alone"] = await asker.ask_for(seconds)
            stopped = asyncio.Event()
            asking = asyncio.create_task(asker.ask_until(stopped))
            took = await maintained(database)
            stopped.set()
            taken["maintenance"] = await asking
            taken["afterwards"] = await asker.ask_for(seconds)
    left = await connection.fetchval(_LEFT)
    await connection.close()
    if left:
        raise RuntimeError(f"{left} rows past retention are left")
    runs = {
        name: {kind: Figures.of(values) for kind, values in found.items()} for name, found in taken.items()
    }
    return Result(runs, due, took)


def report(result: Result) -> str:
    """The section of docs/benchmarks.md."""
    header = ["median / p99 / longest ms", *result.runs, "median, times"]
    rows, reached = [], True
    for kind in _QUERIES:
        found = [figures[kind] for figures in result.runs.values()]
        times = result.runs["maintenance"][kind].median / result.runs["alone"][kind].median
        reached = reached and times < TARGET
        cells = [f"{one.median:.1f} / {one.p99:.0f} / {one.longest:.0f}" for one in found]
        rows.append([kind, *cells, f"{times:.2f}"])
    return "\n".join(
        [
            f"{result.removed:,} rows past retention went in {result.seconds:.0f} s"
            f" ({result.removed / result.seconds:,.0f} a second).",
            "",
            table(header, rows),
            f"- No query takes {TARGET:g} times as long (median): {'reached' if reached else 'not reached'}.",
            "",
        ]
    )


async def main(given: argparse.Namespace, database: BenchmarkDatabase) -> None:
    """Measure, print, and write the report."""
    section = Section("maintenance", report(await measure(database, given.rows, given.seconds)))
    print(section.text)
    if not given.dry:
        section.write()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS, help=f"entries of logs, {ROWS:,} unless given")
    parser.add_argument(
        "--seconds", type=float, default=ALONE_SECONDS, help="of the runs without maintenance"
    )
    parser.add_argument("--dry", action="store_true", help="print the report and write no file")
    arguments = parser.parse_args()
    with fresh_database() as opened, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(arguments, opened))
