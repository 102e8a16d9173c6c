"""Reading, side by side: ccgraph, PostGraphile 5, plain Strawberry, and SQL by hand as the floor.

    python -m benchmarks.reading            all shapes, results to docs/benchmarks.md
    python -m benchmarks.reading --only one --seconds 1 --dry    a quick look

All servers work on one database in one run, take turns, and must give the same answers before they are timed.
Requests differ: their variables are drawn from the data, and no two under way are alike. What equal requests
gain by sharing statements is a section of its own.
"""

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import httpx
import orjson

from benchmarks import servers
from benchmarks.answers import normalised
from benchmarks.connections import Connection
from benchmarks.database import BenchmarkDatabase, demo_database
from benchmarks.draws import Draws, Place, Variables, drawn
from benchmarks.peers.requests import Request, floor, graphql
from benchmarks.report import Section, bars, table
from benchmarks.shapes import DEEP_PAGE, DEPTH, FIRST_PAGE, GROUPS, SHAPES, Shape
from benchmarks.wrk import Load, median, run

CCGRAPH, POSTGRAPHILE, STRAWBERRY, FLOOR = "ccgraph", "PostGraphile 5", "plain Strawberry", "floor"
PEERS = (CCGRAPH, POSTGRAPHILE, STRAWBERRY, FLOOR)
MEMBER = "ccgraph, ordinary user"
ALONE = "ccgraph without sharing"
"""ccgraph with CCGRAPH_SHARE_READS=false: each request has a statement of its own, whatever else is asked."""
SERVERS = (*PEERS, ALONE, MEMBER)

SHARING = (CCGRAPH, ALONE, POSTGRAPHILE)

TARGETS = {POSTGRAPHILE: 3.0, STRAWBERRY: 15.0, FLOOR: 0.8}
"""How many times the rate of each peer ccgraph is to reach; Strawberry's counts for lists only."""
GROUPS_TARGET = 2.0
"""The same for groups beside PostGraphile: nearly all of their time is PostgreSQL's, whose work is equal."""
DEEPEST = 1.2
"""How many times the time of the first page the deep one may take."""

Ask = Callable[[Shape], list[Request]]
Results = dict[str, dict[str, Load]]
"""Shape, then server."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a run: what it measures, and for how long."""

    scale: float
    seconds: float
    rounds: int
    shapes: tuple[Shape, ...]
    dry: bool


@asynccontextmanager
async def all_servers(
    database: BenchmarkDatabase, draws: Draws, places: list[Place]
) -> AsyncIterator[dict[str, Ask]]:
    """Every server up, each with the way to ask it for a shape: a request for each set of variables."""
    logs = Path(tempfile.mkdtemp(prefix="ccgraph-bench-"))
    admin, member = database.token("admin"), database.token("demo")
    sql_url = servers.sqlalchemy_url(database.url)
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(servers.ccgraph(database, logs)) + "/graphql"
        unshared = {"CCGRAPH_SHARE_READS": "false"}
        alone = await stack.enter_async_context(servers.ccgraph(database, logs, unshared)) + "/graphql"
        theirs = await stack.enter_async_context(servers.postgraphile(database.url, logs)) + "/graphql"
        plain = await stack.enter_async_context(
            servers.uvicorn("strawberry", "benchmarks.peers.plain_strawberry:app", sql_url, logs)
        )
        bare = await stack.enter_async_context(
            servers.uvicorn("floor", "benchmarks.peers.floor:app", database.url, logs)
        )
        our_cursors = [
            await cursor(graphql(ours, CURSOR_OF_OURS, {"id": place.id}, admin)) for place in places
        ]
        their_cursors = [
            await cursor(graphql(theirs, CURSOR_OF_POSTGRAPHILE, {"id": place.id})) for place in places
        ]
        bars_between = [f"{place.created_at}|{place.id}" for place in places]

        def sets(shape: Shape, cursors: list[str]) -> list[Variables]:
            return [{"after": after} for after in cursors] if shape.deep else draws[shape.draw]

        def asking(url: str, cursors: list[str], token: str) -> Ask:
            return lambda shape: [
                graphql(url, shape.ccgraph, variables, token) for variables in sets(shape, cursors)
            ]

        yield {
            CCGRAPH: asking(ours, our_cursors, admin),
            ALONE: asking(alone, our_cursors, admin),
            MEMBER: asking(ours, our_cursors, member),
            POSTGRAPHILE: lambda shape: [
                graphql(theirs, shape.postgraphile, variables) for variables in sets(shape, their_cursors)
            ],
            STRAWBERRY: lambda shape: [
                graphql(plain, shape.strawberry, variables) for variables in sets(shape, bars_between)
            ],
            FLOOR: lambda shape: [
                floor(bare, shape, (place.created_at, place.id) if shape.deep else variables.values())
                for place, variables in zip(cycle(places), sets(shape, bars_between), strict=False)
            ],
        }


