"""Many agents that claim tasks."""

import asyncio
from collections.abc import Sequence
from time import perf_counter
from uuid import UUID

import asyncpg
import orjson

from benchmarks.connections import Connection
from benchmarks.fleet import AGENTS
from benchmarks.write.bench import Bench, Finding, require_success

CLAIM = """mutation Claim($input: ClaimNextTaskInput!) { claimNextTask(input: $input) {
  task { id name priority project { name } } } }"""


async def claims(bench: Bench) -> Finding:
    """Every agent claims until there is nothing left; then it is checked who got what.

    A task that was claimed twice, skipped, or claimed although it is blocked ends the run.
    """
    await refill(bench)
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
    await require_each_once(bench, won)
    rate = len(won) / taken
    title = f"claimNextTask, {AGENTS} agents, {len(won):,} tasks"
    return Finding(title, rate, spent, "at least 500 a second", rate >= 500)


async def refill(bench: Bench) -> None:
    """Put the fleet's own tasks back into the queue, and what other parts created aside."""
    connection = await asyncpg.connect(bench.database.url)
    await connection.execute(
        "DELETE FROM tasks WHERE status IN ('PENDING', 'QUEUED') AND NOT id = ANY($1)",
        [*bench.fleet.ready, *bench.fleet.blocked],
    )
    await connection.execute(
        "UPDATE tasks SET status = 'PENDING', assigned_to = NULL, lease_expires_at = NULL, started_at = NULL"
        " WHERE status = 'RUNNING' AND id = ANY($1)",
        bench.fleet.ready,
    )
    await connection.execute("VACUUM (ANALYZE) tasks")
    await connection.close()


async def require_each_once(bench: Bench, won: Sequence[str]) -> None:
    """Check that each ready task was claimed once. Raises: RuntimeError for others, and for a blocked one."""
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
