"""The dashboard in a browser, beside GraphiQL with the same live query: when it is first of use, what it
costs while nothing and while much happens, and its memory after a long time.

    python -m benchmarks.dashboard            an hour of a live demo; results to docs/benchmarks.md
    python -m benchmarks.dashboard --minutes 0    paint and processor time only, 3 minutes
    python -m benchmarks.dashboard --minutes 1 --seconds 5 --dry    a quick look; writes no file

ccgraph is one process; it, PostgreSQL and headless Chromium share the machine. Needs the built dashboard
(`make dashboard`) and the Debian package chromium.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import asyncpg
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from benchmarks import servers
from benchmarks.database import SEED, BenchmarkDatabase, fresh_database, program
from benchmarks.processes import Process, below
from benchmarks.report import Section, table
from benchmarks.subscriptions import writing
from services.demo import DEMO_USER, PASSWORD, load

SCALE = 0.01
LOADS = 15
EVENTS = 50
"""Changes a second."""
SAMPLES = 6
MEGABYTE = 1 << 20
LONGEST_PAINT = 1_000.0
"""The target in milliseconds of the first useful paint."""

HOME = Path(__file__).parent.parent / "dashboard/src/pages/home/home.graphql"

# When the first line of the list is drawn: the frame after the one in which it was put into the page.
NOTE_FIRST_LINE = """
new MutationObserver((_, observer) => {
  if (document.querySelector('main article') === null) return;
  observer.disconnect();
  requestAnimationFrame(() => requestAnimationFrame(() => { window.firstLine = performance.now(); }));
}).observe(document, { childList: true, subtree: true });
"""

FIRST_LINE = """
new Promise((done) => {
  const look = () => (window.firstLine === undefined ? requestAnimationFrame(look) : done(window.firstLine));
  look();
})
"""

_LIVING = """
SELECT array_agg(i.id)
FROM cc_instances i JOIN projects p USING (project_id) JOIN users u ON u.id = p.owner_id
WHERE i.status IN ('IDLE', 'RUNNING') AND u.username = $1
"""


@dataclass(frozen=True, slots=True)
class Paint:
    """Milliseconds after the navigation began, sorted: the first paint of anything, and of a line."""

    first: Sequence[float]
    useful: Sequence[float]


@dataclass(frozen=True, slots=True)
class Load:
    """Shares of a core over so many seconds: all processes of the browser, the server, and PostgreSQL."""

    seconds: float

    browser: float
    server: float
    postgres: float


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of a page after so many minutes: bytes of its live objects, and the number of its nodes."""

    minutes: float
    heap: int
    nodes: int


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser of this machine's."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--js-flags=--expose-gc"],
        )
        try:
            yield browser
        finally:
            await browser.close()


async def logged_in(browser: Browser, url: str) -> BrowserContext:
    """A context in which the demo's person is logged in, with no page open."""
    context = await browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    page = await context.new_page()
    await page.goto(url)
    await page.get_by_label("Username").fill(DEMO_USER)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await page.locator("main article").first.wait_for()
    await page.close()
    return context


async def paints(browser: Browser, url: str) -> Paint:
    """Load the first page so many times, each with an empty cache."""
    context = await logged_in(browser, url)
    state = await context.storage_state()
    await context.close()
    first, useful = [], []
    for _ in range(LOADS):
        fresh = await browser.new_context(locale="en-GB", storage_state=state)
        page = await fresh.new_page()
        await page.add_init_script(NOTE_FIRST_LINE)
        await page.goto(url)
        useful.append(await page.evaluate(FIRST_LINE))
        first.append(
            await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        )
        state = await fresh.storage_state()  # the cookie is renewed with each use
        await fresh.close()
    return Paint(sorted(first), sorted(useful))


def live_query(url: str) -> str:
    """The address of GraphiQL with the live query of the first page."""
    document = re.sub(r"^#.*\n", "", HOME.read_text(), flags=re.MULTILINE)
    now = datetime.now(UTC)
    variables = {
        "today": now.replace(hour=0, minute=0, second=0, microsecond=0).isoformat(),
        "recently": (now - timedelta(days=1)).isoformat(),
    }
    return f"{url}/graphql#{urlencode({'query': document, 'variables': json.dumps(variables)})}"


async def open_home(context: BrowserContext, url: str) -> Page:
    """The first page of the dashboard, with its lines."""
    page = await context.new_page()
    await page.goto(url)
    await page.locator("main article").first.wait_for()
    return page


