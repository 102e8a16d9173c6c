"""Rows of every table are created, changed and deleted by those who may, and by nobody else."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from uuid_utils.compat import uuid7

from models.enums import TaskStatus
from services.core.database import Database
from services.core.errors import BadInput, Conflict, DomainError, Forbidden, NotFound, QuotaExceeded
from services.core.principal import Principal
from services.writing.appending import append
from services.writing.rows import create, delete, update
from services.writing.tables import TABLES
from tests.integration.writing.conftest import BY_ADMINISTRATORS, Row, World
from tests.support.acting import inside
from tests.support.factories import make_project, make_task

PERSONAL = {"sessions", "worktrees", "projects", "notification_settings", "notification_history"}
"""Tables where everybody writes rows of their own."""

CHANGED = (
    *("description", "name", "priority", "title", "tool_name", "payload", "instruction_type"),
    *("is_enabled", "share_mode", "branch_name", "dependency_type", "base_branch"),
)
"""The first of these that a table has is what the test changes."""


async def write(database: Database, principal: Principal, table: str, values: Row) -> Any:
    async with database.transaction() as connection:
        if TABLES[table].append_only:
            return (await append(inside(connection, principal), table, [values]))[0]
        return await create(inside(connection, principal), table, values)


async def change(
    database: Database, principal: Principal, table: str, key: object, changes: Row, **options: Any
) -> None:
    async with database.transaction() as connection:
        await update(inside(connection, principal), table, key, changes, **options)


async def remove(database: Database, principal: Principal, table: str, key: object) -> None:
    async with database.transaction() as connection:
        await delete(inside(connection, principal), table, key)


async def stored(database: Database, table: str, key: object) -> Row:
    async with database.writer.connect() as connection:
        result = await connection.execute(text(f"SELECT * FROM {table} WHERE id = :key"), {"key": key})
        return dict(result.mappings().one())


async def count(database: Database, table: str) -> int:
    async with database.writer.connect() as connection:
        found: int = (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()
        return found


def writer_of(world: World, table: str) -> Principal:
    return world.scene.administrator if table in BY_ADMINISTRATORS else world.scene.owner


@pytest.mark.parametrize("table", sorted(TABLES))
async def test_a_row_of_every_table_is_created_with_its_values(
    database: Database, world: World, table: str
) -> None:
    key = await write(database, writer_of(world, table), table, world[table])

    row = await stored(database, table, key)
    assert {name: row[name] for name in world[table]} == world[table]


@pytest.mark.parametrize("table", sorted(set(TABLES) - PERSONAL))
async def test_viewers_and_strangers_create_nothing(database: Database, world: World, table: str) -> None:
    before = await count(database, table)

    for principal in (world.scene.viewer, world.scene.stranger):
        with pytest.raises((Forbidden, NotFound)):
            await write(database, principal, table, world[table])

    assert await count(database, table) == before


@pytest.mark.parametrize("table", sorted(set(TABLES) - PERSONAL - BY_ADMINISTRATORS))
async def test_what_a_stranger_refers_to_does_not_exist_for_them(
    database: Database, world: World, table: str
) -> None:
    with pytest.raises(NotFound, match="that you may see"):
        await write(database, world.scene.stranger, table, world[table])


@pytest.mark.parametrize("table", sorted(name for name, table in TABLES.items() if not table.append_only))
async def test_a_row_of_every_table_is_changed_and_deleted_by_its_writer_and_by_nobody_else(
    database: Database, world: World, table: str
) -> None:
    principal = writer_of(world, table)
    key = await write(database, principal, table, world[table])
    column = next(
        name for name in CHANGED if name in TABLES[table].columns and TABLES[table].columns[name].on_update
    )
    values = {
        "priority": "high" if table == "notification_history" else 7,
        "payload": {"percent": 80},
        "instruction_type": "termination",
        "is_enabled": False,
        "share_mode": "full_control",
        "dependency_type": "suggests",
    }
    new = values.get(column, "新しい")
    before = await stored(database, table, key)

    for other in (world.scene.viewer, world.scene.stranger):
        with pytest.raises((Forbidden, NotFound)):
            await change(database, other, table, key, {column: new})
        with pytest.raises((Forbidden, NotFound)):
            await remove(database, other, table, key)
    assert await stored(database, table, key) == before

    await change(database, principal, table, key, {column: new})
    changed = await stored(database, table, key)
    assert changed[column] == new
    # A setting also counts its versions and says who changed it last (decision 30).
    kept = (
        {"updated_at", "version", "previous_value", "updated_by"}
        if table == "system_settings"
        else {"updated_at"}
    )
    assert {name for name in changed if changed[name] != before[name]} <= {column, *kept}

    await remove(database, principal, table, key)
    with pytest.raises(NotFound):
        await change(database, principal, table, key, {column: new})


async def test_the_same_create_twice_is_one_row_and_other_content_is_a_conflict(
    database: Database, world: World
) -> None:
    values = {**world["tasks"], "id": uuid7()}

    first = await write(database, world.scene.owner, "tasks", values)
    second = await write(database, world.scene.owner, "tasks", values)
    with pytest.raises(Conflict) as refusal:
        await write(database, world.scene.owner, "tasks", {**values, "name": "another"})

    assert first == second == values["id"]
    assert refusal.value.field == "input.id"
    assert (await stored(database, "tasks", first))["name"] == "t"


async def test_the_same_create_at_the_same_moment_is_one_row(database: Database, world: World) -> None:
    values = {**world["sessions"], "session_id": uuid7()}

    keys = await asyncio.gather(*(write(database, world.scene.owner, "sessions", values) for _ in range(8)))

    assert len(set(keys)) == 1
    assert (await stored(database, "sessions", keys[0]))["session_id"] == values["session_id"]


async def test_a_key_taken_by_a_row_that_one_may_not_see_says_nothing_about_it(
    database: Database, world: World
) -> None:
    values: Row = {"name": "mine", "project_id": world.scene.project.project_id}

    with pytest.raises(Conflict, match="choose a new UUID"):
        await write(database, world.scene.stranger, "projects", values)


async def test_null_sets_null_and_an_absent_column_stays(database: Database, world: World) -> None:
    key = await write(database, world.scene.owner, "tasks", {**world["tasks"], "description": "d"})

    await change(database, world.scene.editor, "tasks", key, {"assigned_to": None})

    row = await stored(database, "tasks", key)
    assert (row["assigned_to"], row["description"]) == (None, "d")


async def test_a_change_on_what_somebody_else_changed_is_a_conflict_with_the_time(
    database: Database, world: World
) -> None:
    key = await write(database, world.scene.owner, "tasks", world["tasks"])
    read_at = (await stored(database, "tasks", key))["updated_at"]
    await change(database, world.scene.editor, "tasks", key, {"name": "theirs"}, unmodified_since=read_at)
    now_at = (await stored(database, "tasks", key))["updated_at"]

    with pytest.raises(Conflict) as refusal:
        await change(database, world.scene.owner, "tasks", key, {"name": "mine"}, unmodified_since=read_at)

    assert refusal.value.details == {"updatedAt": now_at.isoformat()}
    assert (await stored(database, "tasks", key))["name"] == "theirs"
    await change(database, world.scene.owner, "tasks", key, {"name": "mine"}, unmodified_since=now_at)


@pytest.mark.parametrize(
    ("table", "change_of_values", "error", "field"),
    [
        ("tasks", {"priority": 11}, BadInput, "input.priority"),
        ("tasks", {"priority": 2**40}, BadInput, "input.priority"),
        ("tasks", {"name": "a\0b"}, BadInput, "input.name"),
        ("tasks", {"name": None}, BadInput, "input.name"),
        ("tasks", {"task_type": "cooking"}, BadInput, "input.taskType"),
        ("tasks", {"input_data": {"a": "\ud800"}}, BadInput, "input.inputData"),
        ("tasks", {"status": TaskStatus.COMPLETED}, Conflict, "input.status"),
        ("tasks", {"parent_task_id": UUID(int=1)}, NotFound, "input.parentTaskId"),
        ("projects", {"name": "n" * 101}, BadInput, "input.name"),
        ("sessions", {"resource_limits": [1]}, BadInput, "input.resourceLimits"),
        ("worktrees", {"worktree_path": "/r"}, BadInput, "input.worktreePath"),
        ("file_operations", {"created_at": "yesterday"}, BadInput, "input.rows.0.createdAt"),
        ("cc_instances", {"type": "PARENT"}, BadInput, "input.type"),
        ("sessions", {"user_id": 2}, Forbidden, "input.userId"),
        ("websocket_notifications", {"socket_id": None}, BadInput, "input.projectId"),
    ],
)
async def test_a_wrong_value_is_refused_with_its_field(
    database: Database,
    world: World,
    table: str,
    change_of_values: Row,
    error: type[DomainError],
    field: str,
) -> None:
    before = await count(database, table)

    with pytest.raises(error) as refusal:
        await write(database, world.scene.owner, table, {**world[table], **change_of_values})

    assert refusal.value.field == field
    assert await count(database, table) == before


async def test_rows_of_another_project_are_out_of_reach(database: Database, world: World) -> None:
    async with database.writer.begin() as connection:
        own = await make_project(connection, owner_id=world.scene.owner.user_id)
        own_task = await make_task(connection, project_id=own.project_id)
        foreign_task = await make_task(connection)

    with pytest.raises(BadInput, match="another project") as refusal:
        await write(database, world.scene.owner, "tasks", {**world["tasks"], "parent_task_id": own_task.id})
    assert refusal.value.field == "input.parentTaskId"
    with pytest.raises(NotFound):
        await write(
            database, world.scene.owner, "tasks", {**world["tasks"], "parent_task_id": foreign_task.id}
        )


async def test_a_unique_value_that_is_taken_is_a_conflict_with_its_field(
    database: Database, world: World
) -> None:
    await write(database, world.scene.owner, "worktrees", world["worktrees"])

    with pytest.raises(Conflict) as refusal:
        await write(database, world.scene.owner, "worktrees", world["worktrees"])

    assert refusal.value.field == "input.worktreePath"
    assert "uk_" not in refusal.value.message


async def test_a_rush_of_sessions_stops_exactly_at_the_quota(database: Database, world: World) -> None:
    values = {"name": "s"}
    before = await count(database, "sessions")

    outcomes = await asyncio.gather(
        *(write(database, world.scene.owner, "sessions", values) for _ in range(12)), return_exceptions=True
    )

    assert sum(isinstance(outcome, QuotaExceeded) for outcome in outcomes) == 12 - (5 - before)
    assert await count(database, "sessions") == 5


async def test_storage_counts_against_its_quota(database: Database, world: World) -> None:
    values = {**world["worktrees"], "total_size_bytes": 5 * 1024**3}
    key = await write(database, world.scene.owner, "worktrees", values)

    with pytest.raises(QuotaExceeded):
        await change(database, world.scene.owner, "worktrees", key, {"total_size_bytes": 5 * 1024**3 + 1})

    assert (await stored(database, "worktrees", key))["total_size_bytes"] == 5 * 1024**3


async def test_five_thousand_rows_of_which_one_is_wrong_leave_nothing(
    database: Database, world: World
) -> None:
    rows = [{**world["cc_logs"], "message": f"m {number}"} for number in range(5_000)]
    rows[4_321] = {**rows[4_321], "log_level": "loud"}

    with pytest.raises(BadInput) as refusal:
        async with database.transaction() as connection:
            await append(inside(connection, world.scene.owner), "cc_logs", rows)

    assert refusal.value.field == "input.rows.4321.logLevel"
    assert await count(database, "cc_logs") == 0


async def test_appended_rows_keep_their_order_and_are_known_again(database: Database, world: World) -> None:
    rows: list[Row] = [{**world["cc_logs"], "id": uuid7(), "message": f"m {n}"} for n in range(50)]
    rows[7] = {**rows[7], "details": {"password": "hunter2"}}

    async with database.transaction() as connection:
        first = await append(inside(connection, world.scene.owner), "cc_logs", rows)
    async with database.transaction() as connection:
        second = await append(inside(connection, world.scene.owner), "cc_logs", rows)
    with pytest.raises(Conflict):
        async with database.transaction() as connection:
            await append(inside(connection, world.scene.owner), "cc_logs", [{**rows[0], "message": "other"}])

    assert first == second == [row["id"] for row in rows]
    assert await count(database, "cc_logs") == 50
    row = await stored(database, "cc_logs", rows[7]["id"])
    assert row["details"] == {"password": "[masked]"}
    assert abs(row["created_at"].timestamp() - (rows[7]["id"].int >> 80) / 1000) < 0.01


async def test_rows_with_numbers_for_keys_come_back_in_the_order_given(
    database: Database, world: World
) -> None:
    rows = [{**world["file_operations"], "file_path": f"f{number}"} for number in range(200)]

    async with database.transaction() as connection:
        keys = await append(inside(connection, world.scene.owner), "file_operations", rows)

    assert keys == sorted(keys)
    assert (await stored(database, "file_operations", keys[123]))["file_path"] == "f123"
    assert (await stored(database, "file_operations", keys[123]))["user_id"] == world.scene.owner.user_id


async def test_a_claimed_task_is_not_taken_away_by_a_plain_change(database: Database, world: World) -> None:
    key = await write(database, world.scene.owner, "tasks", world["tasks"])
    async with database.writer.begin() as connection:
        await connection.execute(
            text("UPDATE tasks SET status = 'RUNNING', lease_expires_at = now() + :lease"),
            {"lease": timedelta(minutes=5)},
        )
    before = await stored(database, "tasks", key)

    with pytest.raises(Conflict, match="claimed"):
        await change(database, world.scene.owner, "tasks", key, {"status": "QUEUED"})

    assert await stored(database, "tasks", key) == before
