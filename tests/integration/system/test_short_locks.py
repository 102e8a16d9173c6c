"""What maintenance holds, it gives back within a second, however slow the rows are; users wait no longer."""

import asyncio
import time
from uuid import UUID

import asyncpg
import pytest

from app.config.settings import Settings
from app.maintenance import maintenance_of
from models.enums import MaintenanceOrigin
from services.core.database import Connection, Database
from services.core.principal import Principal
from services.projects.restoring import restore
from services.system import maintenance_work
from services.system.maintenance_work import IN_USE
from tests.support.acting import action
from tests.support.maintaining import beside, maintain, move, watch

LONGEST = 1.0
"""Seconds that a lock is held at most."""
SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(0.006);
    RETURN COALESCE(NEW, OLD);
END $$
"""
MANY = {
    "system_logs": (
        "INSERT INTO system_logs (level, category, module, message, created_at)"
        " SELECT 'INFO', 'c', 'm', 'x', now() - INTERVAL '200 days' FROM generate_series(1, 1000)"
    ),
    "auth_tokens": (
        "INSERT INTO auth_tokens (user_id, token_type, expires_at)"
        " SELECT {user}, 'access', now() - INTERVAL '1 year' FROM generate_series(1, 500)"
    ),
    "tasks": (
        "INSERT INTO tasks (project_id, name, task_type, status, started_at, lease_expires_at)"
        " SELECT {project}, 'x', 'testing', 'RUNNING', now(), now() - INTERVAL '1 day'"
        " FROM generate_series(1, 300)"
    ),
    "websocket_sessions": (
        "INSERT INTO websocket_sessions (user_id, transport, connected_at, last_seen)"
        " SELECT {user}, 'websocket', now() - INTERVAL '2 days', now() - INTERVAL '1 day'"
        " FROM generate_series(1, 300)"
    ),
    "mcp_messages": (
        "INSERT INTO mcp_messages (message_type, method, params, created_at)"
        " SELECT 'request', 'x', jsonb_build_object('a', repeat('x', 20000)), now() - INTERVAL '1 year'"
        " FROM generate_series(1, 300)"
    ),
}
"""By table, rows that are due; with the trigger a first batch of them would take longer than a second."""
DONE_AS = {"websocket_sessions": "lost_connections"}
"""What a run tells of them, where it is not the table's name."""


async def change(url: str, table: str, waits: list[float]) -> None:
    """A user who changes rows that maintenance is about to remove, again and again."""
    connection = await asyncpg.connect(url)
    try:
        while True:
            begun = time.perf_counter()
            await connection.execute(
                f"UPDATE {table} SET id = id WHERE ctid = (SELECT ctid FROM {table} LIMIT 1)"
            )
            waits.append(time.perf_counter() - begun)
            await asyncio.sleep(0.05)
    finally:
        connection.terminate()


@pytest.mark.parametrize("table", MANY)
async def test_no_batch_holds_a_lock_for_longer_than_a_second(
    settings: Settings, database: Database, plain: Connection, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance_work, "REST", 0.2)  # what is held while it rests is nothing
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    user = await plain.fetchval(
        "INSERT INTO users (username, hashed_password) VALUES ('somebody', 'x') RETURNING id"
    )
    project = await plain.fetchval(
        "INSERT INTO projects (name, owner_id) VALUES ('alpha', $1) RETURNING project_id", user
    )
    await maintain(settings, database)
    await plain.execute(MANY[table].format(user=user, project=f"'{project}'::uuid"))
    due = await plain.fetchval(f"SELECT count(*) FROM {table}")
    await plain.execute(SLOW)
    await plain.execute(
        f"CREATE TRIGGER slow BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION slow()"
    )
    seen: list[float] = []
    waits: list[float] = []
    gaps: list[float] = []
    async with beside(watch(url, seen, gaps), change(url, table, waits)):
        first = await maintenance_of(settings, database).run(MaintenanceOrigin.COMMAND)
    # The row that is changed again and again may be left for the next run.
    assert first is not None
    assert {outcome.error for outcome in first} <= {None, IN_USE}
    rest = await maintain(settings, database)
    done = DONE_AS.get(table, table)
    assert sum(outcome.done.get(done, 0) for outcome in (*first, *rest.values())) == due
    assert seen, "nothing was seen at work"
    assert max(seen) < LONGEST + max(gaps)
    assert len(waits) > 10
    assert max(waits) < 2 * LONGEST + max(gaps), "a user waited for longer than a batch"


