"""The versions build what the models say, up, down and up again, also when two processes start at once."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

import models
from migrations import run
from models import (
    feed,
    maintenance,
    named_paths,
    operation_counts,
    search,
    server_starts,
    tool_calls,
    triggers,
    views,
)
from tests.integration.database.catalog import Connection, read_catalog
from tests.support.postgres15 import Postgres15
from tests.support.server import TestServer

FUNCTIONS = (
    *triggers.FUNCTIONS,
    *search.FUNCTIONS,
    *maintenance.FUNCTIONS,
    *operation_counts.FUNCTIONS,
    *named_paths.FUNCTIONS,
    *tool_calls.FUNCTIONS,
    *feed.FUNCTIONS,
    *server_starts.FUNCTIONS,
)
TRIGGERS = (
    *triggers.TRIGGERS,
    *feed.TRIGGERS,
    *operation_counts.TRIGGERS,
    *named_paths.TRIGGERS,
    *tool_calls.TRIGGERS,
)

OBJECTS = """
SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""
FUNCTION_TEXTS = """
SELECT proname::text AS name, pg_get_functiondef(oid) AS text FROM pg_proc
WHERE pronamespace = 'public'::regnamespace
"""
TRIGGER_TEXTS = """
SELECT tgname::text AS name, pg_get_triggerdef(oid) AS text FROM pg_trigger
WHERE NOT tgisinternal AND tgparentid = 0
"""
VIEW_TEXTS = "SELECT viewname::text AS name, definition AS text FROM pg_views WHERE schemaname = 'public'"


@pytest.fixture
def empty_url(postgres: TestServer | Postgres15) -> Iterator[str]:
    """A database without anything of ours."""
    with postgres.clone("template0") as url:
        yield url


