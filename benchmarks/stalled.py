"""Connections that stop reading, beside 100 that read: how late the events of the others are.

    python -m benchmarks.stalled            all runs, results to docs/benchmarks.md, about three minutes
    python -m benchmarks.stalled --only sockets --seconds 5 --dry    a quick look

Events of 30 KB come ten times a second. When they have come, those that stood still read on, and must get
every event once and in order. Latency is from the change's trigger to the receipt by one of the 100.
"""

import argparse
import asyncio
import json
import re
import socket
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from benchmarks import servers
from benchmarks.database import BenchmarkDatabase
from benchmarks.processes import Process
from benchmarks.receipts import Receipts
from benchmarks.report import Section, table
from benchmarks.scenarios import arguments, run
from benchmarks.sockets import Client, connect
from benchmarks.subscriptions import USER, writing

HEALTHY, RATE, SIZE = 100, 10, 30_000
LATENCY, MEMORY = 60.0, 64
"""Targets: milliseconds (p99), MB by which the server grows."""
LEAST_SECONDS = 30.0
"""The kernel holds some megabytes for a connection that is not read; only then it stands still for us."""

_EVENT = re.compile(rb'(?:\{"id":"(\w+)"[^{]*)?\{"data":\{"\w+":\{"cursor":"[^"]+","at":"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Scenario:
    """`connections` that stand still, each with so many operations; `logs` of log entries, or of a task."""

    name: str
    title: str
    connections: int
    operations: int = 1
    sse: bool = False
    logs: bool = False


SCENARIOS = (
    Scenario("none", "none", 0),
    Scenario("sockets", "5 WebSockets", 5),
    Scenario("streams", "5 event streams", 5, sse=True),
    Scenario("logs", "5 WebSockets, `logAppended`", 5, logs=True),
    Scenario("operations", "1 WebSocket with 100 operations", 1, operations=100),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds; MB; whether those that read, and those that stood still, got each event once in order."""

    p50: float
    p99: float
    most: float
    memory: float
    healthy: bool
    stalled: bool


class Stalled(asyncio.Protocol):
    """A connection that subscribes and reads nothing until `resume`; the times of the events that it gets."""

    def __init__(self, scenario: Scenario, host: str, token: str, query: str) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.setblocking(False)
        self._scenario, self._host, self._token, self._query = scenario, host, token, query
        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.times: dict[bytes, list[float]] = defaultdict(list)
        self._rest = b""

    def itself(self) -> "Stalled":
        """The factory that an event loop asks for."""
        return self

    def resume(self) -> None:
        """Read on, as fast as others."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_000_000)
        self._transport.resume_reading()

    def close(self) -> None:
        """Leave."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream, or for the upgrade."""
        self._transport = cast(asyncio.Transport, transport)
        head = f"/graphql HTTP/1.1\r\nHost: {self._host}\r\nAuthorization: Bearer {self._token}\r\n"
        if self._scenario.sse:
            body = json.dumps({"query": self._query})
            head = f"POST {head}Accept: text/event-stream\r\nContent-Type: application/json\r\n"
            self._transport.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        else:
            head = f"GET {head}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            head += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            self._transport.write(f"{head}Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        """Subscribe when the connection is there, then stop; later note what comes."""
        self._rest += data
        if not self.subscribed.done():
            self._set_up()
            return
        end = 0
        for found in _EVENT.finditer(self._rest):
            self.times[found[1] or b""].append(datetime.fromisoformat(found[2].decode()).timestamp())
            end = found.end()
        self._rest = self._rest[end:]

    def _set_up(self) -> None:
        if self._scenario.sse:
            if b"\r\n\r\n" not in self._rest:
                return
        elif b"pong" not in self._rest:
            if self._rest.endswith(b"\r\n\r\n"):
                self._say(type="connection_init")
                for number in range(self._scenario.operations):
                    self._say(id=str(number), type="subscribe", payload={"query": self._query})
                self._say(type="ping")
            return
        self._rest = b""
        self._transport.pause_reading()
        self.subscribed.set_result(None)

    def _say(self, **message: object) -> None:
        payload = json.dumps(message).encode()
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2)
        self._transport.write(b"\x81" + length + b"\0\0\0\0" + payload)


async def stand_still(scenario: Scenario, url: str, token: str, query: str) -> list[Stalled]:
    """The connections that are not read, subscribed."""
    address, loop = urlsplit(url), asyncio.get_running_loop()
    opened = [Stalled(scenario, address.netloc, token, query) for _ in range(scenario.connections)]
    for stalled in opened:
        await loop.sock_connect(stalled.socket, (address.hostname, address.port))
        await loop.create_connection(stalled.itself, sock=stalled.socket)
        await asyncio.wait_for(stalled.subscribed, 30)
    return opened


async def measure(database: BenchmarkDatabase, scenario: Scenario, seconds: float) -> Figures:
    """One run with a server of its own."""
    receipts, events = Receipts(), int(RATE * seconds)
    logs = Path(tempfile.mkdtemp(prefix="ccgraph-bench-"))
    # A client that does not read answers no ping, and is to stay for the length of the run.
    settings = {"CCGRAPH_KEEP_ALIVE": "600", "CCGRAPH_RESPONSE_TIMEOUT": "600"}
    async with servers.ccgraph(database, logs, settings) as url, writing(database) as writer:
        server, token = Process.child("serve"), database.token(USER)
        task = await writer.fetchval(_TASK, USER, SIZE)
        user = await writer.fetchval("SELECT id FROM users WHERE username = $1", USER)
        query = _LOG_QUERY % user if scenario.logs else _TASK_QUERY % task
        stalled = await stand_still(scenario, url, token, query)
        clients: list[Client] = await connect(url, token, [query] * HEALTHY, receipts.take)
        await asyncio.sleep(1)
        before = server.memory
        change = _APPEND % (user, SIZE) if scenario.logs else _CHANGE % task
        await writer.execute(_REPEATED % (events, change, 1 / RATE))
        await receipts.wait(events * HEALTHY)
        memory = server.most_memory - before
        latencies = sorted(1000 * latency for latency in receipts.latencies)
        for connection in stalled:
            connection.resume()
        complete = await _until_all_have(stalled, scenario, receipts.times)
        verdict = receipts.verdict(clients, events)
        for client in clients:
            client.close()
        for connection in stalled:
            connection.close()
    return Figures(
        p50=latencies[len(latencies) // 2],
        p99=latencies[int(0.99 * (len(latencies) - 1))],
        most=latencies[-1],
        memory=memory / 1_000_000,
        healthy=verdict == "exactly",
        stalled=complete,
    )


async def _until_all_have(stalled: list[Stalled], scenario: Scenario, times: list[float]) -> bool:
    """True if the sockets that stood still get each event once and in order, within five minutes."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        await asyncio.sleep(0.5)
        heard = [found for connection in stalled for found in connection.times.values()]
        if len(heard) == scenario.connections * scenario.operations and all(
            len(found) >= len(times) for found in heard
        ):
            break
    await asyncio.sleep(1)  # whatever came twice would come now
    heard = [found for connection in stalled for found in connection.times.values()]
    return len(heard) == scenario.connections * scenario.operations and all(found == times for found in heard)


_TASK = """
UPDATE tasks SET description = repeat('x', $2::int) WHERE id = (
  SELECT t.id FROM tasks t JOIN projects p USING (project_id) JOIN users u ON u.id = p.owner_id
  WHERE u.username = $1 ORDER BY t.id LIMIT 1
) RETURNING id
"""
_TASK_QUERY = 'subscription { taskChanged(taskId: "%s") { cursor at task { description } } }'
_LOG_QUERY = "subscription { logAppended(userId: %s, tables: [SYSTEM_LOGS]) { cursor at message } }"
_CHANGE = "UPDATE tasks SET priority = 1 + (priority %% 9) WHERE id = '%s'"
_APPEND = (
    "INSERT INTO system_logs (level, category, module, user_id, message, created_at)"
    " VALUES ('INFO', 'benchmark', 'stalled', %s, repeat('x', %s), clock_timestamp())"
)
_REPEATED = """
DO $$ BEGIN
  FOR number IN 1..%s LOOP
    %s;
    COMMIT;
    PERFORM pg_sleep(%s);
  END LOOP;
END $$"""


def report(results: Mapping[Scenario, Figures], seconds: float) -> str:
    """The section of docs/benchmarks.md."""
    rows = [
        [
            scenario.title,
            f"{found.p50:.0f} / {found.p99:.0f} / {found.most:.0f}",
            f"{found.memory:.0f}",
            "exactly" if found.healthy else "NOT EXACTLY",
            "" if not scenario.connections else "exactly" if found.stalled else "NOT EXACTLY",
        ]
        for scenario, found in results.items()
    ]
    header = ["stand still", "p50 / p99 / longest ms", "MB more", "the 100 got", "the others got, later"]
    missed = [
        scenario.title
        for scenario, found in results.items()
        if found.p99 >= LATENCY or found.memory > MEMORY or not (found.healthy and found.stalled)
    ]
    verdict = f"p99 under {LATENCY:g} ms, at most {MEMORY} MB more, every event once and in order: "
    return "\n".join(
        [
            f"{seconds:g} s, {RATE} events a second of {SIZE // 1000} KB.",
            "",
            table(header, rows),
            f"- {verdict}" + (f"not reached: {', '.join(missed)}." if missed else "reached."),
            "",
        ]
    )


async def main(given: argparse.Namespace, database: BenchmarkDatabase) -> None:
    """Measure, print, and write the report."""
    seconds = given.seconds if given.dry else max(LEAST_SECONDS, given.seconds)
    results: dict[Scenario, Figures] = {}
    for scenario in SCENARIOS:
        if given.only is None or scenario.name in given.only:
            print(f"{scenario.title} ...", flush=True)
            results[scenario] = await measure(database, scenario, seconds)
    section = Section("stalled", report(results, seconds))
    print(section.text)
    if not given.dry and given.only is None:
        section.write()


if __name__ == "__main__":
    run(main, arguments(__doc__, [scenario.name for scenario in SCENARIOS]))
