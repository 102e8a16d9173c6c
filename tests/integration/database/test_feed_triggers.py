"""Changes that matter are in the feed, in the transaction that made them; others cost nothing."""

import json
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from models.feed import WATCHES, recorded
from services.core.database import Database
from tests.integration.database.catalog import Connection
from tests.support import factories

Event = dict[str, Any]


async def events_of(connection: Connection, table: str) -> list[Event]:
    rows = await connection.fetch("SELECT * FROM change_events WHERE table_name = $1 ORDER BY seq", table)
    sides = ("old", "new")
    return [
        {**row, **{side: row[side] and recorded(table, json.loads(row[side])) for side in sides}}
        for row in rows
    ]


async def test_a_status_change_by_plain_sql_is_an_event_with_both_values(
    database: Database, plain: Connection
) -> None:
    async with database.transaction() as connection:
        instance = await factories.make_instance(connection, name="reviewer")
    await plain.execute("UPDATE cc_instances SET status = 'RUNNING', started_at = NOW()")
    inserted, updated = await events_of(plain, "cc_instances")
    assert (inserted["op"], inserted["old"]) == ("INSERT", None)
    assert (updated["op"], updated["old"]["status"], updated["new"]["status"]) == (
        "UPDATE",
        "IDLE",
        "RUNNING",
    )
    assert updated["new"]["name"] == "reviewer"
    assert updated["row_key"] == str(instance.id)
    assert (updated["project_id"], updated["instance_id"]) == (instance.project_id, instance.id)
    assert updated["actor_id"] is None


async def test_an_update_of_other_columns_is_no_event(database: Database, plain: Connection) -> None:
    async with database.transaction() as connection:
        await factories.make_instance(connection)
        await factories.make_task(connection)
        await factories.make_session(connection)
    await plain.execute("DELETE FROM change_events")
    await plain.execute("UPDATE cc_instances SET last_heartbeat = NOW(), status = status")
    await plain.execute("UPDATE tasks SET output_data = '{}'")
    await plain.execute("UPDATE sessions SET last_accessed = NOW(), total_tokens_used = 5")
    await plain.execute("UPDATE projects SET total_sessions = 7, last_activity = NOW()")
    assert await plain.fetchval("SELECT count(*) FROM change_events") == 0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("activity_detail", "'Bash: make test'"),
        ("model", "'claude-opus-4-6'"),
        ("last_message", "repeat('long ', 2000)"),
        ("context_used_percent", "41"),
        ("worktree_path", "'/home/a/b'"),
    ],
)
async def test_a_change_of_a_noticed_column_is_an_event_without_its_value(
    database: Database, plain: Connection, column: str, value: str
) -> None:
    async with database.transaction() as connection:
        await factories.make_instance(connection, name="reviewer")
    await plain.execute("DELETE FROM change_events")
    await plain.execute(f"UPDATE cc_instances SET {column} = {value}")
    await plain.execute(f"UPDATE cc_instances SET {column} = {value}")
    (event,) = await events_of(plain, "cc_instances")
    assert event["op"] == "UPDATE"
    assert event["old"] == event["new"]
    assert event["new"]["name"] == "reviewer"
    assert column not in event["new"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("project_id", "(SELECT max(project_id::text)::uuid FROM projects)"),
        ("name", "'another'"),
        ("type", "'CHILD'"),
        ("status", "'RUNNING'"),
        ("parent_instance_id", "(SELECT id FROM cc_instances WHERE name = 'parent')"),
        ("exit_code", "3"),
        ("activity", "'WORKING'"),
        ("activity_since", "'2026-01-02 03:04:05Z'"),
    ],
)
async def test_a_change_of_any_recorded_column_alone_is_one_event(
    database: Database, plain: Connection, column: str, value: str
) -> None:
    async with database.transaction() as connection:
        await factories.make_instance(connection, name="parent")
        await factories.make_instance(connection, name="reviewer", project_id=None)
    await plain.execute("DELETE FROM change_events")
    for _ in range(2):
        await plain.execute(f"UPDATE cc_instances SET {column} = {value} WHERE name <> 'parent'")
    (event,) = await events_of(plain, "cc_instances")
    assert [name for name in event["new"] if event["old"][name] != event["new"][name]] == [column]


