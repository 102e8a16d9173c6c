"""Reading, side by side: ccgraph, PostGraphile 5, plain Strawberry, and SQL by hand as the floor.

    python -m benchmarks.reading            all shapes, results to docs/benchmarks.md
    python -m benchmarks.reading --only one --seconds 1 --dry    a quick look

All servers work on one database in one run, take turns, and must give the same answer before they are timed.
"""

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import orjson

from benchmarks import servers
from benchmarks.answers import normalised
from benchmarks.connections import Connection
from benchmarks.database import BenchmarkDatabase, demo_database
from benchmarks.peers.requests import Request, Subject, floor, graphql
from benchmarks.report import Section, bars, table
from benchmarks.shapes import DEEP_PAGE, DEPTH, FIRST_PAGE, SHAPES, Shape
from benchmarks.wrk import Load, median, run

CCGRAPH, POSTGRAPHILE, STRAWBERRY, FLOOR = "ccgraph", "PostGraphile 5", "plain Strawberry", "floor"
PEERS = (CCGRAPH, POSTGRAPHILE, STRAWBERRY, FLOOR)
MEMBER = "ccgraph, ordinary user"
ALONE = "ccgraph, nothing shared"
OURS = (ALONE, MEMBER)
ALONE_BESIDE = ("nothing shared × PostGraphile", "nothing shared × floor")
"""ccgraph in other circumstances, shown beside the peers."""

TARGETS = {POSTGRAPHILE: 3.0, STRAWBERRY: 15.0, FLOOR: 0.8}
"""How many times the rate of each peer ccgraph is to reach; Strawberry's counts for lists only."""
DEEPEST = 1.2
"""How many times the time of the first page the deep one may take."""

Ask = Callable[[Shape], Request]
Results = dict[str, dict[str, Load]]
"""Shape, then server."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a run measures, and for how long."""

    scale: float
    seconds: float
    rounds: int
    shapes: tuple[Shape, ...]
    dry: bool


async def subject_of(database_url: str) -> Subject:
    """A task of the demo user that works in a project, and the row after which the deep page begins."""
    connection = await asyncpg.connect(database_url)
    try:
        task = await connection.fetchval(
            "SELECT t.id FROM tasks t JOIN projects p USING (project_id) JOIN users u ON u.id = p.owner_id "
            "WHERE u.username = 'demo' ORDER BY t.id LIMIT 1"
        )
        depth = min(DEPTH, await connection.fetchval("SELECT count(*) FROM mcp_messages") - 100)
        row = await connection.fetchrow(
            "SELECT id, created_at FROM mcp_messages ORDER BY created_at, id OFFSET $1 LIMIT 1", depth - 1
        )
    finally:
        await connection.close()
    if task is None or row is None:
        raise RuntimeError("The benchmark's database lacks the demo: remove benchmarks/.data and try again")
    return Subject(str(task), str(row["id"]), row["created_at"].isoformat())


@asynccontextmanager
async def all_servers(database: BenchmarkDatabase, subject: Subject) -> AsyncIterator[dict[str, Ask]]:
    """Every server up, each with the way to ask it for a shape."""
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
        our_cursor = await cursor(graphql(ours, CURSOR_OF_OURS, {"id": subject.row_id}, admin))
        their_cursor = await cursor(graphql(theirs, CURSOR_OF_POSTGRAPHILE, {"id": subject.row_id}))
        yield {
            CCGRAPH: lambda shape: graphql(ours, shape.ccgraph, variables(shape, subject, our_cursor), admin),
            ALONE: lambda shape: graphql(alone, shape.ccgraph, variables(shape, subject, our_cursor), admin),
            MEMBER: lambda shape: graphql(ours, shape.ccgraph, variables(shape, subject, our_cursor), member),
            POSTGRAPHILE: lambda shape: graphql(
                theirs, shape.postgraphile, variables(shape, subject, their_cursor)
            ),
            STRAWBERRY: lambda shape: graphql(
                plain,
                shape.strawberry,
                variables(shape, subject, f"{subject.row_created_at}|{subject.row_id}"),
            ),
            FLOOR: lambda shape: floor(bare, shape, subject),
        }


CURSOR_OF_OURS = """query Cursor($id: UUID!) {
  messages: mcpMessages(first: 1, orderBy: [{createdAt: ASC}], where: {id: {eq: $id}}) {
    edges { cursor } } }"""
CURSOR_OF_POSTGRAPHILE = """query Cursor($id: UUID!) {
  messages: allMcpMessages(first: 1, orderBy: [CREATED_AT_ASC], condition: {rowId: $id}) {
    edges { cursor } } }"""


