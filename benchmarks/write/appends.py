"""Bulk appends beside COPY of the same rows."""

import asyncio
import statistics
from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from time import perf_counter

import asyncpg
from uuid_utils.compat import uuid7

from benchmarks.peers.requests import Request
from benchmarks.traffic import log_rows, mcp_messages, parts
from benchmarks.write.bench import Bench, Finding, drive

ROWS = 1_000
WRITERS = 4
"""Rows of one call, and connections that append."""

APPEND_LOGS = "mutation Append($input: AppendCcLogsInput!) { appendCcLogs(input: $input) { count } }"
RECORD = "mutation Record($input: RecordMcpMessagesInput!) { recordMcpMessages(input: $input) { recorded } }"

COPIED = {
    "cc_logs": "cc_instance_id, task_id, log_level, category, message, details, created_at",
    "mcp_messages": "cc_instance_id, message_type, server_name, direction, rpc_id, method,"
    " params, result, error, processing_time_ms, created_at",
}
"""The columns beside the key that both ways of appending fill."""


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
