"""Writing: bulk appends beside COPY, creates beside PostGraphile 5, claims and heartbeats of many agents.

    python -m benchmarks.writing                  everything, results to docs/benchmarks.md
    python -m benchmarks.writing --only claims    one part: logs, messages, creates, claims, polls, heartbeats
    python -m benchmarks.writing --only creates --seconds 1 --rounds 1    a quick look; writes no file

ccgraph is one process; it, PostgreSQL (embedded, durable: every commit is flushed to disk) and the clients
share the machine. The database is made for the run and removed after it; the demo's stays as it was.

How to read the figures: rates are on the clock and suffer from whatever else runs. The processor times are
those of one row or call, in ccgraph and in all processes of PostgreSQL, and hardly do.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import uvloop

from benchmarks.database import BenchmarkDatabase, fresh_database
from benchmarks.report import Section, bars, table
from benchmarks.write.appends import ROWS, WRITERS, logs, messages
from benchmarks.write.bench import Bench, Finding, Options, opened
from benchmarks.write.claims import claims
from benchmarks.write.creates import creates
from benchmarks.write.heartbeats import heartbeats, lone_heartbeats
from benchmarks.write.polls import lone_polls, polls

PARTS: Mapping[str, Sequence[Callable[[Bench], Awaitable[Finding]]]] = {
    "logs": (logs,),
    "messages": (messages,),
    "creates": (creates,),
    "claims": (claims,),
    "polls": (lone_polls, polls),
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
