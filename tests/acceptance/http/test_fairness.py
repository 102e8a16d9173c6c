"""One account that asks for as much as it can, through each door, and others who ask meanwhile."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest

from app.config.settings import Settings
from services.accounts.accounts import add_user
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.principal import Origin
from tests.support.graphql_ws import logged_in
from tests.support.serving import LiveServer
from tests.support.waiting import PATIENCE, until

SLOW = """
CREATE TABLE public.released ();
CREATE FUNCTION public.until_released() RETURNS void LANGUAGE plpgsql AS $$
BEGIN WHILE NOT EXISTS (SELECT FROM public.released) LOOP PERFORM pg_sleep(0.05); END LOOP; END $$;
CREATE OR REPLACE FUNCTION public.ccgraph_tsquery(search text) RETURNS tsquery LANGUAGE plpgsql AS $$
BEGIN PERFORM public.until_released(); RETURN 'x'::tsquery; END $$
"""
"""Every search lasts until the test releases it, as a heavy query lasts long on a large database."""

RELEASE = "INSERT INTO public.released DEFAULT VALUES"

SLOW_CHANGES = """
CREATE FUNCTION public.slow_project() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NEW.name LIKE 'heavy%' THEN PERFORM public.until_released(); END IF; RETURN NEW; END $$;
CREATE TRIGGER slow_project BEFORE INSERT ON public.projects
FOR EACH ROW EXECUTE FUNCTION public.slow_project()
"""
RUNNING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND state = 'active' AND wait_event = 'PgSleep'
"""
"""Other databases of the same server belong to tests that run at the same time."""

HEAVY = "query ($s: String!) { tasks(search: $s) { totalCount } }"
HEAVY_LIVE = "subscription ($s: String!) { live { tasks(search: $s) { totalCount } } }"
CHANGE = "mutation ($s: String!) { createProject(input: {name: $s}) { project { name } } }"
ME = "{ me { username } }"
LIVE = "subscription { live { me { username } } }"
EVENTS = "subscription ($s: [String!]) { mcpToolCallChanged(toolNames: $s) { operation } }"
FLOOD = 24


@pytest.fixture
async def tokens(database: Database, settings: Settings) -> dict[str, str]:
    """The tokens of two people."""
    policy = TokenPolicy(settings.signing_key())
    found = {}
    async with database.transaction() as connection:
        for statement in f"{SLOW};\n{SLOW_CHANGES}".split(";\n"):
            await connection.exec_driver_sql(statement)
        for name in ("flood", "other"):
            await add_user(connection, name, "correct horse", resource_quota={"api_calls_per_hour": 100_000})
            found[name] = (await issue_for_username(connection, policy, name, Origin())).token
    return found


async def ask(client: httpx.AsyncClient, token: str, query: str, **variables: Any) -> None:
    response = await client.post(
        "/graphql",
        json={"query": query, "variables": variables},
        headers={"authorization": f"Bearer {token}"},
    )
    assert "errors" not in response.json(), response.json()


@asynccontextmanager
async def over_http(server: LiveServer, token: str, query: str) -> AsyncIterator[None]:
    async with httpx.AsyncClient(base_url=server.url, timeout=PATIENCE) as client:
        tasks = [asyncio.create_task(ask(client, token, query, s=f"heavy{n}")) for n in range(FLOOD)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def over_websocket(server: LiveServer, token: str, query: str) -> AsyncIterator[None]:
    async with logged_in(server.websocket_url, token) as socket:
        for number in range(FLOOD):
            payload = {"query": query, "variables": {"s": f"heavy{number}"}}
            await socket.say(id=str(number), type="subscribe", payload=payload)
        yield


@pytest.mark.parametrize(
    ("door", "query", "heavy"),
    [
        (over_http, HEAVY, True),
        (over_http, CHANGE, True),
        (over_websocket, HEAVY, True),
        (over_websocket, CHANGE, True),
        (over_websocket, HEAVY_LIVE, True),
        (over_websocket, EVENTS, False),
    ],
    ids=["queries", "changes", "queries on a socket", "changes on a socket", "live queries", "subscriptions"],
)
async def test_others_do_not_wait_while_one_account_asks_for_much(
    live_server: LiveServer, tokens: dict[str, str], database: Database, door: Any, query: str, heavy: bool
) -> None:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=live_server.url, timeout=PATIENCE)
        )
        socket = await stack.enter_async_context(logged_in(live_server.websocket_url, tokens["other"]))
        number = 0

        async def query_() -> None:
            await ask(client, tokens["other"], ME)

        async def change() -> None:
            await ask(client, tokens["other"], CHANGE, s=f"light {number}")

        async def open_live() -> None:
            await socket.say(id=str(number), type="subscribe", payload={"query": LIVE})
            await socket.next(id_=str(number))
            await socket.say(id=str(number), type="complete")

        async def measured(work: Callable[[], Awaitable[None]]) -> float:
            nonlocal number
            number += 1
            began = time.monotonic()
            async with asyncio.timeout(PATIENCE):
                await work()
            return time.monotonic() - began

        works = (query_, change, open_live)
        idle = [[await measured(work) for _ in range(6)] for work in works]
        async with door(live_server, tokens["flood"], query):
            if heavy:
                await until(lambda: _some_run(database))
            busy: list[list[float]] = [[], [], []]
            for _ in range(6):
                # Past the half second for which a token is trusted, so that it is checked again.
                await asyncio.sleep(0.1)
                for delays, work in zip(busy, works, strict=True):
                    # One that waited for a place would wait for a heavy statement, and none has ended.
                    delays.append(await measured(work))
            if heavy:
                assert await _some_run(database), "the flood was over before the others were served"
                await _release(database)
    if not heavy:
        for alone, beside in zip(idle, busy, strict=True):
            assert statistics.median(beside) < 5 * statistics.median(alone) + 0.5, (alone, beside)


async def _some_run(database: Database) -> bool:
    return bool(await database.primary.fetchval(RUNNING))


async def _release(database: Database) -> None:
    async with database.writer.begin() as connection:
        await connection.exec_driver_sql(RELEASE)


async def test_an_account_has_half_of_the_connections_and_gets_all_answers(
    live_server: LiveServer, tokens: dict[str, str], database: Database
) -> None:
    async def half_run() -> bool:
        # Between two sleeps a search is not seen, for a moment.
        seen: list[int] = [await database.primary.fetchval(RUNNING) for _ in range(10)]
        return max(seen) == 2

    async with httpx.AsyncClient(base_url=live_server.url, timeout=PATIENCE) as client:
        flood = [asyncio.create_task(ask(client, tokens["flood"], HEAVY, s=f"x{n}")) for n in range(6)]
        await until(half_run)
        for _ in range(10):
            await ask(client, tokens["other"], ME)
            assert await half_run()
        await _release(database)
        await asyncio.gather(*flood)
