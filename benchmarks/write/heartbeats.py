"""Signs of life, together and each by itself."""

import asyncio
from collections.abc import Sequence
from time import perf_counter

from benchmarks.connections import Connection
from benchmarks.fleet import AGENTS
from benchmarks.peers.requests import Request
from benchmarks.write.bench import Bench, Finding, require_success

BEATS = 1_000
"""Heartbeats a second."""

BEAT = "mutation Beat($input: HeartbeatInput!) { heartbeat(input: $input) { alive } }"


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
