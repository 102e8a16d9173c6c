"""Agents over MCP: many claim tasks through /mcp, in both revisions of the protocol, with all calls recorded.

    python -m benchmarks.agents                  results to docs/benchmarks.md
    python -m benchmarks.agents --tasks 1000 --dry    a quick look; writes no file

ccgraph is one process; it, PostgreSQL (embedded, durable: every commit is flushed to disk) and the agents
share the machine. Every agent has a connection and an instance of its own, and claims until nothing is left.
A task that is claimed twice, skipped, or claimed although it is blocked ends the run.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import uvloop

from benchmarks import servers
from benchmarks.connections import Connection
from benchmarks.database import BenchmarkDatabase, fresh_database
from benchmarks.fleet import AGENTS, OWNER, make_fleet
from benchmarks.peers.requests import JSON, Request
from benchmarks.processes import Process
from benchmarks.report import Section, table
from benchmarks.write.bench import Bench, Finding, Options
from benchmarks.write.claims import refill, require_each_once

WANTED = 400
"""Claims a second."""

REVISIONS = ("2025-11-25", "2026-07-28")
_META = "io.modelcontextprotocol/"


def calls(bench: Bench, revision: str, instance: UUID) -> Iterator[Request]:
    """The calls of claim_next_task that one agent makes, for ever."""
    headers = {
        **JSON,
        "accept": "application/json, text/event-stream",
        "authorization": f"Bearer {bench.token}",
        "mcp-protocol-version": revision,
        "x-ccgraph-instance": str(instance),
    }
    params: dict[str, Any] = {"name": "claim_next_task", "arguments": {"leaseSeconds": 3600}}
    if revision == REVISIONS[-1]:
        headers |= {"mcp-method": "tools/call", "mcp-name": "claim_next_task"}
        params["_meta"] = {
            f"{_META}protocolVersion": revision,
            f"{_META}clientInfo": {"name": "benchmark", "version": "1"},
            f"{_META}clientCapabilities": {},
        }
    for number in count(1):
        message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
        yield Request(bench.ours, orjson.dumps(message), headers)


async def claims(bench: Bench, revision: str) -> Finding:
    """Every agent claims until there is nothing left; then it is checked who got what."""
    await refill(bench)
    won: list[str] = []

    async def work(connection: Connection, instance: UUID) -> None:
        for request in calls(bench, revision, instance):
            answer = await connection.ask(request)
            result = orjson.loads(answer.body).get("result")
            if answer.status != 200 or result is None or result.get("isError"):
                raise RuntimeError(f"A call failed: {answer.body[:500].decode()}")
            task = result["structuredContent"].get("task")
            if task is None:
                return
            won.append(task["id"])

    connections = [await Connection.open(bench.ours) for _ in range(AGENTS)]
    before, begun = bench.spent(), perf_counter()
    await asyncio.gather(*map(work, connections, bench.fleet.instances))
    taken, spent = perf_counter() - begun, bench.spent().since(before, len(won))
    for connection in connections:
        connection.close()
    await require_each_once(bench, won)
    rate = len(won) / taken
    title = f"claim_next_task, {AGENTS} agents, {len(won):,} tasks, revision {revision}"
    return Finding(title, rate, spent, f"at least {WANTED} a second", rate >= WANTED)


def report(findings: list[Finding]) -> str:
    """The section of docs/benchmarks.md."""
    rows = [
        [
            found.title,
            f"{found.rate:,.0f}",
            f"{found.spent.server * 1e6:,.0f}",
            f"{found.spent.database * 1e6:,.0f}",
            f"{found.wanted}: {'reached' if found.reached else 'not reached'}",
        ]
        for found in findings
    ]
    header = ["What", "a second", "ccgraph µs", "PostgreSQL µs", "wanted"]
    return "\n".join(
        [
            "The microseconds are processor time for one claim, with its record in `mcp_messages` and"
            " `mcp_tool_calls`. No task was claimed twice, none skipped, and none of the blocked ones"
            " claimed.",
            "",
            table(header, rows),
        ]
    )


async def main(tasks: int, database: BenchmarkDatabase, *, dry: bool) -> None:
    """Measure, print, and write the report."""
    logs = Path(tempfile.mkdtemp(prefix="ccgraph-bench-"))
    connection = await asyncpg.connect(database.url)
    fleet = await make_fleet(connection, tasks)
    await connection.close()
    async with servers.ccgraph(database, logs) as url:
        options = Options(0, 1, tasks, (), dry)
        bench = Bench(
            database, fleet, f"{url}/mcp", "", database.token(OWNER), Process.child("serve"), options
        )
        findings = [await claims(bench, revision) for revision in REVISIONS]
    section = Section("agents", report(findings))
    print(section.text)
    if not dry:
        section.write()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", type=int, default=10_000, help="tasks to claim, 10,000 unless given")
    parser.add_argument("--dry", action="store_true", help="print the report and write no file")
    given = parser.parse_args()
    with fresh_database() as running, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(given.tasks, running, dry=given.dry))