async def archived_project(plain: Connection, sessions: int) -> tuple[int, UUID, int]:
    """A project that is due to move, with 300 messages and some sessions: its owner, its UUID and its id."""
    user = await plain.fetchval(
        "INSERT INTO users (username, hashed_password) VALUES ('somebody', 'x') RETURNING id"
    )
    [(project, number)] = await plain.fetch(
        "INSERT INTO projects (name, owner_id, status, archived_at)"
        " VALUES ('alpha', $1, 'archived', now() - INTERVAL '1 year') RETURNING project_id, id",
        user,
    )
    instance = await plain.fetchval(
        "INSERT INTO cc_instances (name, type, status, project_id)"
        " VALUES ('one', 'PARENT', 'STOPPED', $1) RETURNING id",
        project,
    )
    await plain.execute(
        "INSERT INTO mcp_messages (message_type, method, cc_instance_id)"
        " SELECT 'request', 'x', $1 FROM generate_series(1, 300)",
        instance,
    )
    await plain.execute(
        "INSERT INTO sessions (user_id, name, project_id) SELECT $1, 's', $2"
        " FROM generate_series(1, $3::int)",
        *(user, number, sessions),
    )
    return user, project, number


async def test_a_project_that_moves_holds_no_session_for_longer_than_a_second(
    settings: Settings, database: Database, plain: Connection
) -> None:
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    await archived_project(plain, 20)
    await plain.execute(SLOW)
    await plain.execute(
        "CREATE TRIGGER slow BEFORE DELETE ON mcp_messages FOR EACH ROW EXECUTE FUNCTION slow()"
    )
    seen: list[float] = []
    gaps: list[float] = []
    waits: list[float] = []
    async with beside(watch(url, seen, gaps), change(url, "sessions", waits)):
        done: dict[str, int] = {}
        # A change may hold the project while a run looks for one that is free.
        while not done:
            done = dict((await maintain(settings, database))["archiving"].done)
    assert done == {"projects": 1}
    assert await plain.fetchval("SELECT count(*) FROM mcp_messages_archive") == 300
    assert await plain.fetchval("SELECT count(*) FROM sessions WHERE project_id IS NULL") == 20
    assert max(seen) < LONGEST + max(gaps)
    assert len(waits) > 10
    assert max(waits) < 2 * LONGEST + max(gaps), "a user waited for longer than a batch"


async def test_a_project_that_comes_back_holds_no_session_for_longer_than_a_second(
    settings: Settings, database: Database, plain: Connection
) -> None:
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    user, project, number = await archived_project(plain, 200)
    assert await move(database, project)
    await plain.execute(SLOW)
    for table, event in (("mcp_messages", "INSERT"), ("sessions", "UPDATE")):
        await plain.execute(
            f"CREATE TRIGGER slow BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION slow()"
        )
    seen: list[float] = []
    gaps: list[float] = []
    waits: list[float] = []
    who = Principal(user, "somebody", False)
    async with beside(watch(url, seen, gaps), change(url, "sessions", waits)):
        await restore(action(database, who), number)
    assert await plain.fetchval("SELECT count(*) FROM mcp_messages") == 300
    assert await plain.fetchval("SELECT count(*) FROM sessions WHERE project_id = $1", number) == 200
    assert await plain.fetchval("SELECT status FROM projects") == "active"
    assert max(seen) < LONGEST + max(gaps)
    assert len(waits) > 10
    assert max(waits) < 2 * LONGEST + max(gaps), "a user waited for longer than a batch"
