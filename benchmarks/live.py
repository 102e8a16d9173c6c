"""Live queries: 1,000 sockets that follow queries on one process, while rows change.

    python -m benchmarks.live            all runs, results to docs/benchmarks.md, about two minutes
    python -m benchmarks.live --only 1 --seconds 3 --dry    a quick look

Each change writes the time into the name of an instance, in a transaction of its own; the latency is from
there to the receipt of a result with that name. How often queries were read is counted by PostgreSQL, as
scans of the index by which they find their instance. Sockets need files: `benchmarks.subscriptions --help`.
"""

import argparse
import asyncio
import re
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from benchmarks import servers
from benchmarks.database import BenchmarkDatabase
from benchmarks.processes import Process
from benchmarks.report import Section, table
from benchmarks.scenarios import arguments, run
from benchmarks.sockets import Client, connect
from benchmarks.subscriptions import USER, writing

SOCKETS = 1_000
LATENCY = 60.0
"""The target in milliseconds (p99) of the first run, which is that of the events of a subscription."""

_WRITTEN = re.compile(rb'"name":"([0-9.]+)"')
_FLUSHED = 11.0
"""Seconds after which an idle connection of PostgreSQL has told its counts."""

_INSTANCES = """
SELECT i.id FROM cc_instances i JOIN projects p USING (project_id) JOIN users u ON u.id = p.owner_id
WHERE u.username = $1 ORDER BY i.id LIMIT $2
"""
_SCANS = """
SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'cc_instances_pkey'
"""


@dataclass(frozen=True, slots=True)
class Scenario:
    """`changes` a second of one instance; the sockets follow it, or different instances in turn."""

    name: str
    title: str
    changes: float
    most: float
    queries: int = 1


SCENARIOS = (
    Scenario("1", "one query, every change is sent", changes=10, most=20),
    Scenario("fast", "one query, changes faster than it is sent", changes=200, most=2),
    Scenario("50", "50 queries, a change concerns one of them", changes=10, most=20, queries=50),
)


@dataclass(slots=True)
class Results:
    """The deliveries to the sockets since `begin`: how late, and each one's last."""

    latencies: list[float] = field(default_factory=list)
    last: dict[Client, bytes] = field(default_factory=dict)

    def take(self, client: Client, frame: bytes) -> None:
        """Note one receipt; a first result may show a name that no change of ours wrote."""
        now = time.time()
        written = _WRITTEN.search(frame)
        if written is not None:
            self.latencies.append(1000 * (now - float(written[1])))
            self.last[client] = written[1]

    def begin(self) -> None:
        """Forget what came so far."""
        self.latencies.clear()
        self.last.clear()


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds; of `server` the share of a core. `readings` are statements for each change.

    `results` are those of all sockets, `rate` those of a socket in a second, where the change concerns it.
    """

    changes: int
    results: int
    rate: float
    p50: float
    p99: float
    readings: float
    server: float
    arrived: bool


def query(scenario: Scenario, instance: object) -> str:
    """A small board around one instance."""
    return (
        f'subscription {{ live(maxPerSecond: {scenario.most}) {{ ccInstance(by: {{id: "{instance}"}})'
        " { name status project { name tasks(first: 10) { nodes { id name status } } } } } }"
    )


async def measure(database: BenchmarkDatabase, scenario: Scenario, seconds: float) -> Figures:
    """One run with a server of its own."""
    results = Results()
    logs = Path(tempfile.mkdtemp(prefix="ccgraph-bench-"))
    async with servers.ccgraph(database, logs) as url, writing(database) as writer:
        found = await writer.fetch(_INSTANCES, USER, scenario.queries)
        instances = [record["id"] for record in found]
        if len(instances) < scenario.queries:
            raise RuntimeError(f"the demo has only {len(instances)} instances of {USER}")
        queries = (query(scenario, instances[number % len(instances)]) for number in range(SOCKETS))
        clients = await connect(url, database.token(USER), queries, results.take)
        await asyncio.sleep(_FLUSHED)
        results.begin()
        scans = await writer.fetchval(_SCANS)
        server = Process.child("serve")
        busy, started = server.processor_time, time.monotonic()
        changes = int(scenario.changes * seconds)
        final = await change(writer, instances[0], changes, 1 / scenario.changes)
        taken = time.monotonic() - started
        share = (server.processor_time - busy) / taken
        await asyncio.sleep(_FLUSHED)
        readings = (await writer.fetchval(_SCANS) - scans - changes) / changes
        for client in clients:
            client.close()
    latencies = sorted(results.latencies)
    return Figures(
        changes=changes,
        results=len(latencies),
        rate=len(latencies) / len(results.last) / taken,
        p50=latencies[len(latencies) // 2],
        p99=latencies[int(0.99 * (len(latencies) - 1))],
        readings=readings,
        server=share,
        arrived=[*results.last.values()] == [final.encode()] * (SOCKETS // len(instances)),
    )


async def change(
    writer: "asyncpg.Connection[asyncpg.Record]", instance: object, changes: int, pause: float
) -> str:
    """Let PostgreSQL write the time into an instance's name `changes` times; the last name."""
    await writer.execute(
        f"""
DO $$ BEGIN
  FOR number IN 1..{changes} LOOP
    UPDATE cc_instances SET name = extract(epoch FROM clock_timestamp())::text WHERE id = '{instance}';
    COMMIT;
    PERFORM pg_sleep({pause});
  END LOOP;
END $$"""
    )
    name: str = await writer.fetchval("SELECT name FROM cc_instances WHERE id = $1", instance)
    return name


def report(figures: Mapping[Scenario, Figures], seconds: float) -> str:
    """The section of docs/benchmarks.md."""
    header = ["", "changes/s", "at most/s", "results/s of a socket", "p50 / p99 ms", "statements a change"]
    header += ["CPU server", "last state arrived"]
    rows = [
        [
            scenario.title,
            f"{scenario.changes:g}",
            f"{scenario.most:g}",
            f"{found.rate:.1f}",
            f"{found.p50:.0f} / {found.p99:.0f}",
            f"{found.readings:.2f}",
            f"{found.server:.0%}",
            "at all sockets" if found.arrived else "NOT EVERYWHERE",
        ]
        for scenario, found in figures.items()
    ]
    lines = [f"{SOCKETS:,} sockets, {seconds:g} s of changes.", "", table(header, rows)]
    first = figures.get(SCENARIOS[0])
    if first is not None:
        reached = first.p99 < LATENCY and first.results == SOCKETS * first.changes and first.arrived
        lines.append(
            f"- {SCENARIOS[0].title}: p99 under {LATENCY:g} ms, every change at every socket: "
            + ("reached." if reached else "not reached.")
        )
    return "\n".join([*lines, ""])


async def main(given: argparse.Namespace, database: BenchmarkDatabase) -> None:
    """Measure, print, and write the report."""
    figures: dict[Scenario, Figures] = {}
    for scenario in SCENARIOS:
        if given.only is None or scenario.name in given.only:
            print(f"{scenario.title} ...", flush=True)
            figures[scenario] = await measure(database, scenario, given.seconds)
    section = Section("live", report(figures, given.seconds))
    print(section.text)
    if not given.dry and given.only is None:
        section.write()


if __name__ == "__main__":
    run(main, arguments(__doc__, [scenario.name for scenario in SCENARIOS]))