async def test_a_change_that_is_rolled_back_is_no_event(database: Database, plain: Connection) -> None:
    async with database.transaction() as connection:
        await factories.make_task(connection)
    transaction = plain.transaction()
    await transaction.start()
    await plain.execute("UPDATE tasks SET status = 'QUEUED'")
    await transaction.rollback()
    assert [event["op"] for event in await events_of(plain, "tasks")] == ["INSERT"]


async def test_the_actor_of_the_transaction_is_in_the_event(database: Database, plain: Connection) -> None:
    async with database.transaction() as connection:
        user = await factories.make_user(connection)
        await connection.execute(
            text("SELECT set_config('ccgraph.actor_id', :actor, true)"), {"actor": str(user.id)}
        )
        await factories.make_task(connection)
    await plain.execute("UPDATE tasks SET priority = 9")
    assert [event["actor_id"] for event in await events_of(plain, "tasks")] == [user.id, None]


async def test_events_of_one_transaction_bear_its_id(database: Database, plain: Connection) -> None:
    async with database.transaction() as connection:
        await factories.make_task(connection)
        await factories.make_task(connection)
        xid = await connection.scalar(text("SELECT pg_current_xact_id()::text"))
    rows = await plain.fetch("SELECT DISTINCT xid::text FROM change_events")
    assert [row[0] for row in rows] == [xid]


async def test_a_deleted_row_is_an_event_with_what_it_was(database: Database, plain: Connection) -> None:
    async with database.transaction() as connection:
        task = await factories.make_task(connection, priority=3)
    await plain.execute("DELETE FROM tasks")
    event = (await events_of(plain, "tasks"))[-1]
    assert (event["op"], event["new"], event["old"]["priority"]) == ("DELETE", None, 3)
    assert (event["row_key"], event["project_id"]) == (str(task.id), task.project_id)


async def test_an_event_of_each_table_finds_those_whom_it_concerns(
    database: Database, plain: Connection
) -> None:
    async with database.transaction() as connection:
        owner = await factories.make_user(connection)
        project = await factories.make_project(connection, owner_id=owner.id)
        session = await factories.make_session(connection, user_id=owner.id, project_id=project.id)
        await factories.make_worktree(connection, user_id=owner.id, project_id=project.id)
        instance = await factories.make_instance(connection, project_id=project.project_id)
        child = await factories.make_instance(
            connection, project_id=project.project_id, parent_instance_id=instance.id
        )
        await factories.make_task(connection, project_id=project.project_id, assigned_to=child.id)
        await factories.make_ultrathink_message(
            connection, parent_instance_id=instance.id, child_instance_id=child.id
        )
        await factories.make_mcp_tool_call(connection, cc_instance_id=child.id)
        await factories.make_permission_request(connection, cc_instance_id=child.id, user_id=owner.id)
        socket = await factories.make_websocket_session(connection, user_id=owner.id)
        await factories.make_websocket_notification(connection, socket_id=socket.id)
        await factories.make_notification(connection, user_id=owner.id)
        shared = await factories.make_collaboration_session(
            connection, session_id=session.session_id, host_user_id=owner.id
        )
        guest = await factories.make_user(connection)
        await factories.make_participant(connection, collaboration_session_id=shared.id, user_id=guest.id)
        await factories.make_invitation(
            connection, project_id=project.id, user_id=guest.id, invited_by=owner.id
        )

    async def routing(table: str) -> tuple[UUID | None, int | None, UUID | None, UUID | None]:
        event = (await events_of(plain, table))[-1]
        return event["project_id"], event["user_id"], event["instance_id"], event["socket_id"]

    key = project.project_id
    assert await routing("projects") == (key, owner.id, None, None)
    assert await routing("sessions") == (key, owner.id, None, None)
    assert await routing("worktrees") == (key, owner.id, None, None)
    assert await routing("cc_instances") == (key, None, child.id, None)
    assert await routing("tasks") == (key, None, child.id, None)
    assert await routing("ultrathink_messages") == (key, None, child.id, None)
    assert await routing("mcp_tool_calls") == (key, None, child.id, None)
    assert await routing("cc_permission_requests") == (key, owner.id, child.id, None)
    assert await routing("websocket_notifications") == (None, None, None, socket.id)
    assert await routing("notification_history") == (None, owner.id, None, None)
    assert await routing("collaboration_participants") == (key, guest.id, None, None)
    assert await routing("project_invitations") == (key, guest.id, None, None)