def variables(shape: Shape, subject: Subject, after: str) -> dict[str, object]:
    """The variables of a shape for a server that writes cursors in its own way."""
    return subject.variables(shape) | ({"after": after} if shape.deep else {})


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
    expected = normalised((await post(asks[FLOOR](shape)))["data"])
    for name in (*PEERS, ALONE):
        answer = await post(asks[name](shape))
        if "errors" in answer or normalised(answer["data"]) != expected:
            raise RuntimeError(f"{name} answers {shape.name} differently: {str(answer)[:500]}")
    if "errors" in await post(asks[MEMBER](shape)):
        raise RuntimeError(f"An ordinary user cannot ask for {shape.name}")


async def measure(asks: dict[str, Ask], options: Options) -> Results:
    """Every shape on every server in short turns, each round begun by another server; the medians count.

    Whatever else the machine does for a while then meets all of them alike, and a few of their rounds.
    """
    for shape in options.shapes:
        await require_same_answers(shape, asks)
        for ask in asks.values():
            await warm_up(ask(shape))
    found: dict[str, dict[str, list[Load]]] = {
        shape.name: {name: [] for name in asks} for shape in options.shapes
    }
    names = list(asks)
    for number in range(options.rounds):
        first = number % len(names)
        for shape in options.shapes:
            for name in names[first:] + names[:first]:
                load = await load_on(asks[name](shape), seconds=options.seconds)
                found[shape.name][name].append(load)
        print(f"round {number + 1} of {options.rounds}", flush=True)
    return {
        shape: {name: median(loads) for name, loads in of_servers.items()}
        for shape, of_servers in found.items()
    }


async def warm_up(request: Request) -> None:
    """A few requests on as many connections as a server has to the database, so that each knows the plan."""
    connections = [await Connection.open(request.url) for _ in range(servers.POOL_SIZE)]
    for _ in range(3):
        await asyncio.gather(*(connection.ask(request) for connection in connections))
    for connection in connections:
        connection.close()


async def load_on(request: Request, seconds: float) -> Load:
    """wrk on one request."""
    return await run(request.url, request.body, request.headers, seconds=seconds)


def report(results: Results, options: Options) -> str:
    """The section of docs/benchmarks.md."""
    titles = {shape.name: shape.title for shape in SHAPES}
    rows = [
        [titles[name]]
        + [f"{loads[peer].rate:,.0f}" for peer in PEERS]
        + [_ratio(loads, POSTGRAPHILE), _ratio(loads, STRAWBERRY), _ratio(loads, FLOOR)]
        + [f"{loads[name].rate:,.0f}" for name in OURS]
        + [_ratio(loads, POSTGRAPHILE, ours=ALONE), _ratio(loads, FLOOR, ours=ALONE)]
        for name, loads in results.items()
    ]
    latencies = [
        [titles[name], *(f"{loads[peer].p50:.1f} / {loads[peer].p99:.1f}" for peer in (*PEERS, *OURS))]
        for name, loads in results.items()
    ]
    text = [
        f"Scale {options.scale:g}, 16 connections, {options.rounds} times {options.seconds:g} s (median).",
        "",
        "Requests per second, and how many times the rate of the others ccgraph reaches:",
        "",
        table(["Shape", *PEERS, "× PostGraphile", "× Strawberry", "× floor", *OURS, *ALONE_BESIDE], rows),
        "Milliseconds, p50 / p99:",
        "",
        table(["Shape", *PEERS, *OURS], latencies),
        *_verdicts(results),
    ]
    return "\n".join(text)


def _ratio(loads: dict[str, Load], peer: str, ours: str = CCGRAPH) -> str:
    return f"{loads[ours].rate / loads[peer].rate:.2f}"


def _verdicts(results: Results) -> list[str]:
    lines = []
    for peer, wanted in TARGETS.items():
        lists = [name for name in results if peer != STRAWBERRY or name.startswith("list")]
        missed = [
            f"{name} ({_ratio(results[name], peer)})"
            for name in lists
            if results[name][CCGRAPH].rate < wanted * results[name][peer].rate
        ]
        what = f"at least {wanted:g} times {peer}" + (" on lists" if peer == STRAWBERRY else "")
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
    titles = {shape.name: shape.title for shape in SHAPES}
    groups = {titles[name]: {peer: loads[peer].rate for peer in PEERS} for name, loads in results.items()}
    return bars("Reading: requests per second, 16 connections", "/s", groups)


async def main(options: Options, database: BenchmarkDatabase) -> None:
    """Measure, print, and write the report."""
    subject = await subject_of(database.url)
    async with all_servers(database, subject) as asks:
        results = await measure(asks, options)
    section = Section("reading", report(results, options), chart(results))
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
