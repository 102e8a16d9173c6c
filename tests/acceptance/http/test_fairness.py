"""One account that asks for as much as it can, and others who ask meanwhile."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from app.config.settings import Settings
from services.accounts.accounts import add_user
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.principal import Origin
from tests.support.serving import LiveServer
from tests.support.waiting import PATIENCE

SLOW = """
CREATE OR REPLACE FUNCTION public.ccgraph_tsquery(search text) RETURNS tsquery LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_sleep(1.5); RETURN 'x'::tsquery; END $$
"""
"""Every search takes 1.5 seconds, as a heavy query does on a large database."""

HEAVY = "query ($s: String!) { tasks(search: $s) { totalCount } }"
MOST_DELAY = 0.3
"""Seconds on a machine with other work; some milliseconds on one without."""


@pytest.fixture
async def tokens(database: Database, settings: Settings) -> dict[str, dict[str, str]]:
    """The headers of two people."""
    policy = TokenPolicy(settings.signing_key())
    found = {}
    async with database.transaction() as connection:
        await connection.exec_driver_sql(SLOW)
        for name in ("flood", "other"):
            await add_user(connection, name, "correct horse", resource_quota={"api_calls_per_hour": 100_000})
            issued = await issue_for_username(connection, policy, name, Origin())
            found[name] = {"authorization": f"Bearer {issued.token}"}
    return found


async def test_others_do_not_wait_while_one_account_asks_for_much(
    live_server: LiveServer, tokens: dict[str, dict[str, str]]
) -> None:
    async with httpx.AsyncClient(base_url=live_server.url, timeout=PATIENCE) as client:

        async def ask(name: str, query: str, **variables: Any) -> float:
            began = time.monotonic()
            body = {"query": query, "variables": variables}
            response = await client.post("/graphql", json=body, headers=tokens[name])
            assert "errors" not in response.json(), response.json()
            return time.monotonic() - began

        await ask("other", "{ me { username } }")
        flood = [asyncio.create_task(ask("flood", HEAVY, s=f"x{number}")) for number in range(8)]
        await asyncio.sleep(0.2)
        delays = []
        for _ in range(10):
            # Past the half second for which a token is trusted, so that it is checked again.
            await asyncio.sleep(0.15)
            delays.append(await ask("other", "{ me { username } }"))
        assert not all(task.done() for task in flood)
        assert max(delays) < MOST_DELAY
        taken = await asyncio.gather(*flood)
        assert max(taken) > 4, "two at a time"