@pytest.mark.parametrize("watch", WATCHES, ids=lambda watch: watch.table)
async def test_every_watched_column_exists(passing: Connection, watch: Any) -> None:
    rows = await passing.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0", watch.table
    )
    assert set(watch.told) <= {row["attname"] for row in rows}
    assert len(set(watch.told)) == len(watch.told)


@pytest.mark.parametrize("watch", WATCHES, ids=lambda watch: watch.table)
def test_what_changes_often_is_recorded(watch: Any) -> None:
    assert {*watch.often} <= {*watch.columns}


async def test_no_trigger_sets_a_watched_column_that_the_statement_does_not_set(passing: Connection) -> None:
    """The feed's triggers go by the columns that the statement sets."""
    functions = await passing.fetch(
        "SELECT DISTINCT tgfoid::regproc::text AS name FROM pg_trigger WHERE NOT tgisinternal"
        " AND tgrelid::regclass::text = ANY($1) AND tgtype & 2 > 0 AND tgtype & 16 > 0",  # before, update
        [watch.table for watch in WATCHES],
    )
    sets = {"ccgraph_tool_call_message": "message_instance_id", "update_updated_at_column": "updated_at"}
    assert {row["name"] for row in functions} == {*sets}
    assert not any(column in watch.told for watch in WATCHES for column in sets.values())


async def test_an_upsert_that_changes_a_watched_column_is_an_event(
    database: Database, plain: Connection
) -> None:
    async with database.transaction() as connection:
        task = await factories.make_task(connection, status="PENDING")
    upsert = (
        "INSERT INTO tasks (id, name, status, task_type) SELECT id, name, status, task_type FROM tasks"
        " WHERE id = $1 ON CONFLICT (id) DO UPDATE SET status = $2"
    )
    await plain.execute(upsert, task.id, "PENDING")
    await plain.execute(upsert, task.id, "QUEUED")
    events = [(event["op"], event["new"]["status"]) for event in await events_of(plain, "tasks")]
    assert events == [("INSERT", "PENDING"), ("UPDATE", "QUEUED")]


async def test_a_change_of_access_is_an_event(database: Database, plain: Connection) -> None:
    async with database.transaction() as connection:
        await factories.make_project(connection)
    await plain.execute("""UPDATE projects SET collaborators = '[{"user_id": 7, "role": "viewer"}]'""")
    await plain.execute("UPDATE projects SET is_public = true")
    _, shared, published = await events_of(plain, "projects")
    assert (shared["old"]["collaborators"], shared["new"]["collaborators"]) == (
        [],
        [{"user_id": 7, "role": "viewer"}],
    )
    assert (published["old"]["is_public"], published["new"]["is_public"]) == (False, True)


async def test_log_rows_bear_their_transaction(database: Database, plain: Connection) -> None:
    async with database.transaction() as connection:
        await factories.make_cc_log(connection)
        await factories.make_task_log(connection)
        await factories.make_system_log(connection)
        xid = await connection.scalar(text("SELECT pg_current_xact_id()::text"))
    for table in ("cc_logs", "task_logs", "system_logs"):
        assert await plain.fetchval(f"SELECT xid::text FROM {table}") == xid
