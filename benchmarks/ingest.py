"""Benchmark of ingest by one server: hooks, telemetry, a long transcript; beside a bare insert.

    python -m benchmarks.ingest              all runs, results to docs/benchmarks.md, about a minute
    python -m benchmarks.ingest --only hooks --seconds 5 --dry    a quick look

One `ccgraph serve` works on a database of its own. The client is in the process that measures.
"""

import argparse
import asyncio
import gzip
import json
import os
import re
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import uvloop
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from benchmarks import servers
from benchmarks.database import BenchmarkDatabase, fresh_database
from benchmarks.processes import Process
from benchmarks.report import Section, table
from benchmarks.scenarios import arguments

HOOKS_A_SECOND, HOOK_CONNECTIONS, FLEETS = 300, 20, 20
P99 = 15.0
"""Milliseconds: the target of hooks."""
RECORDS_A_SECOND, RECORDS_A_REQUEST, EXPORTERS = 2_000, 100, 4
"""The target of telemetry, and how it comes."""
TRANSCRIPT, PART, TRANSCRIPT_SECONDS = 50_000_000, 4_000_000, 20.0
"""Bytes of the transcript and of its parts, and the target."""

RECORDINGS = Path(__file__).parent.parent / "tests/data/claude-code"
UNBOUNDED = {
    "CCGRAPH_INGEST_RECORDS_PER_HOUR": "1000000000",
    "CCGRAPH_INGEST_BYTES_PER_HOUR": "1000000000000",
}
_PERSON = """
INSERT INTO users (username, email, hashed_password) VALUES ('sender', 'sender@ccgraph.example', 'x')
"""
_BARE = """
CREATE TABLE IF NOT EXISTS bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body jsonb NOT NULL)
"""
_INSERT = "INSERT INTO bare (body) VALUES ($1)"