async def open_graphiql(context: BrowserContext, url: str) -> Page:
    """GraphiQL, following the same."""
    page = await context.new_page()
    await page.goto(live_query(url))
    await page.locator(".graphiql-query-editor .monaco-editor").wait_for()
    await page.get_by_role("button", name=re.compile("Execute")).click()
    await page.locator(".graphiql-response", has_text="nodes").wait_for()
    return page


async def loads(database: BenchmarkDatabase, seconds: float) -> tuple[Load, Load]:
    """The load of the open page while nothing happens, and while `EVENTS` changes a second do."""
    async with writing(database) as writer:
        living = await writer.fetchval(_LIVING, DEMO_USER)
        await asyncio.sleep(3)  # what was loaded comes to rest
        idle = await _load(database, asyncio.sleep(seconds))
        busy = await _load(database, _change(writer, living, seconds))
    return idle, busy


async def _load(database: BenchmarkDatabase, meanwhile: Awaitable[None]) -> Load:
    browser, server = below("chrom"), Process.child("serve")
    before = {process: process.processor_time for process in browser}
    served, stored = server.processor_time, database.processor_time
    begun = asyncio.get_running_loop().time()
    await meanwhile
    taken = asyncio.get_running_loop().time() - begun
    alive = [process for process in below("chrom") if process in before]
    return Load(
        taken,
        sum(process.processor_time - before[process] for process in alive) / taken,
        (server.processor_time - served) / taken,
        (database.processor_time - stored) / taken,
    )


async def _change(
    writer: "asyncpg.Connection[asyncpg.Record]", living: Sequence[object], seconds: float
) -> None:
    """Change what instances do, one after the other, each change a transaction that is an event."""
    listed = ", ".join(f"'{key}'" for key in living)
    await writer.execute(
        f"""
DO $$ DECLARE living uuid[] := ARRAY[{listed}]::uuid[]; BEGIN
  FOR number IN 1..{int(EVENTS * seconds)} LOOP
    UPDATE cc_instances SET activity_detail = 'Bash: step ' || number, activity_since = clock_timestamp()
    WHERE id = living[1 + number % cardinality(living)];
    COMMIT;
    PERFORM pg_sleep({1 / EVENTS});
  END LOOP;
END $$"""
    )


async def memory(
    database: BenchmarkDatabase, browser: Browser, url: str, minutes: float
) -> tuple[list[Memory], list[Memory], Load]:
    """Measure both pages side by side over a live demo: the growth of each, and the load of all."""
    context = await logged_in(browser, url)
    pages = [await open_home(context, url), await open_graphiql(context, url)]
    sessions = [await context.new_cdp_session(page) for page in pages]
    for session in sessions:
        await session.send("Performance.enable")
    found: tuple[list[Memory], list[Memory]] = ([], [])

    async def sample() -> None:
        for number in range(SAMPLES + 1):
            for session, taken in zip(sessions, found, strict=True):
                await session.send("HeapProfiler.collectGarbage")
                metrics = (await session.send("Performance.getMetrics"))["metrics"]
                named = {metric["name"]: metric["value"] for metric in metrics}
                share = minutes * number / SAMPLES
                taken.append(Memory(share, int(named["JSHeapUsedSize"]), int(named["Nodes"])))
            if number < SAMPLES:
                await asyncio.sleep(60 * minutes / SAMPLES)

    async with playing(database):
        load = await _load(database, sample())
    await context.close()
    return *found, load


