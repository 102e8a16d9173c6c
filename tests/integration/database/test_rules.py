"""What the database refuses and what it fills in, for all writers."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from models import metadata
from models.operation_counts import COUNTS
from models.types import Choice
from tests.integration.database.catalog import Connection

USER = "INSERT INTO users (username, email, hashed_password) VALUES ($1, $2, 'x')"


@pytest.mark.parametrize("username", ["abc", "Ann_Lee-7", "x" * 50])
async def test_a_username_of_letters_digits_dashes_and_underscores_is_taken(
    passing: Connection, username: str
) -> None:
    await passing.execute(USER, username, None)
    assert await passing.fetchval("SELECT username FROM users") == username


@pytest.mark.parametrize("username", ["ab", "", "a b c", "日本語の名前", "a.b.c", "abc\n", "x" * 51])
async def test_another_username_is_refused(passing: Connection, username: str) -> None:
    with pytest.raises((asyncpg.CheckViolationError, asyncpg.StringDataRightTruncationError)):
        async with passing.transaction():
            await passing.execute(USER, username, None)
    assert await passing.fetchval("SELECT count(*) FROM users") == 0


@pytest.mark.parametrize("email", ["a@example.com", "First.Last+tag@sub.example.co.jp", "A@EXAMPLE.JP"])
async def test_an_address_with_a_domain_is_taken(passing: Connection, email: str) -> None:
    await passing.execute(USER, "hanako", email)
    assert await passing.fetchval("SELECT email FROM users") == email


@pytest.mark.parametrize("email", ["", "a", "a@b", "@example.com", "a@example.c", "a b@example.com"])
async def test_another_address_is_refused(passing: Connection, email: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        async with passing.transaction():
            await passing.execute(USER, "hanako", email)
    assert await passing.fetchval("SELECT count(*) FROM users") == 0


async def test_an_address_belongs_to_one_account_and_many_accounts_have_none(passing: Connection) -> None:
    await passing.execute(USER, "hanako", "a@example.com")
    await passing.execute(USER, "taro", None)
    await passing.execute(USER, "jiro", None)
    with pytest.raises(asyncpg.UniqueViolationError):
        async with passing.transaction():
            await passing.execute(USER, "saburo", "a@example.com")
    assert await passing.fetchval("SELECT count(*) FROM users") == 3


async def test_a_container_runs_one_session_and_many_sessions_have_none(passing: Connection) -> None:
    owner = await make_owner(passing)
    statement = "INSERT INTO sessions (name, user_id, container_id) VALUES ('s', $1, $2)"
    for container in (None, None, "c1"):
        await passing.execute(statement, owner, container)
    with pytest.raises(asyncpg.UniqueViolationError):
        async with passing.transaction():
            await passing.execute(statement, owner, "c1")
    assert await passing.fetchval("SELECT count(*) FROM sessions") == 3


COPIED = {counts.table for counts in COUNTS.values()}
"""Triggers write these tables, from columns that have the check."""


def closed_lists() -> list[Any]:
    return [
        pytest.param(table.name, column.name, column.type, id=f"{table.name}.{column.name}")
        for table in metadata.sorted_tables
        if not table.info.get("view", False) and not table.name.endswith("_archive")
        if table.name not in COPIED
        for column in table.columns
        if isinstance(column.type, Choice)
    ]


@pytest.mark.parametrize(("table", "column", "kind"), closed_lists())
async def test_a_closed_list_is_held_by_a_check_with_exactly_its_values(
    passing: Connection, table: str, column: str, kind: Choice[Any]
) -> None:
    definitions = await passing.fetch(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'c'"
        " AND conkey = (SELECT ARRAY[attnum] FROM pg_attribute"
        " WHERE attrelid = $1::regclass AND attname = $2)",
        table,
        column,
    )
    condition = " AND ".join(row[0].removeprefix("CHECK ") for row in definitions)
    values = [member.value for member in kind.enum_class]
    for value, accepted in [*((value, True) for value in values), ("something else", False), ("", False)]:
        query = f'SELECT {condition} FROM (SELECT $1::text AS "{column}") AS given'
        assert await passing.fetchval(query, value) is accepted


@pytest.mark.parametrize(("priority", "accepted"), [(1, True), (10, True), (0, False), (11, False)])
async def test_a_task_has_a_priority_from_1_to_10(passing: Connection, priority: int, accepted: bool) -> None:
    statement = "INSERT INTO tasks (name, task_type, priority) VALUES ('t', 'design', $1)"
    if accepted:
        await passing.execute(statement, priority)
    else:
        with pytest.raises(asyncpg.CheckViolationError):
            async with passing.transaction():
                await passing.execute(statement, priority)
    assert await passing.fetchval("SELECT count(*) FROM tasks") == int(accepted)


@pytest.mark.parametrize(
    ("columns", "values", "expected"),
    [
        ("workdir, local_path", "'/given', '/local'", "/given"),
        ("local_path", "'/local'", "/local"),
        ("description", "'without a path'", None),
        ("workdir", "NULL", None),
    ],
)
async def test_a_project_without_a_working_directory_gets_one(
    passing: Connection, columns: str, values: str, expected: str | None
) -> None:
    owner = await make_owner(passing)
    row = await passing.fetchrow(
        f"INSERT INTO projects (name, owner_id, {columns}) VALUES ('p', $1, {values})"
        " RETURNING workdir, project_id",
        owner,
    )
    assert row is not None
    assert row["workdir"] == (expected or f"projects/{row['project_id']}")


async def test_a_later_change_has_a_later_time_even_when_its_transaction_began_earlier(
    plain: Connection, database_url: str
) -> None:
    owner = await make_owner(plain)
    older = await asyncpg.connect(database_url)
    try:
        async with older.transaction():
            await older.fetchval("SELECT NOW()")
            first = await plain.fetchval("UPDATE users SET last_login = NOW() RETURNING updated_at")
            second = await older.fetchval("UPDATE users SET login_count = 2 RETURNING updated_at")
    finally:
        await older.close()
    assert second > first
    assert await plain.fetchval("SELECT updated_at FROM users WHERE id = $1", owner) == second


async def test_a_new_uuid_key_is_version_7_and_sorts_by_time(passing: Connection) -> None:
    keys: list[UUID] = [await passing.fetchval("SELECT ccgraph_uuid7()") for _ in range(50)]
    assert {key.version for key in keys} == {7}
    assert {key.variant for key in keys} == {"specified in RFC 4122"}
    assert keys == sorted(keys)
    milliseconds = keys[-1].int >> 80
    age = datetime.now(UTC) - datetime.fromtimestamp(milliseconds / 1000, UTC)
    assert abs(age) < timedelta(minutes=1)


async def test_a_project_takes_its_rows_along_and_leaves_the_audit(passing: Connection) -> None:
    owner = await make_owner(passing)
    project = await passing.fetchval(
        "INSERT INTO projects (name, owner_id) VALUES ('p', $1) RETURNING project_id", owner
    )
    parent = await passing.fetchval(
        "INSERT INTO cc_instances (project_id, name, type, status) VALUES ($1, 'a', 'PARENT', 'IDLE')"
        " RETURNING id",
        project,
    )
    child = await passing.fetchval(
        "INSERT INTO cc_instances (project_id, name, type, status, parent_instance_id)"
        " VALUES ($1, 'b', 'CHILD', 'IDLE', $2) RETURNING id",
        project,
        parent,
    )
    task = await passing.fetchval(
        "INSERT INTO tasks (project_id, name, task_type, assigned_to) VALUES ($1, 't', 'design', $2)"
        " RETURNING id",
        project,
        child,
    )
    await passing.execute(
        "INSERT INTO git_worktrees (project_id, cc_instance_id, task_id, worktree_name, worktree_path,"
        " base_branch) VALUES ($1, $2, $3, 'w', '/w', 'main')",
        project,
        child,
        task,
    )
    await passing.execute(
        "INSERT INTO websocket_notifications (project_id, event_type, event_name, payload, delivery_status)"
        " VALUES ($1, 'progress', 'e', '{}', 'sent')",
        project,
    )
    message = await passing.fetchval(
        "INSERT INTO mcp_messages (cc_instance_id, message_type) VALUES ($1, 'request') RETURNING id", child
    )
    await passing.execute(
        "INSERT INTO mcp_tool_calls (cc_instance_id, message_id, tool_name, arguments, status)"
        " VALUES ($1, $2, 'git_status', '{}', 'running')",
        child,
        message,
    )
    await passing.execute(
        "INSERT INTO ultrathink_messages (parent_instance_id, child_instance_id, task_id, instruction_type,"
        " instruction_content, status) VALUES ($1, $2, $3, 'termination', 'stop', 'sent')",
        parent,
        child,
        task,
    )
    await passing.execute(
        "INSERT INTO cc_logs (cc_instance_id, task_id, log_level, category, message)"
        " VALUES ($1, $2, 'info', 'task', 'm')",
        child,
        task,
    )
    await passing.execute(
        "INSERT INTO task_logs (cc_instance_id, task_id, log_level, phase, message)"
        " VALUES ($1, $2, 'info', 'setup', 'm')",
        child,
        task,
    )

    await passing.execute("DELETE FROM projects")

    for table in ("cc_instances", "tasks", "git_worktrees", "websocket_notifications"):
        assert (table, await passing.fetchval(f"SELECT count(*) FROM {table}")) == (table, 0)
    for table in ("mcp_messages", "mcp_tool_calls", "cc_logs", "task_logs"):
        assert (table, await passing.fetchval(f"SELECT cc_instance_id FROM {table}")) == (table, None)
        assert (table, await passing.fetchval(f"SELECT count(*) FROM {table}")) == (table, 1)
    row = await passing.fetchrow(
        "SELECT parent_instance_id, child_instance_id, task_id FROM ultrathink_messages"
    )
    assert row is not None
    assert set(row.values()) == {None}


async def make_owner(connection: Connection) -> int:
    owner: int = await connection.fetchval(
        "INSERT INTO users (username, hashed_password) VALUES ('hanako', 'x') RETURNING id"
    )
    return owner
