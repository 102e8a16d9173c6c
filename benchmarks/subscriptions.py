"""Subscriptions: many sockets on one process, events from the database, and what the feed costs its writers.

    python -m benchmarks.subscriptions            all runs, results to docs/benchmarks.md, about four minutes
    python -m benchmarks.subscriptions --only 1000/1 --seconds 3 --dry    a quick look

The run 5000/100 has 5,000 sockets that ask for 100 different selections. Every socket is a file of the client
and one of the server: where `ulimit -Hn` is below 6,000, raise it first (`nofile` in
/etc/security/limits.conf, LimitNOFILE= of systemd, `--ulimit nofile=` of Docker); the soft one needs no care.

Client, server and database share the machine. PostgreSQL itself changes one row again and again, each time in
a transaction of its own. Latency is from the trigger, just before the commit, to the receipt by a socket.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from benchmarks import servers
from benchmarks.database import BenchmarkDatabase
from benchmarks.processes import Process
from benchmarks.receipts import Receipts
from benchmarks.report import Section, bars, table
from benchmarks.scenarios import arguments, run
from benchmarks.sockets import connect
from benchmarks.writers import Rates, measure_writers

USER = "demo"
FIELDS = ("id", "name", "status", "type", "worktreePath", "createdAt", "startedAt", "exitCode")

LATENCY, FLAT_OUT, IDLE, LOADED, WRITERS = 60.0, 25_000.0, 30.0, 120.0, 0.8
"""Targets: milliseconds (p99), deliveries a second, KB a subscriber (twice), share of the writers' rate."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """`rate` events a second for a while, then `burst` events as fast as PostgreSQL commits them."""

    sockets: int
    selections: int
    rate: float
    burst: int

    @property
    def name(self) -> str:
        """The name of the scenario on the command line."""
        return f"{self.sockets}/{self.selections}"

    @property
    def title(self) -> str:
        """The title of the scenario in the report."""
        return f"{self.sockets:,} subscribers, " + (
            "one selection" if self.selections == 1 else f"{self.selections} selections"
        )


