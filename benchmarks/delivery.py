"""Notifications from the mutation to the receiver's socket: how late, how many, and beside one that hangs.

    python -m benchmarks.delivery            all runs, results to docs/benchmarks.md, about a minute
    python -m benchmarks.delivery --only latency --seconds 5 --dry    a quick look

One `ccgraph serve` works on a database of its own, and takes `sendNotification` from one client. The receiver
is a loopback socket in the process that measures. Latency is from when the client writes its request to when
the message's last byte has come, on one clock.
"""

import argparse
import asyncio
import re
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import asyncpg
import httpx
import uvloop

from benchmarks import servers
from benchmarks.database import BenchmarkDatabase, fresh_database
from benchmarks.report import Section, table
from benchmarks.scenarios import arguments

RATE, BURST_RATE = 20, 200
MEDIAN, P99 = 100.0, 300.0
"""Targets: milliseconds at `RATE` a second (client, appendix B)."""
KEPT_UP = 0.98
"""Share of the messages stored in a run that have come by its end, and so its rate."""

_TITLE = re.compile(rb'"title":"n(\d+)"')
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_SEND = """mutation ($input: SendNotificationInput!) { sendNotification(input: $input) { count } }"""


class Received(asyncio.Protocol):
    """One connection of the receiver; `times` has when each message came, by its number."""

    def __init__(self, times: dict[int, float], *, hangs: bool) -> None:
        self._times = times
        self._hangs = hangs
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the other end."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take whole requests out of what came."""
        self._buffer += data
        while (head := self._buffer.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(self._buffer, 0, head)
            end = head + 4 + (int(found[1]) if found else 0)
            if len(self._buffer) < end:
                return
            title = _TITLE.search(self._buffer, head, end)
            self._buffer = self._buffer[end:]
            if title is not None:
                self._times.setdefault(int(title[1]), time.perf_counter())
            if not self._hangs:
                self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


@asynccontextmanager
async def receiving(times: dict[int, float], *, hangs: bool = False) -> AsyncIterator[str]:
    """A receiver that notes times; its URL."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Received(times, hangs=hangs), "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds, and how many of the messages came, and at which rate until the last of them."""

    median: float
    p99: float
    longest: float
    stored: int
    come: int
    rate: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """So many notifications a second, beside `hanging` people whose receivers never answer."""

    name: str
    title: str
    rate: int
    hanging: int = 0


SCENARIOS = (
    Scenario("latency", f"{RATE} a second", RATE),
    Scenario("sustained", f"{BURST_RATE} a second, one receiver", BURST_RATE),
    Scenario("hanging", f"{RATE} a second, beside 10 receivers that hang with 100 each", RATE, hanging=10),
)


async def measure(database: BenchmarkDatabase, scenario: Scenario, seconds: float) -> Figures:
    """One run with a server of its own."""
    logs = Path(tempfile.mkdtemp(prefix="ccgraph-bench-"))
    settings = {"CCGRAPH_DELIVERY_ALLOWED": "127.0.0.0/8"}
    times: dict[int, float] = {}
    begun: dict[int, float] = {}
    async with (
        receiving(times) as url,
        receiving({}, hangs=True) as hanging,
        servers.ccgraph(database, logs, settings) as server,
    ):
        user_id = await _people(database, scenario, url, hanging)
        headers = {"authorization": f"Bearer {database.token('teller')}"}
        async with httpx.AsyncClient(base_url=server, headers=headers, timeout=30) as client:

            async def send(number: int) -> None:
                begun[number] = time.perf_counter()
                told = {
                    "userIds": [user_id],
                    "notificationType": "TASK_COMPLETED",
                    "title": f"n{number}",
                    "message": "all tests pass",
                }
                answer = await client.post("/graphql", json={"query": _SEND, "variables": {"input": told}})
                if answer.json().get("errors"):
                    raise RuntimeError(answer.text)

            for number in range(-5, 0):  # the first ones open connections and prepare statements
                await send(abs(number) + 10_000_000)
            await asyncio.sleep(2)
            times.clear()
            begun.clear()
            start = time.perf_counter()
            calls = []
            for number in range(int(scenario.rate * seconds)):
                await asyncio.sleep(max(0.0, start + number / scenario.rate - time.perf_counter()))
                calls.append(asyncio.create_task(send(number)))
            await asyncio.gather(*calls)
            deadline = time.perf_counter() + 10
            while len(times) < len(begun) and time.perf_counter() < deadline:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    late = sorted(1000 * (times[number] - begun[number]) for number in times)
    return Figures(
        late[len(late) // 2],
        late[int(0.99 * (len(late) - 1))],
        late[-1],
        len(begun),
        len(late),
        len(late) / (max(times.values()) - start),
    )


async def _people(database: BenchmarkDatabase, scenario: Scenario, url: str, hanging: str) -> int:
    """The one who tells and hears, and those whose receivers hang, with what waits for them."""
    connection = await asyncpg.connect(database.url)
    try:
        await connection.execute("DELETE FROM notification_history; DELETE FROM notification_settings")
        user_id: int = await connection.fetchval(_PERSON, "teller", "teller@example.com", True)
        await connection.execute(_WISH, user_id, url)
        for number in range(scenario.hanging):
            name = f"hanging_{number}"
            other = await connection.fetchval(_PERSON, name, f"{name}@example.com", False)
            await connection.execute(_WISH, other, hanging)
            await connection.execute(_WAITING, other)
    finally:
        await connection.close()
    return user_id


_PERSON = """
INSERT INTO users (username, email, hashed_password, is_admin, resource_quota)
VALUES ($1, $2, 'none', $3, '{"api_calls_per_hour": 10000000}')
ON CONFLICT (username) DO UPDATE SET username = EXCLUDED.username RETURNING id
"""
_WISH = """
INSERT INTO notification_settings (user_id, notification_type, service_type, webhook_url)
VALUES ($1, 'task_completed', 'webhook', $2)
"""
_WAITING = """
INSERT INTO notification_history (user_id, notification_type, service_type, title, message)
SELECT $1, 'task_completed', 'webhook', 'waits', 'm' FROM generate_series(1, 100)
"""


def report(results: dict[Scenario, Figures], seconds: float) -> str:
    """The section of docs/benchmarks.md."""
    rows = [
        [
            scenario.title,
            f"{found.median:.0f} / {found.p99:.0f} / {found.longest:.0f}",
            f"{found.come:,} of {found.stored:,}",
            f"{found.rate:.0f}",
        ]
        for scenario, found in results.items()
    ]
    verdicts = []
    for scenario, found in results.items():
        reached = found.come == found.stored
        if scenario.rate == RATE:
            wanted = f"median under {MEDIAN:g} ms and p99 under {P99:g} ms"
            reached = reached and found.median < MEDIAN and found.p99 < P99
        else:
            wanted = f"{scenario.rate} a second sustained"
            reached = reached and found.rate >= KEPT_UP * scenario.rate
        verdicts.append(f"- {scenario.title}: {wanted}: {'reached' if reached else 'not reached'}.")
    header = ["stored", "median / p99 / longest ms", "come", "a second"]
    return "\n".join([f"{seconds:g} s each.", "", table(header, rows), *verdicts, ""])


async def main(given: argparse.Namespace, database: BenchmarkDatabase) -> None:
    """Measure, print, and write the report."""
    results: dict[Scenario, Figures] = {}
    for scenario in SCENARIOS:
        if given.only is None or scenario.name in given.only:
            print(f"{scenario.title} ...", flush=True)
            results[scenario] = await measure(database, scenario, given.seconds)
    section = Section("delivery", report(results, given.seconds))
    print(section.text)
    if not given.dry and given.only is None:
        section.write()


if __name__ == "__main__":
    given = arguments(__doc__, [scenario.name for scenario in SCENARIOS])
    with fresh_database() as opened, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(given, opened))