CURSOR_OF_OURS = """query Cursor($id: UUID!) {
  messages: mcpMessages(first: 1, orderBy: [{createdAt: ASC}], where: {id: {eq: $id}}) {
    edges { cursor } } }"""
CURSOR_OF_POSTGRAPHILE = """query Cursor($id: UUID!) {
  messages: allMcpMessages(first: 1, orderBy: [CREATED_AT_ASC], condition: {rowId: $id}) {
    edges { cursor } } }"""


async def cursor(request: Request) -> str:
    """The cursor of one row."""
    answer = await post(request)
    return str(answer["data"]["messages"]["edges"][0]["cursor"])


async def post(request: Request) -> dict[str, dict[str, dict[str, list[dict[str, object]]]]]:
    """One request, as JSON."""
    async with httpx.AsyncClient(timeout=60) as client:
        response = await client.post(request.url, content=request.body, headers=dict(request.headers))
    answer: dict[str, dict[str, dict[str, list[dict[str, object]]]]] = orjson.loads(response.content)
    return answer


async def require_same_answers(shape: Shape, asks: dict[str, Ask]) -> None:
    """Every server must say what the floor's SQL says; a fast wrong answer is worth nothing."""
    requests = {name: ask(shape) for name, ask in asks.items()}
    for place in range(0, len(requests[FLOOR]), 40):
        expected = normalised((await post(requests[FLOOR][place]))["data"])
        for name in (*PEERS, ALONE):
            answer = await post(requests[name][place])
            if "errors" in answer or normalised(answer["data"]) != expected:
                raise RuntimeError(f"{name} answers {shape.name} differently: {str(answer)[:500]}")
    if "errors" in await post(requests[MEMBER][0]):
        raise RuntimeError(f"An ordinary user cannot ask for {shape.name}")


async def measure(
    asks: dict[str, Ask], options: Options, names: Sequence[str], *, alike: bool = False
) -> Results:
    """Every shape on the servers in short turns, each round begun by another server; the medians count.

    Whatever else the machine does for a while then meets all of them alike, and a few of their rounds. When
    `alike`, all connections send one and the same request.
    """
    found: dict[str, dict[str, list[Load]]] = {
        shape.name: {name: [] for name in names} for shape in options.shapes
    }
    for number in range(options.rounds):
        first = number % len(names)
        for shape in options.shapes:
            for name in (*names[first:], *names[:first]):
                requests = asks[name](shape)[: 1 if alike else None]
                found[shape.name][name].append(await load_on(requests, seconds=options.seconds))
        print(f"round {number + 1} of {options.rounds}", flush=True)
    return {
        shape: {name: median(loads) for name, loads in of_servers.items()}
        for shape, of_servers in found.items()
    }


async def warm_up(requests: Sequence[Request]) -> None:
    """A few requests on as many connections as a server has to the database, so that each knows the plan."""
    connections = [await Connection.open(requests[0].url) for _ in range(servers.POOL_SIZE)]
    for request in requests[:3]:
        await asyncio.gather(*(connection.ask(request) for connection in connections))
    for connection in connections:
        connection.close()


async def load_on(requests: Sequence[Request], seconds: float) -> Load:
    """wrk on the requests, in turn."""
    first = requests[0]
    return await run(first.url, [request.body for request in requests], first.headers, seconds=seconds)


def report(results: Results, options: Options) -> str:
    """The section of docs/benchmarks.md."""
    rows = [
        [_TITLES[name]]
        + [f"{loads[peer].rate:,.0f}" for peer in PEERS]
        + [_ratio(loads, POSTGRAPHILE), _ratio(loads, STRAWBERRY), _ratio(loads, FLOOR)]
        + [f"{loads[ALONE].rate:,.0f} ({_ratio(loads, POSTGRAPHILE, ALONE)})", f"{loads[MEMBER].rate:,.0f}"]
        for name, loads in results.items()
    ]
    text = [
        f"Scale {options.scale:g}, 16 connections, {options.rounds} times {options.seconds:g} s (median).",
        "",
        "Requests per second, and how many times the rate of the others ccgraph reaches, in brackets that of "
        "PostGraphile:",
        "",
        table(["Shape", *PEERS, "× PostGraphile", "× Strawberry", "× floor", ALONE, MEMBER], rows),
        "Milliseconds, p50 / p99:",
        "",
        _latencies(results, SERVERS),
        *_verdicts(results),
    ]
    return "\n".join(text)


