"""The documents' views count what they say."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.integration.database.catalog import Connection

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = date(2026, 11, 20)


@pytest.fixture
async def project(passing: Connection) -> UUID:
    await passing.execute("INSERT INTO users (id, username, hashed_password) VALUES (1, 'hanako', 'x')")
    key: UUID = await passing.fetchval(
        "INSERT INTO projects (name, owner_id) VALUES ('orders', 1) RETURNING project_id"
    )
    return key


async def make_instance(connection: Connection, project: UUID, name: str, **values: Any) -> UUID:
    key: UUID = await connection.fetchval(
        "INSERT INTO cc_instances (project_id, name, type, status, parent_instance_id, last_heartbeat)"
        " VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
        project,
        name,
        "CHILD" if "parent" in values else "PARENT",
        values.get("status", "RUNNING"),
        values.get("parent"),
        values.get("heartbeat"),
    )
    return key


async def make_task(
    connection: Connection, project: UUID, status: str, minutes: int | None = None, by: UUID | None = None
) -> None:
    await connection.execute(
        "INSERT INTO tasks (project_id, name, task_type, status, actual_duration_minutes, assigned_to,"
        " started_at) VALUES ($1, 't', 'testing', $2, $3, $4, $5)",
        project,
        status,
        minutes,
        by,
        NOON if by else None,
    )


async def rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await connection.fetch(query)]


async def test_messages_are_counted_by_day_and_method(passing: Connection) -> None:
    for method, milliseconds, error in [("a", 10, None), ("a", 30, '{"code": 1}'), ("b", None, None)]:
        await passing.execute(
            "INSERT INTO mcp_messages (message_type, method, processing_time_ms, error, created_at)"
            " VALUES ('response', $1, $2, $3, $4)",
            method,
            milliseconds,
            error,
            NOON,
        )
    assert await rows(passing, "SELECT * FROM mcp_message_stats ORDER BY method") == [
        (DAY, "a", 2, Decimal(20), 1),
        (DAY, "b", 1, None, 1),
    ]


async def test_a_day_is_a_day_in_utc(passing: Connection) -> None:
    await passing.execute("SET LOCAL timezone = 'Asia/Tokyo'")
    await passing.execute(
        "INSERT INTO mcp_messages (message_type, created_at) VALUES ('request', $1)",
        NOON.replace(hour=23),
    )
    assert await passing.fetchval("SELECT date FROM mcp_message_stats") == DAY


async def test_efficiency_is_the_share_of_completed_tasks(passing: Connection, project: UUID) -> None:
    for status, minutes in [("COMPLETED", 10), ("COMPLETED", 20), ("FAILED", None), ("PENDING", None)]:
        await make_task(passing, project, status, minutes)
    assert await rows(passing, "SELECT * FROM task_execution_efficiency") == [
        (project, 4, Decimal(15), 2, 50.0)
    ]


async def test_instances_side_by_side_are_those_that_tasks_were_assigned_to(
    passing: Connection, project: UUID
) -> None:
    one, two = [await make_instance(passing, project, name) for name in ("one", "two")]
    await make_task(passing, project, "COMPLETED", 10, by=one)
    await make_task(passing, project, "COMPLETED", 20, by=one)
    await make_task(passing, project, "COMPLETED", 60, by=two)
    await make_task(passing, project, "RUNNING", 99, by=two)
    assert await rows(passing, "SELECT * FROM parallel_execution_stats") == [(DAY, 2, 3, Decimal(30), 10, 60)]


async def test_active_instances_come_with_their_parent_and_the_liveliest_first(
    passing: Connection, project: UUID
) -> None:
    parent = await make_instance(passing, project, "parent", heartbeat=NOON)
    await make_instance(
        passing, project, "child", parent=parent, status="IDLE", heartbeat=NOON + timedelta(1)
    )
    await make_instance(passing, project, "stopped", status="STOPPED")
    await make_instance(passing, project, "failed", status="ERROR")
    found = await rows(passing, "SELECT cc_instance_name, parent_instance_name FROM active_cc_instances")
    assert found == [("child", "parent"), ("parent", None)]


async def test_a_parent_of_another_project_is_not_named(passing: Connection, project: UUID) -> None:
    other = await passing.fetchval(
        "INSERT INTO projects (name, owner_id) VALUES ('secret', 1) RETURNING project_id"
    )
    parent = await make_instance(passing, other, "parent", status="STOPPED")
    await make_instance(passing, project, "child", parent=parent, status="IDLE")
    found = await rows(passing, "SELECT cc_instance_name, parent_instance_name FROM active_cc_instances")
    assert found == [("child", None)]


async def test_errors_are_counted_by_day_category_and_level(passing: Connection) -> None:
    for level, category in [("error", "git"), ("error", "git"), ("fatal", "mcp"), ("warn", "git")]:
        await passing.execute(
            "INSERT INTO cc_logs (log_level, category, message, created_at) VALUES ($1, $2, 'm', $3)",
            level,
            category,
            NOON,
        )
    assert await rows(passing, "SELECT * FROM error_summary") == [
        (DAY, "git", "error", 2),
        (DAY, "mcp", "fatal", 1),
    ]


async def test_project_statistics_count_tasks(passing: Connection, project: UUID) -> None:
    await make_task(passing, project, "PENDING")
    await make_task(passing, project, "COMPLETED")
    assert await rows(passing, "SELECT id, name, status, task_count FROM readonly_project_stats") == [
        (project, "orders", "active", 2)
    ]
