"""Where the rows of events are loaded: planned before the first event, and in nobody's way."""

import asyncio
from uuid import UUID

from app.config.settings import Settings
from app.database.connection_pool import ConnectionPool
from app.database.pools import FEED_CONNECTIONS
from services.core.database import Database
from services.feed.statement_connections import StatementConnections
from tests.integration.feed.conftest import Open, Writer, add_instance, heard, set_status
from tests.support.statements import Statements

STATUS = "subscription { ccInstanceStatusChanged { status ccInstance { name } } }"


async def test_a_statement_always_gets_the_same_connection(database: Database) -> None:
    connections = StatementConnections(database.primary, count=3, each=2)
    acquire = connections.for_account("account")
    try:
        async with acquire("SELECT 1") as first:
            pass
        async with acquire("SELECT 1") as second:
            assert second is first
    finally:
        await connections.release()


async def test_statements_get_their_connections_in_turn_and_keep_them(database: Database) -> None:
    connections = StatementConnections(database.primary, count=3, each=3)
    acquire = connections.for_account("account")
    used: list[list[int]] = []
    try:
        for _ in range(2):
            used.append([])
            for number in range(6):
                async with acquire(f"SELECT {number}") as connection:
                    used[-1].append(await connection.fetchval("SELECT pg_backend_pid()"))
    finally:
        await connections.release()

    assert used[0] == used[1]
    assert used[0][:3] == used[0][3:]
    assert len({*used[0]}) == 3


async def test_what_loads_an_event_was_planned_when_the_first_one_subscribed(
    subscribe: Open, writer: Writer, project_id: UUID, statements: Statements
) -> None:
    instance = await add_instance(writer, project_id)
    listening = await subscribe(STATUS)
    before = _loads(statements)
    assert len(before) == 1
    await subscribe(STATUS)
    await set_status(writer, instance, "RUNNING")
    assert (await heard(listening))["status"] == "RUNNING"
    assert _loads(statements) == before * 2


async def test_events_come_while_every_connection_for_queries_is_busy(
    subscribe: Open, writer: Writer, project_id: UUID, database: Database, settings: Settings
) -> None:
    instance = await add_instance(writer, project_id)
    listening = await subscribe(STATUS)
    await set_status(writer, instance, "RUNNING")
    await heard(listening)
    everything = settings.read_pool_size + FEED_CONNECTIONS
    pool = database.primary
    assert isinstance(pool, ConnectionPool)
    taking = [asyncio.ensure_future(pool.acquire()) for _ in range(everything)]
    try:
        await asyncio.wait(taking[: settings.read_pool_size])
        await set_status(writer, instance, "ERROR")
        assert (await heard(listening))["status"] == "ERROR"
    finally:
        for task in taking:
            task.cancel()
        for task in taking:
            if not task.cancelled() and task.done():
                pool.release(task.result())


def _loads(statements: Statements) -> list[str]:
    return [text for text in statements if "AS wanted (key, viewer, place)" in text]