def report_sharing(results: Results) -> str:
    """The section of docs/benchmarks.md on equal requests."""
    rows = [
        [_TITLES[name]]
        + [f"{loads[server].rate:,.0f}" for server in SHARING]
        + [_ratio(loads, ALONE), _ratio(loads, POSTGRAPHILE)]
        for name, loads in results.items()
    ]
    return "\n".join(
        [
            "Requests per second when all connections ask the same, and how many times the others' rate:",
            "",
            table(["Shape", *SHARING, "× without sharing", "× PostGraphile"], rows),
            "Milliseconds, p50 / p99:",
            "",
            _latencies(results, SHARING),
        ]
    )


_TITLES = {shape.name: shape.title for shape in SHAPES}


def _latencies(results: Results, names: Sequence[str]) -> str:
    rows = [
        [_TITLES[shape], *(f"{loads[name].p50:.1f} / {loads[name].p99:.1f}" for name in names)]
        for shape, loads in results.items()
    ]
    return table(["Shape", *names], rows)


def _ratio(loads: dict[str, Load], peer: str, of: str = CCGRAPH) -> str:
    return f"{loads[of].rate / loads[peer].rate:.2f}"


def _wanted(shape: str, peer: str) -> float:
    return GROUPS_TARGET if (shape, peer) == (GROUPS.name, POSTGRAPHILE) else TARGETS[peer]


def _verdicts(results: Results) -> list[str]:
    lines = []
    for peer, wanted in TARGETS.items():
        lists = [name for name in results if peer != STRAWBERRY or name.startswith("list")]
        missed = [
            f"{name} ({_ratio(results[name], peer)})"
            for name in lists
            if results[name][CCGRAPH].rate < _wanted(name, peer) * results[name][peer].rate
        ]
        where = {STRAWBERRY: " on lists", POSTGRAPHILE: f", {GROUPS_TARGET:g} times on groups"}.get(peer, "")
        what = f"at least {wanted:g} times {peer}{where}"
        lines.append(f"- {what}: " + (f"not reached on {', '.join(missed)}." if missed else "reached."))
    if {FIRST_PAGE.name, DEEP_PAGE.name} <= set(results):
        times = results[DEEP_PAGE.name][CCGRAPH].p50 / results[FIRST_PAGE.name][CCGRAPH].p50
        lines.append(
            f"- The page {DEPTH:,} rows in takes {times:.2f} times the first (at most {DEEPEST:g}): "
            + ("reached." if times <= DEEPEST else "not reached.")
        )
    return [*lines, ""]


def chart(results: Results) -> str:
    """The rates as bars."""
    groups = {_TITLES[name]: {peer: loads[peer].rate for peer in PEERS} for name, loads in results.items()}
    return bars("Reading: requests per second, 16 connections", "/s", groups)


async def main(options: Options, database: BenchmarkDatabase) -> None:
    """Measure, print, and write the report."""
    draws, places = await drawn(database.url)
    async with all_servers(database, draws, places) as asks:
        for shape in options.shapes:
            await require_same_answers(shape, asks)
            for ask in asks.values():
                await warm_up(ask(shape))
        results = await measure(asks, options, SERVERS)
        shared = await measure(asks, options, SHARING, alike=True)
    for section in (
        Section("reading", report(results, options), chart(results)),
        Section("sharing", report_sharing(shared)),
    ):
        print(section.text)
        if not options.dry:
            section.write()


def arguments() -> Options:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="scale of the demo, 1 unless given")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn, at most 30")
    parser.add_argument("--rounds", type=int, default=9, choices=range(1, 31), help="rounds, 9 unless given")
    parser.add_argument("--only", nargs="*", choices=[shape.name for shape in SHAPES], help="these shapes")
    parser.add_argument("--dry", action="store_true", help="print the report and write no file")
    given = parser.parse_args()
    shapes = tuple(shape for shape in SHAPES if not given.only or shape.name in given.only)
    return Options(given.scale, given.seconds, given.rounds, shapes, given.dry or bool(given.only))


if __name__ == "__main__":
    chosen = arguments()
    with demo_database(chosen.scale) as running:
        asyncio.run(main(chosen, running))