@asynccontextmanager
async def playing(database: BenchmarkDatabase) -> AsyncIterator[None]:
    """The demo moves, at the speed of real work."""
    process = await asyncio.create_subprocess_exec(
        program("ccgraph"),
        *("demo", "--live"),
        env={**os.environ, **database.environment},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(servers.START_SECONDS):
            while b"The demo moves" not in await process.stderr.readline():
                if process.stderr.at_eof():
                    raise servers.ServerError("the live demo did not begin")
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@dataclass(frozen=True, slots=True)
class Costs:
    """The costs of a page, and when it is first of use; of GraphiQL the costs."""

    paint: Paint
    home: tuple[Load, Load]
    graphiql: tuple[Load, Load]


@dataclass(frozen=True, slots=True)
class Growth:
    """The growth of both pages' memory, and its costs together."""

    home: list[Memory]
    graphiql: list[Memory]
    together: Load


async def measure_costs(database: BenchmarkDatabase, url: str, browser: Browser, seconds: float) -> Costs:
    """One after the other, in one browser."""
    print("first paint ...", flush=True)
    paint = await paints(browser, url)
    costs = []
    for name, opened in (("the dashboard", open_home), ("GraphiQL", open_graphiql)):
        print(f"{name} at rest and at {EVENTS} changes a second ...", flush=True)
        context = await logged_in(browser, url)
        page = await opened(context, url)
        costs.append(await loads(database, seconds))
        if opened is open_home:  # the last change is there; of GraphiQL only the top is in view
            await page.get_by_text(f"Bash: step {int(EVENTS * seconds)}", exact=True).wait_for()
        await context.close()
    return Costs(paint, *costs)


async def measure(
    database: BenchmarkDatabase, seconds: float, minutes: float
) -> tuple[Costs | None, Growth | None]:
    """Measure one server and one browser; without `seconds` no costs, and without `minutes` no growth."""
    logs = Path(tempfile.mkdtemp(prefix="ccgraph-bench-"))
    costs = growth = None
    async with servers.ccgraph(database, logs) as url, chromium() as browser:
        if seconds:
            costs = await measure_costs(database, url, browser, seconds)
        if minutes:
            print(f"{minutes:g} minutes of a live demo ...", flush=True)
            growth = Growth(*await memory(database, browser, url, minutes))
    return costs, growth


def report_costs(costs: Costs, seconds: float) -> str:
    """First paint, and shares of a core."""
    useful, first = costs.paint.useful, costs.paint.first
    middle, worst = useful[len(useful) // 2], useful[int(0.95 * (len(useful) - 1))]
    rows = [
        _row(name, load)
        for page, (idle, busy) in (("dashboard", costs.home), ("GraphiQL", costs.graphiql))
        for name, load in (
            (f"{page}, nothing happens", idle),
            (f"{page}, {EVENTS * seconds / busy.seconds:.0f} changes/s", busy),
        )
    ]
    lines = [
        f"First useful paint, {len(useful)} loads with an empty cache: {middle:.0f} ms in the middle, "
        f"{worst:.0f} ms at 95 % (first paint of anything {first[len(first) // 2]:.0f} ms). "
        f"Under {LONGEST_PAINT:g} ms: " + ("reached." if worst < LONGEST_PAINT else "not reached."),
        "",
        f"Shares of a core over {seconds:g} s, one page open, with the live query of the first page:",
        "",
        table(_COSTS, rows),
    ]
    return "\n".join(lines)


_COSTS = ["", "browser", "server", "PostgreSQL"]


def _row(name: str, load: Load) -> list[str]:
    return [name, *(f"{share:.1%}" for share in (load.browser, load.server, load.postgres))]


def report_growth(growth: Growth, minutes: float) -> str:
    """Memory over time, and what both pages cost meanwhile."""
    grown = [
        [f"{ours.minutes:.1f}", *(f"{page.heap / MEGABYTE:.1f} / {page.nodes:,}" for page in (ours, theirs))]
        for ours, theirs in zip(growth.home, growth.graphiql, strict=True)
    ]
    lines = [
        f"Memory of the pages over {minutes:g} minutes of a live demo, MB of JavaScript / nodes:",
        "",
        table(["minutes", "dashboard", "GraphiQL"], grown),
        "Shares of a core meanwhile:",
        "",
        table(_COSTS, [_row("both pages", growth.together)]),
    ]
    return "\n".join(lines)


async def _fill(database: BenchmarkDatabase) -> None:
    connection = await asyncpg.connect(database.url)
    try:
        await load(connection, scale=SCALE, seed=SEED)
    finally:
        await connection.close()


def main() -> None:
    """Measure, print, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--seconds",
        type=float,
        default=30.0,
        help="of rest and changes, 30 unless given; 0 leaves them out",
    )
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="of a live demo, 60 unless given; 0 leaves it out"
    )
    parser.add_argument("--dry", action="store_true", help="print the report and write no file")
    given = parser.parse_args()
    with fresh_database() as database:
        asyncio.run(_fill(database))
        costs, growth = asyncio.run(measure(database, given.seconds, given.minutes))
    sections = []
    if costs is not None:
        sections.append(Section("dashboard", report_costs(costs, given.seconds)))
    if growth is not None:
        sections.append(Section("dashboard-memory", report_growth(growth, given.minutes)))
    for section in sections:
        print(section.text)
        if not given.dry:
            section.write()


if __name__ == "__main__":
    main()
