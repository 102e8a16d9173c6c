"""The client document's performance targets (appendix B): 200 connections at once over the demo at scale 1.

    python -m benchmarks.targets                      results to docs/benchmarks.md
    python -m benchmarks.targets --seconds 5 --dry    a quick look

Each connection is a person who logs in, then asks for something about once a second: mostly lists of sessions
and files, now and then a search, a notification or another login. Afterwards all of them ask without a pause,
which no person does, to show what happens past that.
"""

import argparse
import asyncio
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, quantiles
from time import perf_counter, process_time
from typing import Any

import asyncpg
import orjson
import uvloop

from benchmarks import servers
from benchmarks.connections import Connection
from benchmarks.database import BenchmarkDatabase, demo_database
from benchmarks.peers.requests import Request, graphql
from benchmarks.processes import Process
from benchmarks.report import Section, table
from benchmarks.write.bench import require_success
from services.demo.loading import PASSWORD

SEED = 1
AVERAGE, NINETY_FIFTH = 100, 500
"""Milliseconds that all requests together may take, on average and at the 95th percentile."""
WARM_UP = 3.0
"""Seconds, until every connection of the server to the database knows the statements."""
TITLE = "benchmark of the targets"
WORDS = ("札幌", "設定", "通知", "Fukuoka", "sora", "札幌市の設定", "settings of Fukuoka", "soraがログイン")
"""Some stand in every tenth entry of the log, some in one of a thousand."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person on a connection. Logs are searched by an administrator, who sees those of all people."""

    username: str
    user_id: int
    token: str
    admin_token: str


@dataclass(frozen=True, slots=True)
class Operation:
    """A line of appendix B: its limit in milliseconds, and how many of a hundred requests are of it."""

    title: str
    limit: int
    share: int
    ask: Callable[[str, Person, random.Random], Request]


def log_in(url: str, username: str) -> Request:
    """A login with the password of the demo."""
    query = "mutation Login($input: LoginInput!) { login(input: $input) { accessToken user { id } } }"
    return graphql(url, query, {"input": {"username": username, "password": PASSWORD}})


def _sessions(url: str, person: Person, _: random.Random) -> Request:
    query = """{ sessions(first: 50, orderBy: [{lastAccessed: DESC}]) {
      nodes { id sessionId name status lastAccessed project { id name } worktree { id branchName } }
      pageInfo { hasNextPage endCursor } } }"""
    return graphql(url, query, {}, person.token)


def _files(url: str, person: Person, _: random.Random) -> Request:
    query = """{ fileOperations(first: 50, orderBy: [{createdAt: DESC}]) {
      nodes { id operationType filePath createdAt session { id name } }
      pageInfo { hasNextPage endCursor } } }"""
    return graphql(url, query, {}, person.token)


def _notify(url: str, person: Person, _: random.Random) -> Request:
    query = "mutation Notify($input: SendNotificationInput!) { sendNotification(input: $input) { count } }"
    told = {"userIds": [person.user_id], "notificationType": "TASK_COMPLETED", "title": TITLE, "message": "x"}
    return graphql(url, query, {"input": told}, person.token)


def _search(url: str, person: Person, chance: random.Random) -> Request:
    query = """query Search($search: String!) {
      systemLogs(first: 50, search: $search, orderBy: [{createdAt: DESC}]) {
        nodes { id level module message createdAt } pageInfo { hasNextPage endCursor } } }"""
    return graphql(url, query, {"search": chance.choice(WORDS)}, person.admin_token)


OPERATIONS = (
    # Ten times as often as access tokens expire.
    Operation("login", 50, 1, lambda url, person, _: log_in(url, person.username)),
    Operation("list of sessions", 100, 44, _sessions),
    Operation("history of file operations", 200, 30, _files),
    Operation("sending a notification", 100, 20, _notify),
    Operation("search in the system logs", 500, 5, _search),
)


@dataclass(frozen=True, slots=True)
class Options:
    """`pause` is the mean time between an answer and the next question, in seconds."""

    connections: int
    seconds: float
    pause: float
    scale: float
    dry: bool


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of each operation's requests, over `seconds`; `busy` are processor seconds by program."""

    seconds: float
    by_title: Mapping[str, Sequence[float]]
    busy: Mapping[str, float]

    @property
    def all(self) -> list[float]:
        """The times of all requests."""
        return [time for times in self.by_title.values() for time in times]


async def crowd(url: str, size: int) -> list[Person]:
    """A list of so many people, each logged in; where there are fewer accounts, some are there twice."""
    connection = await Connection.open(url)
    admin = (await _data(connection, log_in(url, "admin")))["login"]["accessToken"]
    query = "{ users(first: 500, where: {isActive: {eq: true}}) { nodes { username } } }"
    users = (await _data(connection, graphql(url, query, {}, admin)))["users"]["nodes"]
    people = []
    for user in users[:size]:
        login = (await _data(connection, log_in(url, user["username"])))["login"]
        people.append(Person(user["username"], login["user"]["id"], login["accessToken"], admin))
    connection.close()
    return [people[number % len(people)] for number in range(size)]