async def names_in(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        return {row[0] for row in await connection.fetch(OBJECTS)}
    finally:
        await connection.close()


async def test_down_removes_everything_and_up_again_builds_the_same(empty_url: str) -> None:
    await run.upgrade(empty_url)
    built = await names_in(empty_url)
    await run.downgrade(empty_url)
    assert await run.current(empty_url) is None
    assert await names_in(empty_url) == {"alembic_version", "alembic_version_pkc"}
    await run.upgrade(empty_url)
    assert await run.current(empty_url) == run.head()
    assert await names_in(empty_url) == built


@pytest.mark.parametrize("revision", ["0001", "0002"])
async def test_each_step_can_be_taken_back_alone(empty_url: str, revision: str) -> None:
    await run.upgrade(empty_url, revision)
    before = await names_in(empty_url)
    await run.upgrade(empty_url)
    await run.downgrade(empty_url, revision)
    assert await names_in(empty_url) == before


async def test_events_are_written_and_kept_while_the_triggers_of_updates_are_replaced(empty_url: str) -> None:
    async def look(status: str) -> tuple[dict[str, str], list[str]]:
        connection = await asyncpg.connect(empty_url)
        try:
            await connection.execute("UPDATE cc_instances SET status = $1", status)
            rows = await connection.fetch(f"{FUNCTION_TEXTS} UNION ALL {TRIGGER_TEXTS}")
            events = await connection.fetch("SELECT new ->> 'status' FROM change_events ORDER BY seq")
            return {row["name"]: row["text"] for row in rows}, [event[0] for event in events]
        finally:
            await connection.close()

    await run.upgrade(empty_url, "0010")
    connection = await asyncpg.connect(empty_url)
    await connection.execute("INSERT INTO cc_instances (name, type, status) VALUES ('one', 'PARENT', 'IDLE')")
    await connection.close()
    before, events = await look("RUNNING")
    assert events == ["IDLE", "RUNNING"]
    await run.upgrade(empty_url, "0011")
    replaced, events = await look("STOPPED")
    assert replaced != before
    assert events == ["IDLE", "RUNNING", "STOPPED"]
    await run.downgrade(empty_url, "0010")
    assert await look("ERROR") == (before, ["IDLE", "RUNNING", "STOPPED", "ERROR"])


async def test_events_without_names_have_them_after_a_downgrade(empty_url: str) -> None:
    async def change(status: str) -> None:
        connection = await asyncpg.connect(empty_url)
        try:
            await connection.execute("UPDATE tasks SET status = $1, parent_task_id = NULL", status)
        finally:
            await connection.close()

    async def events() -> list[tuple[Any, Any]]:
        connection = await asyncpg.connect(empty_url)
        try:
            rows = await connection.fetch("SELECT old, new FROM change_events ORDER BY seq")
            return [
                (row["old"] and json.loads(row["old"]), row["new"] and json.loads(row["new"])) for row in rows
            ]
        finally:
            await connection.close()

    def task(status: str) -> dict[str, Any]:
        empty = dict.fromkeys(("project_id", "parent_task_id", "assigned_to"))
        return {**empty, "name": "one", "status": status, "priority": 3, "task_type": "development"}

    def values(status: str) -> list[Any]:
        return [*map(task(status).get, feed.RECORDED["tasks"])]

    await run.upgrade(empty_url, "0030")
    connection = await asyncpg.connect(empty_url)
    await connection.execute(
        "INSERT INTO tasks (name, status, priority, task_type) VALUES ('one', 'PENDING', 3, 'development')"
    )
    await connection.close()
    await run.upgrade(empty_url, "0033")
    await change("QUEUED")
    first = (None, task("PENDING"))
    assert await events() == [first, (values("PENDING"), values("QUEUED"))]
    await run.downgrade(empty_url, "0030")
    await change("RUNNING")
    assert await events() == [
        first,
        (task("PENDING"), task("QUEUED")),
        (task("QUEUED"), task("RUNNING")),
    ]


async def test_two_processes_that_migrate_at_once_build_it_once(empty_url: str) -> None:
    said: list[str] = []
    await asyncio.gather(*(run.upgrade(empty_url, progress=said.append) for _ in range(3)))
    assert [line for line in said if "0001" in line] == ["migrated up: 0001"]
    assert await run.current(empty_url) == run.head()


async def test_a_migration_that_must_wait_says_so(empty_url: str) -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    async with run.connect(empty_url) as other:
        await other.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": run.LOCK})
        waiting = asyncio.create_task(run.upgrade(empty_url, progress=said.put_nowait))
        assert await said.get() == "another process is migrating this database; waiting for it"
        assert await run.current(empty_url) is None
    await waiting
    assert await run.current(empty_url) == run.head()


async def test_autogenerate_finds_nothing_to_do(database_url: str) -> None:
    await run.check(database_url)


async def test_the_versions_build_the_tables_that_the_models_describe(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("CREATE SCHEMA drawn")
        async with run.connect(database_url) as engine:
            await engine.run_sync(
                lambda synchronous: models.metadata.create_all(
                    synchronous.execution_options(schema_translate_map={None: "drawn"}),
                    tables=[
                        table for table in models.metadata.sorted_tables if not table.info.get("view", False)
                    ],
                    checkfirst=False,
                )
            )
            await engine.commit()
        async with connection.transaction():
            built = await read_catalog(connection, "public")
            drawn = await read_catalog(connection, "drawn")
    finally:
        await connection.close()
    ours = drawn.tables
    assert {key: value for key, value in built.columns.items() if key[0] in ours} == drawn.columns
    assert {key: value for key, value in built.constraints.items() if key[0] in ours} == drawn.constraints
    assert {key: value for key, value in built.indexes.items() if key[0] in ours} == drawn.indexes
    assert {key: value for key, value in built.comments.items() if key[0] in ours} == drawn.comments


async def test_views_bear_the_models_comments(passing: Connection) -> None:
    built = await read_catalog(passing, "public")
    for table in models.metadata.tables.values():
        if table.info.get("view", False):
            assert built.comments[table.name, ""] == table.comment
            for column in table.columns:
                assert built.columns[table.name, column.name]["comment"] == column.comment


async def test_the_versions_make_the_functions_triggers_and_views_that_the_models_describe(
    passing: Connection,
) -> None:
    async def texts() -> dict[str, dict[str, str]]:
        return {
            query: {row["name"]: row["text"] for row in await passing.fetch(query)}
            for query in (FUNCTION_TEXTS, TRIGGER_TEXTS, VIEW_TEXTS)
        }

    built = await texts()
    for name, table in re.findall(r"TRIGGER (\w+) .*? ON (\w+)", "\n".join(TRIGGERS)):
        await passing.execute(f"DROP TRIGGER {name} ON {table}")
    for statement in (*FUNCTIONS, *TRIGGERS, *views.VIEWS.values()):
        await passing.execute(statement)
    assert await texts() == built
    assert len(built[FUNCTION_TEXTS]) == len(FUNCTIONS)
    assert len(built[TRIGGER_TEXTS]) == len(TRIGGERS)
    assert len(built[VIEW_TEXTS]) == len(views.VIEWS)
