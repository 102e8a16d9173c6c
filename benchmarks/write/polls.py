"""Agents that ask for work where there is none, which is what a fleet does most of the time."""

import statistics
from itertools import repeat

import asyncpg

from benchmarks.write.bench import Bench, Finding, drive
from benchmarks.write.claims import CLAIM

POLLERS = 50


async def lone_polls(bench: Bench) -> Finding:
    """One agent that asks again as soon as it was answered."""
    return await _polled(bench, 1, 500)


async def polls(bench: Bench) -> Finding:
    """Measure as many agents of one person as a large fleet has."""
    return await _polled(bench, POLLERS, 2_000)


async def _polled(bench: Bench, pollers: int, wanted: int) -> Finding:
    """Rounds of polling an empty queue; the median."""
    await _empty(bench)
    requests = [
        bench.ask(CLAIM, {"ccInstanceId": str(instance)}) for instance in bench.fleet.instances[:pollers]
    ]
    await drive([repeat(request) for request in requests], min(1.0, bench.options.seconds))
    rates, costs = [], []
    for _ in range(bench.options.rounds):
        before = bench.spent()
        calls, taken = await drive([repeat(request) for request in requests], bench.options.seconds)
        costs.append(bench.spent().since(before, calls))
        rates.append(calls / taken)
    rate = statistics.median_low(rates)
    title = f"claimNextTask on an empty queue, {pollers} agents"
    return Finding(title, rate, costs[rates.index(rate)], f"at least {wanted:,} a second", rate >= wanted)


async def _empty(bench: Bench) -> None:
    """Empty the queue of the fleet's project."""
    connection = await asyncpg.connect(bench.database.url)
    await connection.execute("DELETE FROM tasks WHERE status IN ('PENDING', 'QUEUED')")
    await connection.execute("VACUUM (ANALYZE) tasks")
    await connection.close()
