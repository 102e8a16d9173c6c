"""A selection that fails, or takes long, over every transport and in every stream: the others hear it all."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
import pytest

from app.config.settings import Settings
from tests.acceptance.subscriptions.conftest import Fleet, PlainSql
from tests.support.graphql_ws import logged_in
from tests.support.serving import LiveServer
from tests.support.sse import open_stream
from tests.support.waiting import PATIENCE

Hear: TypeAlias = Callable[[], Awaitable[Any]]
"""The next response of a subscription, or its errors."""

BROKEN = "actor { notificationSettings { nodes { webhookUrl } } }"
"""A selection that can be prepared, and fails when `act` has been done."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Statements that take long are soon stopped."""
    return settings.model_copy(update={"statement_timeout": 3.0})


@pytest.fixture
async def locker(database_url: str) -> AsyncIterator[PlainSql]:
    """A further connection of another program."""
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(database_url)
    yield PlainSql(connection)
    await connection.close()


@asynccontextmanager
async def over_websocket(server: LiveServer, token: str, query: str) -> AsyncIterator[Hear]:
    """Subscribe over WebSocket."""
    async with logged_in(server.websocket_url, token) as opened:
        await opened.subscribe(query)

        async def hear() -> Any:
            payload = (await opened.hear())["payload"]
            return payload if isinstance(payload, list) else payload.get("errors") or payload

        yield hear


@asynccontextmanager
async def over_sse(server: LiveServer, token: str, query: str) -> AsyncIterator[Hear]:
    """Subscribe over Server-Sent Events."""
    async with open_stream(server.url, token, query) as opened:

        async def hear() -> Any:
            event = await opened.hear()
            assert event is not None
            return event.body.get("errors") or event.body

        yield hear


async def act(sql: PlainSql, fleet: Fleet) -> None:
    """A change of the project and a log entry, both made by the owner."""
    await sql.connection.execute("ALTER TABLE notification_settings RENAME webhook_url TO renamed")
    async with sql.connection.transaction():
        await sql.connection.execute("SELECT set_config('ccgraph.actor_id', $1, true)", str(fleet.owner_id))
        await sql.set_status(fleet.instance_id, "RUNNING")
        await sql.connection.execute(
            "INSERT INTO system_logs (level, category, module, user_id, message)"
            " VALUES ('INFO', 'audit', 'api', $1, 'taskCreated')",
            fleet.owner_id,
        )


def fields(fleet: Fleet, selection: str) -> list[str]:
    """Subscriptions that hear of what `act` does, with a selection of an event."""
    return [
        f"subscription {{ ccInstanceStatusChanged {{ {selection} }} }}",
        f'subscription {{ ccInstanceStatusChanged(instanceId: "{fleet.instance_id}") {{ {selection} }} }}',
        f'subscription {{ changes(projectId: "{fleet.project_id}") {{ {selection} }} }}',
        f"subscription {{ logAppended {{ {selection} }} }}",
    ]


@pytest.mark.parametrize("transport", [over_websocket, over_sse])
async def test_a_selection_that_fails_ends_itself_only(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql, transport: Any
) -> None:
    async with AsyncExitStack() as stack:

        async def begin(token: str, query: str) -> Hear:
            hear: Hear = await stack.enter_async_context(transport(live_server, token, query))
            return hear

        broken = [await begin(fleet.owner_token, query) for query in fields(fleet, BROKEN)]
        good = [
            await begin(token, query)
            for token in (fleet.owner_token, fleet.administrator_token)
            for query in fields(fleet, "cursor at actor { id }")
        ]
        board = await begin(fleet.owner_token, "subscription { live { ccInstances { nodes { status } } } }")
        assert (await board())["data"]["live"]["ccInstances"]["nodes"] == [{"status": "IDLE"}]
        await act(sql, fleet)
        for hear in good:
            [event] = (await hear())["data"].values()
            assert event["cursor"]
        assert (await board())["data"]["live"]["ccInstances"]["nodes"] == [{"status": "RUNNING"}]
        for hear in broken:
            [error] = await hear()
            assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        await sql.set_status(fleet.instance_id, "ERROR")
        for hear in (good[0], good[4]):
            assert "data" in await hear()


@pytest.mark.parametrize("transport", [over_websocket, over_sse])
async def test_a_selection_that_takes_too_long_delays_and_ends_itself_only(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql, locker: PlainSql, transport: Any
) -> None:
    slow = "ccInstance { project { tasks(first: 500) { nodes { name } } } }"
    async with AsyncExitStack() as stack:

        async def begin(query: str) -> Hear:
            hear: Hear = await stack.enter_async_context(transport(live_server, fleet.owner_token, query))
            return hear

        late = await begin(f"subscription {{ ccInstanceStatusChanged {{ status {slow} }} }}")
        prompt = await begin("subscription { ccInstanceStatusChanged { status } }")
        # What the slow selection reads is locked, so its statement takes until it is stopped.
        async with locker.connection.transaction(), asyncio.timeout(PATIENCE):
            await locker.connection.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
            for status in ("RUNNING", "ERROR", "IDLE"):
                await sql.set_status(fleet.instance_id, status)
                assert (await prompt())["data"]["ccInstanceStatusChanged"]["status"] == status
            [error] = await late()
            assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
        await sql.set_status(fleet.instance_id, "RUNNING")
        assert (await prompt())["data"]["ccInstanceStatusChanged"]["status"] == "RUNNING"