async def _data(connection: Connection, request: Request) -> dict[str, Any]:
    answer = await connection.ask(request)
    require_success(answer.body)
    data: dict[str, Any] = orjson.loads(answer.body)["data"]
    return data


async def measure(
    url: str, database: BenchmarkDatabase, people: Sequence[Person], seconds: float, pause: float
) -> Times:
    """All people at once, each on a connection, each waiting for an answer and then about `pause` seconds."""
    by_title: dict[str, list[float]] = {operation.title: [] for operation in OPERATIONS}
    before = _processor_times(database)
    begun = perf_counter()

    async def live(number: int, person: Person) -> None:
        chance = random.Random(SEED + number)
        connection = await Connection.open(url)
        await asyncio.sleep(chance.uniform(0, pause))
        while perf_counter() - begun < seconds:
            (operation,) = chance.choices(OPERATIONS, [each.share for each in OPERATIONS])
            answer = await connection.ask(operation.ask(url, person, chance))
            require_success(answer.body)
            by_title[operation.title].append(answer.milliseconds)
            await asyncio.sleep(chance.uniform(0.5, 1.5) * pause)
        connection.close()

    async with asyncio.TaskGroup() as living:
        for number, person in enumerate(people):
            living.create_task(live(number, person))
    busy = {name: time - before[name] for name, time in _processor_times(database).items()}
    return Times(perf_counter() - begun, by_title, busy)


def _processor_times(database: BenchmarkDatabase) -> dict[str, float]:
    return {
        "ccgraph": Process.child("serve").processor_time,
        "PostgreSQL": database.processor_time,
        "the load generator": process_time(),
    }


def percentile(times: Sequence[float], percent: int) -> float:
    """The time that so many percent of the requests stay within."""
    return quantiles(times, n=100, method="inclusive")[percent - 1] if len(times) > 1 else max(times)


def report(calm: Times, busy: Times, options: Options) -> str:
    """The section of docs/benchmarks.md."""
    rows = []
    for operation in OPERATIONS:
        times = calm.by_title[operation.title]
        reached = percentile(times, 95) < operation.limit
        wanted = f"{operation.limit} ms: {'reached' if reached else 'not reached'}"
        rows.append([operation.title, *_figures(times, busy.by_title[operation.title]), wanted])
    average, late = fmean(calm.all), percentile(calm.all, 95)
    reached = average < AVERAGE and late < NINETY_FIFTH
    wanted = f"{AVERAGE} ms on average, p95 {NINETY_FIFTH} ms: {'reached' if reached else 'not reached'}"
    rows.append([f"all ({average:.0f} ms on average)", *_figures(calm.all, busy.all), wanted])
    header = ["Milliseconds", "requests", "p50", "p95", "longest", "p95 without a pause", "wanted at p95"]
    return "\n".join(
        [
            f"Scale {options.scale:g}, {options.connections} connections, {options.seconds:g} s."
            f" With a pause of about {options.pause:g} s before each request:"
            f" {len(calm.all) / calm.seconds:,.0f} requests a second."
            f" Without a pause: {len(busy.all) / busy.seconds:,.0f} a second.",
            "",
            "With the pause, of one core: "
            + ", ".join(f"{name} {time / calm.seconds:.0%}" for name, time in calm.busy.items())
            + ".",
            "",
            table(header, rows),
        ]
    )


def _figures(calm: Sequence[float], busy: Sequence[float]) -> list[str]:
    times = [percentile(calm, 50), percentile(calm, 95), max(calm), percentile(busy, 95)]
    return [f"{len(calm):,}", *(f"{time:,.1f}" for time in times)]


async def main(options: Options, database: BenchmarkDatabase) -> None:
    """Measure, print, and write the report; what was written into the database is removed again."""
    logs = Path(tempfile.mkdtemp(prefix="ccgraph-bench-"))
    connection = await asyncpg.connect(database.url)
    begun = await connection.fetchval("SELECT now()")
    try:
        async with servers.ccgraph(database, logs) as base:
            url = f"{base}/graphql"
            people = await crowd(url, options.connections)
            await measure(url, database, people, WARM_UP, 0)
            calm = await measure(url, database, people, options.seconds, options.pause)
            busy = await measure(url, database, people, options.seconds / 2, 0)
    finally:
        await connection.execute("DELETE FROM notification_history WHERE title = $1", TITLE)
        for table_name in ("auth_tokens", "system_logs"):
            await connection.execute(f"DELETE FROM {table_name} WHERE created_at >= $1", begun)
        await connection.close()
    section = Section("targets", report(calm, busy, options))
    print(section.text)
    if not options.dry:
        section.write()


def arguments() -> Options:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--connections", type=int, default=200, help="people at once, 200 unless given")
    parser.add_argument(
        "--seconds", type=float, default=30.0, help="length of the measurement, 30 unless given"
    )
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between requests, 1 unless given")
    parser.add_argument("--scale", type=float, default=1.0, help="scale of the demo, 1 unless given")
    parser.add_argument("--dry", action="store_true", help="print the report and write no file")
    return Options(**vars(parser.parse_args()))


if __name__ == "__main__":
    chosen = arguments()
    with demo_database(chosen.scale) as running, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(chosen, running))