SCENARIOS = (
    Scenario(1000, 1, 10, 600),
    Scenario(1000, 100, 10, 600),
    Scenario(5000, 1, 2, 120),
    Scenario(5000, 100, 2, 120),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds; KB a subscriber; of `server` and `client` the share of a core at the steady rate."""

    p50: float
    p99: float
    rate: float
    flat_out: float
    idle: float
    loaded: float
    server: float
    client: float
    delivered: str
    exact: bool


async def measure(database: BenchmarkDatabase, scenario: Scenario, seconds: float) -> Figures:
    """One run with a server of its own."""
    receipts = Receipts()
    logs = Path(tempfile.mkdtemp(prefix="ccgraph-bench-"))
    async with servers.ccgraph(database, logs) as url, writing(database) as writer:
        instance = await writer.fetchval(_INSTANCE, USER)
        server = Process.child("serve")
        before = await at_rest(server)
        queries = (query(number % scenario.selections, instance) for number in range(scenario.sockets))
        clients = await connect(url, database.token(USER), queries, receipts.take)
        await asyncio.sleep(2)
        idle = server.memory
        steady = int(scenario.rate * seconds)
        busy, ours = server.processor_time, time.process_time()
        started = time.monotonic()
        await change(writer, instance, steady, 1 / scenario.rate)
        await receipts.wait(steady * scenario.sockets)
        taken = time.monotonic() - started
        server_share = (server.processor_time - busy) / taken
        client_share = (time.process_time() - ours) / taken
        latencies = sorted(1000 * latency for latency in receipts.latencies)
        receipts.clear()
        started = time.monotonic()
        await change(writer, instance, scenario.burst)
        await receipts.wait(scenario.burst * scenario.sockets)
        flat_out = len(receipts.latencies) / (time.monotonic() - started)
        await asyncio.sleep(1)  # whatever came twice would come now
        delivered = receipts.verdict(clients, steady + scenario.burst)
        loaded = server.most_memory
        ended = {client.ended for client in clients if client.ended}
        for client in clients:
            client.close()
    return Figures(
        p50=latencies[len(latencies) // 2],
        p99=latencies[int(0.99 * (len(latencies) - 1))],
        rate=scenario.rate,
        flat_out=flat_out,
        idle=(idle - before) / scenario.sockets / 1024,
        loaded=(loaded - before) / scenario.sockets / 1024,
        server=server_share,
        client=client_share,
        delivered=", ".join([delivered, *sorted(ended)]),
        exact=delivered == "exactly",
    )


async def at_rest(server: Process) -> int:
    """Bytes of memory of a server that has just started, once it takes no more by itself."""
    before, now = 0, server.memory
    while now > before:
        await asyncio.sleep(1)
        before, now = now, server.memory
    return now


# An instance that once sent a heartbeat would be marked ERROR for its silence, which is an event of its own.
_INSTANCE = """
UPDATE cc_instances SET last_heartbeat = NULL WHERE id = (
  SELECT i.id FROM cc_instances i JOIN projects p USING (project_id) JOIN users u ON u.id = p.owner_id
  WHERE u.username = $1 ORDER BY i.id LIMIT 1
) RETURNING id
"""


@asynccontextmanager
async def writing(database: BenchmarkDatabase) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection whose commits do not wait for the disk, which is no matter of the feed's."""
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(
        database.url, server_settings={"synchronous_commit": "off"}
    )
    try:
        yield connection
    finally:
        await connection.close()


async def change(
    writer: "asyncpg.Connection[asyncpg.Record]", instance: object, events: int, pause: float = 0
) -> None:
    """Let PostgreSQL change an instance's status `events` times, each in a transaction of its own."""
    await writer.execute(
        f"""
DO $$ BEGIN
  FOR number IN 1..{events} LOOP
    UPDATE cc_instances SET status = CASE status WHEN 'RUNNING' THEN 'IDLE' ELSE 'RUNNING' END
    WHERE id = '{instance}';
    COMMIT;
    PERFORM pg_sleep({pause});
  END LOOP;
END $$"""
    )


def query(number: int, instance: object) -> str:
    """One of many different selections that cost about the same; the events of one instance."""
    chosen = [field for bit, field in enumerate(FIELDS) if not number >> bit & 1] or ["id"]
    return (
        f'subscription {{ ccInstanceStatusChanged(instanceId: "{instance}")'
        f" {{ cursor at previousStatus status ccInstance {{ {' '.join(chosen)} project {{ name }} }} }} }}"
    )


def report(results: Mapping[Scenario, Figures], writers: Rates | None, seconds: float) -> str:
    """The section of docs/benchmarks.md."""
    header = ["", "events/s", "p50 / p99 ms", "CPU server / client", "flat out, deliveries/s"]
    header += ["KB idle / loaded", "delivered"]
    rows = [
        [
            scenario.title,
            f"{found.rate:g}",
            f"{found.p50:.0f} / {found.p99:.0f}",
            f"{found.server:.0%} / {found.client:.0%}",
            f"{found.flat_out:,.0f}",
            f"{found.idle:.0f} / {found.loaded:.0f}",
            found.delivered,
        ]
        for scenario, found in results.items()
    ]
    text = [f"{seconds:g} s at a steady rate, then a burst.", "", table(header, rows)]
    if writers is not None:
        text += [
            f"Updates of cc_instances a second by 16 connections: {writers.watched:,.0f} with the feed's "
            f"triggers, {writers.bare:,.0f} without.",
            "",
        ]
    return "\n".join([*text, *_verdicts(results, writers), ""])


def _verdicts(results: Mapping[Scenario, Figures], writers: Rates | None) -> list[str]:
    lines = []
    for scenario, found in results.items():
        checks = {f"{IDLE:g} KB idle": found.idle <= IDLE, f"{LOADED:g} KB loaded": found.loaded <= LOADED}
        if scenario.sockets == 1000:
            checks[f"p99 under {LATENCY:g} ms"] = found.p99 < LATENCY
            checks[f"{FLAT_OUT:,.0f} deliveries/s"] = found.flat_out >= FLAT_OUT
        checks["every event once, in order"] = found.exact
        missed = [name for name, reached in checks.items() if not reached]
        lines.append(
            f"- {scenario.title}: {', '.join(checks)}: "
            + (f"not reached: {', '.join(missed)}." if missed else "reached.")
        )
    if writers is not None:
        lines.append(
            f"- Writers keep {writers.share:.0%} of their rate (at least {WRITERS:.0%}): "
            + ("reached." if writers.share >= WRITERS else "not reached.")
        )
    return lines


def chart(results: Mapping[Scenario, Figures]) -> str:
    """The rates as bars."""
    groups = {scenario.title: {"flat out": found.flat_out} for scenario, found in results.items()}
    return bars("Subscriptions: deliveries per second, flat out", "/s", groups)


async def main(given: argparse.Namespace, database: BenchmarkDatabase) -> None:
    """Measure, print, and write the report."""
    results: dict[Scenario, Figures] = {}
    for scenario in SCENARIOS:
        if given.only is None or scenario.name in given.only:
            print(f"{scenario.title} ...", flush=True)
            results[scenario] = await measure(database, scenario, given.seconds)
    writers = None
    if given.only is None or "writers" in given.only:
        print("writers ...", flush=True)
        writers = await measure_writers(database)
    section = Section(
        "subscriptions", report(results, writers, given.seconds), chart(results) if results else ""
    )
    print(section.text)
    if not given.dry and given.only is None:
        section.write()


if __name__ == "__main__":
    run(main, arguments(__doc__, [*(scenario.name for scenario in SCENARIOS), "writers"]))