class Http:
    """One connection, kept alive; a request at a time, without a library between the clock and the socket."""

    def __init__(self, url: str, token: str) -> None:
        self._where = urlsplit(url)
        self._token = token

    async def open(self) -> "Http":
        """Connect."""
        host, port = self._where.hostname, self._where.port
        self._reader, self._writer = await asyncio.open_connection(host, port)
        return self

    async def post(self, path: str, body: bytes, **headers: str) -> bytes:
        """The body of the answer. Raises: RuntimeError for one that is no success."""
        given = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = (
            f"POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {self._token}\r\n{given}"
            f"content-length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in answer.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        told = await self._reader.readexactly(length)
        if answer[9:10] != b"2":
            raise RuntimeError(f"{path}: {answer[:60]!r} {told[:300]!r}")
        return told

    def close(self) -> None:
        """End it."""
        self._writer.close()


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of hooks."""

    median: float
    p99: float
    longest: float
    rate: float

    @classmethod
    def of(cls, taken: list[float], seconds: float) -> "Times":
        """The figures of the times of all, in seconds."""
        ordered = sorted(one * 1_000 for one in taken)
        at = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99)]
        return cls(at[0], at[1], ordered[-1], len(ordered) / seconds)

    @property
    def text(self) -> str:
        """The figures for a table, in milliseconds: median, 99th percentile, longest."""
        return f"{self.median:.1f} / {self.p99:.1f} / {self.longest:.1f}"


Send = Callable[[int, int], Awaitable[object]]
"""Sends the hook of a number by the connection of a number."""


async def at_a_rate(send: Send, seconds: float) -> Times:
    """Send so many hooks a second at fixed times; each takes any connection that is free."""
    free: asyncio.Queue[int] = asyncio.Queue()
    for connection in range(HOOK_CONNECTIONS):
        free.put_nowait(connection)
    clock = time.perf_counter
    taken: list[float] = []

    async def one(number: int, due: float) -> None:
        connection = await free.get()
        try:
            await send(connection, number)
        finally:
            free.put_nowait(connection)
        taken.append(clock() - due)

    begun = clock()
    tasks = []
    for number in range(int(HOOKS_A_SECOND * seconds)):
        due = begun + number / HOOKS_A_SECOND
        await asyncio.sleep(max(0.0, due - clock()))
        tasks.append(asyncio.create_task(one(number, due)))
    await asyncio.gather(*tasks)
    return Times.of(taken, clock() - begun)


_ID = re.compile(
    r"\b(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|toolu_\w+|req_\w+|(?<=\"agent_id\": \")\w+)\b"
)


def renewed(text: str) -> str:
    """Recorded text with other ids: each is replaced by one of its form, the same one wherever it stands."""
    others: dict[str, str] = {}

    def another(found: re.Match[str]) -> str:
        known = found[0]
        prefix, underscore, _ = known.rpartition("_")
        fresh = uuid4()
        other = f"{prefix}{underscore}{fresh.hex[:24]}" if "-" not in known else str(fresh)
        return others.setdefault(known, other)

    return _ID.sub(another, text)


def hooks(most: int) -> list[bytes]:
    """The recorded hooks as a fleet sends them: such conversations side by side, with ids of their own."""
    lines = (RECORDINGS / "hooks.jsonl").read_text().splitlines()
    recorded = json.dumps([json.loads(line)["body"] for line in lines])
    rounds = -(-most // (FLEETS * len(lines)))
    told = [[body for _ in range(rounds) for body in json.loads(renewed(recorded))] for _ in range(FLEETS)]
    return [json.dumps(body).encode() for together in zip(*told, strict=True) for body in together]


async def measure_hooks(
    url: str, token: str, database: BenchmarkDatabase, seconds: float
) -> tuple[Times, Times, list[str]]:
    """Through the server, and by bare inserts; and the processor time of a hook."""
    bodies = hooks(int(HOOKS_A_SECOND * (seconds + 1)))
    sent = count()
    clients = [await Http(url, token).open() for _ in range(HOOK_CONNECTIONS)]

    async def post(connection: int, _: int) -> None:
        await clients[connection].post("/ingest/claude-code/hooks", bodies[next(sent)])

    await at_a_rate(post, 1.0)
    spent = Spent(database)
    through = await at_a_rate(post, seconds)
    each = spent.each(HOOKS_A_SECOND * seconds)
    for client in clients:
        client.close()
    connections = [await asyncpg.connect(database.url) for _ in range(HOOK_CONNECTIONS)]
    await connections[0].execute(_BARE)

    async def insert(connection: int, number: int) -> None:
        await connections[connection].execute(_INSERT, bodies[number % len(bodies)].decode())

    await at_a_rate(insert, 1.0)
    bare = await at_a_rate(insert, seconds)
    for one in connections:
        await one.close()
    return through, bare, each


def exports(most: int) -> list[tuple[bytes, list[str]]]:
    """Requests of so many recorded log records, as protobuf in gzip, and the records as JSON texts.

    No two have ids in common.
    """
    found = [
        record
        for line in (RECORDINGS / "otlp-json.jsonl").read_text().splitlines()
        if (one := json.loads(line))["path"] == "/v1/logs"
        for resource in one["body"]["resourceLogs"]
        for scope in resource["scopeLogs"]
        for record in scope["logRecords"]
    ]
    made = []
    for first in range(most):
        chosen = [found[(first * 7 + at) % len(found)] for at in range(RECORDS_A_REQUEST)]
        records = json.loads(renewed(json.dumps(chosen)))
        body = {"resourceLogs": [{"resource": {}, "scopeLogs": [{"scope": {}, "logRecords": records}]}]}
        message = json_format.ParseDict(body, ExportLogsServiceRequest())
        made.append((gzip.compress(message.SerializeToString()), [json.dumps(one) for one in records]))
    return made


async def measure_records(
    url: str, token: str, database: BenchmarkDatabase, seconds: float
) -> tuple[float, float, list[str]]:
    """Log records a second, through the server and by bare inserts; and the processor time of a record."""
    made = exports(int(seconds * RECORDS_A_SECOND * 2 / RECORDS_A_REQUEST))
    sent = count()

    async def rate(send: Callable[[int, int], Awaitable[object]]) -> float:
        end = time.perf_counter() + seconds
        counts = [0] * EXPORTERS

        async def export(place: int) -> None:
            while time.perf_counter() < end:
                await send(place, counts[place])
                counts[place] += 1

        begun = time.perf_counter()
        await asyncio.gather(*(export(place) for place in range(EXPORTERS)))
        return sum(counts) * RECORDS_A_REQUEST / (time.perf_counter() - begun)

    clients = [await Http(url, token).open() for _ in range(EXPORTERS)]

    async def post(place: int, _: int) -> None:
        body = made[next(sent) % len(made)][0]
        headers = {"content_type": "application/x-protobuf", "content_encoding": "gzip"}
        await clients[place].post("/v1/logs", body, **headers)

    spent = Spent(database)
    through = await rate(post)
    each = spent.each(through * seconds)
    for client in clients:
        client.close()
    connections = [await asyncpg.connect(database.url) for _ in range(EXPORTERS)]

    async def insert(place: int, number: int) -> None:
        for record in made[number % len(made)][1]:
            await connections[place].execute(_INSERT, record)

    await connections[0].execute(_BARE)
    bare = await rate(insert)
    for one in connections:
        await one.close()
    return through, bare, each


def transcript() -> list[bytes]:
    """The recorded lines again and again, each time with other ids, in parts of whole lines."""
    lines = [
        line
        for file in sorted((RECORDINGS / "transcripts").rglob("*.jsonl"))
        for line in file.read_text().splitlines()
    ]
    parts: list[bytes] = []
    part: list[str] = []
    size = total = 0
    while total + size < TRANSCRIPT:
        for line in lines:
            value = json.loads(line)
            if "uuid" in value:
                value["uuid"] = str(uuid4())
            part.append(json.dumps(value, ensure_ascii=False))
            size += len(part[-1].encode()) + 1
            if size >= PART:
                parts.append("".join(f"{one}\n" for one in part).encode())
                total += size
                part, size = [], 0
    if part:
        parts.append("".join(f"{one}\n" for one in part).encode())
    return parts


async def measure_transcript(
    url: str, token: str, database: BenchmarkDatabase
) -> tuple[int, float, float, list[str]]:
    """The transcript's bytes, its seconds through the server and by bare inserts, and the time of a line."""
    parts = transcript()
    client = await Http(url, token).open()
    spent = Spent(database)
    begun = time.perf_counter()
    offset = 0
    for part in parts:
        body = json.dumps({"file": "-bench/long.jsonl", "offset": offset, "text": part.decode()})
        told = await client.post("/ingest/claude-code/transcripts", body.encode())
        offset += len(part)
        if json.loads(told)["offset"] != offset:
            raise RuntimeError(f"{told!r} instead of {offset}")
    through = time.perf_counter() - begun
    each = spent.each(sum(part.count(b"\n") for part in parts))
    client.close()
    connection = await asyncpg.connect(database.url)
    await connection.execute(_BARE)
    begun = time.perf_counter()
    for part in parts:
        await connection.execute(
            "INSERT INTO bare (body) SELECT unnest($1::text[])::jsonb", part.decode().splitlines()
        )
    bare = time.perf_counter() - begun
    await connection.close()
    return offset, through, bare, each


class Spent:
    """Processor time of the server and of PostgreSQL since it was begun."""

    def __init__(self, database: BenchmarkDatabase) -> None:
        self._database = database
        self._server = Process.child("serve")
        self._before = self._now()

    def _now(self) -> tuple[float, float]:
        return self._server.processor_time, self._database.processor_time

    def each(self, number: float) -> list[str]:
        """Microseconds for each of so many things, of the server and of PostgreSQL."""
        now = self._now()
        return [f"{(two - one) / number * 1e6:,.0f}" for one, two in zip(self._before, now, strict=True)]


def _verdict(*, reached: bool) -> str:
    return "reached" if reached else "not reached"


async def main(given: argparse.Namespace, database: BenchmarkDatabase) -> None:
    """Measure, print, and write the report."""
    connection = await asyncpg.connect(database.url)
    await connection.execute(_PERSON)
    await connection.close()
    token = database.token("sender", "--ingest")
    logs = Path(tempfile.mkdtemp(prefix="ccgraph-bench-"))
    wanted = given.only or ["hooks", "records", "transcript"]
    rows: list[list[str]] = []
    busy = os.getloadavg()[0]
    async with servers.ccgraph(database, logs, UNBOUNDED) as url:
        if "hooks" in wanted:
            times, bare, each = await measure_hooks(url, token, database, given.seconds)
            rows.append(
                [
                    f"hooks, {HOOKS_A_SECOND} a second: median / p99 / longest ms",
                    times.text,
                    bare.text,
                    *each,
                    f"p99 under {P99:g} ms: {_verdict(reached=times.p99 < P99)}",
                ]
            )
        if "records" in wanted:
            rate, bare_rate, each = await measure_records(url, token, database, given.seconds)
            rows.append(
                [
                    "telemetry: log records a second",
                    f"{rate:,.0f}",
                    f"{bare_rate:,.0f}",
                    *each,
                    f"at least {RECORDS_A_SECOND:,}: {_verdict(reached=rate >= RECORDS_A_SECOND)}",
                ]
            )
        if "transcript" in wanted:
            size, seconds, bare_seconds, each = await measure_transcript(url, token, database)
            rows.append(
                [
                    f"a transcript of {size / 1e6:.0f} MB: seconds",
                    f"{seconds:.1f}",
                    f"{bare_seconds:.1f}",
                    *each,
                    f"under {TRANSCRIPT_SECONDS:g} s: {_verdict(reached=seconds < TRANSCRIPT_SECONDS)}",
                ]
            )
    state = (
        f"{given.seconds:g} s each; the load average of the machine was {busy:.1f} when it began. The "
        "microseconds are processor time for one hook, log record or line."
    )
    text = "\n".join(
        [state, "", table(["What", "ccgraph", "bare insert", "ccgraph µs", "PostgreSQL µs", "wanted"], rows)]
    )
    print(text)
    if not given.dry and given.only is None:
        Section("ingest", text).write()


if __name__ == "__main__":
    given = arguments(__doc__, ["hooks", "records", "transcript"])
    with fresh_database() as opened, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(given, opened))
