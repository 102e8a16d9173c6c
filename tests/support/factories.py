"""One believable row a call, for tests: what a test does not care about is filled in.

Values go by column name; a row that a foreign key needs is made when it is not given. Each function returns
the row as PostgreSQL stored it.
"""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import Row, Table
from sqlalchemy.ext.asyncio import AsyncConnection

import models

AnyRow: TypeAlias = Row[Any]

_numbers = count(1)


async def make_row(connection: AsyncConnection, table: str, **values: Any) -> AnyRow:
    """A row of any table, with nothing filled in."""
    target: Table = models.metadata.tables[table]
    result = await connection.execute(target.insert().values(**values).returning(*target.columns))
    return result.one()


async def make_user(connection: AsyncConnection, **values: Any) -> AnyRow:
    """A person, whose name is new."""
    number = next(_numbers)
    defaults = {
        "username": f"hanako_{number}",
        "email": f"hanako.{number}@example.com",
        "hashed_password": "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$bm90IGEgcmVhbCBoYXNo",
    }
    return await make_row(connection, "users", **(defaults | values))


async def make_auth_token(connection: AsyncConnection, **values: Any) -> AnyRow:
    """An access token that is valid for a quarter of an hour."""
    defaults = {"expires_at": datetime.now(UTC) + timedelta(minutes=15)}
    return await make_row(connection, "auth_tokens", **(defaults | await _user(connection, values)))


async def make_project(connection: AsyncConnection, **values: Any) -> AnyRow:
    """A project of its own owner."""
    defaults = {"name": f"project {next(_numbers)}", "description": "受注管理システム"}
    return await make_row(
        connection, "projects", **(defaults | await _user(connection, values, column="owner_id"))
    )


async def make_worktree(connection: AsyncConnection, **values: Any) -> AnyRow:
    """A person's worktree on a path of its own, in no project."""
    defaults = {
        "repository_path": "/srv/repositories/orders",
        "worktree_path": f"/srv/worktrees/{next(_numbers)}",
        "branch_name": "feature/search",
    }
    return await make_row(connection, "worktrees", **(defaults | await _user(connection, values)))


async def make_worktree_sync(connection: AsyncConnection, **values: Any) -> AnyRow:
    """A successful merge from a worktree."""
    if "source_worktree_id" not in values:
        values["source_worktree_id"] = (await make_worktree(connection)).worktree_id
    defaults = {"sync_type": "merge", "status": "success"}
    return await make_row(connection, "worktree_sync_history", **(defaults | values))


async def make_session(connection: AsyncConnection, **values: Any) -> AnyRow:
    """A stopped session of a person, in no project."""
    defaults = {"name": f"session {next(_numbers)}"}
    return await make_row(connection, "sessions", **(defaults | await _user(connection, values)))


async def make_collaboration_session(connection: AsyncConnection, **values: Any) -> AnyRow:
    """A session shared by the person who runs it."""
    if "session_id" not in values:
        session = await make_session(connection)
        values = {"host_user_id": session.user_id, **values, "session_id": session.session_id}
    return await make_row(
        connection, "collaboration_sessions", **await _user(connection, values, column="host_user_id")
    )


async def make_participant(connection: AsyncConnection, **values: Any) -> AnyRow:
    """Somebody who has joined a shared session."""
    if "collaboration_session_id" not in values:
        values["collaboration_session_id"] = (await make_collaboration_session(connection)).id
    defaults = {"state": "joined", "joined_at": datetime.now(UTC)}
    return await make_row(
        connection, "collaboration_participants", **(defaults | await _user(connection, values))
    )


async def make_invitation(connection: AsyncConnection, **values: Any) -> AnyRow:
    """An invitation of a person to look at a project, which waits for an answer."""
    if "project_id" not in values:
        project = await make_project(connection)
        values = {"project_id": project.id, "invited_by": project.owner_id} | values
    defaults = {"project_name": "受注管理システム", "role": "viewer"}
    return await make_row(connection, "project_invitations", **(defaults | await _user(connection, values)))


async def make_notification_setting(connection: AsyncConnection, **values: Any) -> AnyRow:
    """A person's wish to hear of completed tasks by webhook."""
    defaults = {
        "notification_type": "task_completed",
        "service_type": "webhook",
        "webhook_url": "https://hooks.example.com/ccgraph",
    }
    return await make_row(connection, "notification_settings", **(defaults | await _user(connection, values)))


async def make_notification(connection: AsyncConnection, **values: Any) -> AnyRow:
    """A notification that waits to be sent."""
    defaults = {
        "notification_type": "task_completed",
        "service_type": "webhook",
        "title": "タスクが完了しました",
        "message": "テストの実行が完了しました。",
    }
    return await make_row(connection, "notification_history", **(defaults | await _user(connection, values)))


async def make_file_operation(connection: AsyncConnection, **values: Any) -> AnyRow:
    """An update of a file in a session, by the person who runs it."""
    if "session_id" not in values:
        session = await make_session(connection, **{k: values[k] for k in ("user_id",) if k in values})
        values = {"user_id": session.user_id, **values, "session_id": session.session_id}
    defaults = {"operation_type": "update", "file_path": "src/orders/search_index.py"}
    return await make_row(connection, "file_operations", **(defaults | await _user(connection, values)))


async def make_system_log(connection: AsyncConnection, **values: Any) -> AnyRow:
    """An entry of the server's log that concerns nobody."""
    defaults = {"level": "INFO", "category": "api", "module": "orders", "message": "設定を読み込みました"}
    return await make_row(connection, "system_logs", **(defaults | values))


async def make_system_setting(connection: AsyncConnection, **values: Any) -> AnyRow:
    """A setting with a number."""
    defaults = {"setting_key": f"limits.number_{next(_numbers)}", "setting_value": 10, "data_type": "number"}
    return await make_row(connection, "system_settings", **(defaults | values))


async def make_websocket_session(connection: AsyncConnection, **values: Any) -> AnyRow:
    """An open WebSocket connection."""
    defaults = {"transport": "websocket", "client_name": "dashboard", "client_version": "1.4.0"}
    return await make_row(connection, "websocket_sessions", **(defaults | await _user(connection, values)))


async def make_websocket_notification(connection: AsyncConnection, **values: Any) -> AnyRow:
    """A progress report, for everybody unless `socket_id` or `project_id` is given."""
    defaults = {
        "event_type": "progress",
        "event_name": "tests",
        "payload": {"percent": 40},
        "delivery_status": "sent",
    }
    return await make_row(connection, "websocket_notifications", **(defaults | values))


async def make_instance(connection: AsyncConnection, **values: Any) -> AnyRow:
    """An idle instance: a child of `parent_instance_id` where that is given."""
    kind = "CHILD" if values.get("parent_instance_id") else "PARENT"
    defaults = {"name": f"cc-{next(_numbers)}", "type": kind, "status": "IDLE"}
    return await make_row(connection, "cc_instances", **(defaults | await _project(connection, values)))


async def make_task(connection: AsyncConnection, **values: Any) -> AnyRow:
    """A pending development task."""
    defaults = {"name": f"task {next(_numbers)}", "task_type": "development", "description": "検索を速くする"}
    return await make_row(connection, "tasks", **(defaults | await _project(connection, values)))


async def make_task_dependency(connection: AsyncConnection, **values: Any) -> AnyRow:
    """A task that another one blocks; give both keys."""
    return await make_row(connection, "task_dependencies", **({"dependency_type": "blocks"} | values))


async def make_git_worktree(connection: AsyncConnection, **values: Any) -> AnyRow:
    """The worktree of an instance and a task."""
    number = next(_numbers)
    defaults = {
        "worktree_name": f"wt-{number}",
        "worktree_path": f"/srv/git/wt-{number}",
        "base_branch": "main",
    }
    return await make_row(connection, "git_worktrees", **(defaults | await _project(connection, values)))


async def make_ultrathink_message(connection: AsyncConnection, **values: Any) -> AnyRow:
    """A task handed from a parent to a child of the same project."""
    if "child_instance_id" not in values:
        parent = values.get("parent_instance_id") or (await make_instance(connection)).id
        child = await make_instance(
            connection, project_id=await _project_of(connection, parent), parent_instance_id=parent
        )
        values = {**values, "parent_instance_id": parent, "child_instance_id": child.id}
    defaults = {
        "instruction_type": "task_assignment",
        "instruction_content": "ultrathink: 検索のテストを書いてください",
        "keyword_detected": True,
        "status": "sent",
    }
    return await make_row(connection, "ultrathink_messages", **(defaults | values))


async def make_mcp_message(connection: AsyncConnection, **values: Any) -> AnyRow:
    """A request of an instance to an MCP server."""
    defaults = {
        "message_type": "request",
        "method": "tools/call",
        "params": {"name": "git_status", "arguments": {"repo_path": "/srv/repositories/orders"}},
        "rpc_id": str(next(_numbers)),
        "server_name": "git",
        "direction": "client",
    }
    return await make_row(connection, "mcp_messages", **(defaults | await _instance(connection, values)))


async def make_mcp_tool_call(connection: AsyncConnection, **values: Any) -> AnyRow:
    """A tool call under way, with the message that made it."""
    if "message_id" not in values:
        given = {"cc_instance_id": values["cc_instance_id"]} if "cc_instance_id" in values else {}
        message = await make_mcp_message(connection, **given)
        values = {"cc_instance_id": message.cc_instance_id, **values, "message_id": message.id}
    defaults = {
        "tool_name": "git_status",
        "arguments": {"repo_path": "/srv/repositories/orders"},
        "status": "running",
    }
    return await make_row(connection, "mcp_tool_calls", **(defaults | await _instance(connection, values)))


async def make_cc_log(connection: AsyncConnection, **values: Any) -> AnyRow:
    """An entry of an instance's log."""
    defaults = {"log_level": "info", "category": "task", "message": "テストを実行しています"}
    return await make_row(connection, "cc_logs", **(defaults | await _instance(connection, values)))


async def make_task_log(connection: AsyncConnection, **values: Any) -> AnyRow:
    """An entry of a task's log."""
    if "task_id" not in values:
        values["task_id"] = (await make_task(connection)).id
    defaults = {"log_level": "info", "phase": "execution", "message": "テストを実行しています"}
    return await make_row(connection, "task_logs", **(defaults | values))


async def make_usage(connection: AsyncConnection, **values: Any) -> AnyRow:
    """A request of an instance to a model, for its project."""
    values = await _instance(connection, values)
    defaults = {
        "request_id": f"req_{next(_numbers)}",
        "model": "claude-sonnet-4-5",
        "input_tokens": 100,
        "output_tokens": 40,
        "requested_at": datetime.now(UTC),
    }
    if "project_id" not in values:
        defaults["project_id"] = await _project_of(connection, values["cc_instance_id"])
    return await make_row(connection, "cc_usage", **(defaults | values))


async def make_permission_request(connection: AsyncConnection, **values: Any) -> AnyRow:
    """A permission that is held for a minute."""
    defaults = {
        "tool_name": "Bash",
        "tool_input": {"command": "make test"},
        "held_until": datetime.now(UTC) + timedelta(minutes=1),
    }
    return await make_row(
        connection, "cc_permission_requests", **(defaults | await _instance(connection, values))
    )


async def make_requirement(connection: AsyncConnection, **values: Any) -> AnyRow:
    """A draft of a functional requirement."""
    defaults = {
        "type": "functional",
        "title": "日本語検索",
        "content": "日本語で検索できること。",
        "priority": 5,
        "status": "draft",
    }
    return await make_row(connection, "requirements", **(defaults | await _project(connection, values)))


async def make_feature(connection: AsyncConnection, **values: Any) -> AnyRow:
    """A planned feature."""
    defaults = {"name": "検索", "feature_type": "api", "priority": 5, "status": "planned"}
    return await make_row(connection, "features", **(defaults | await _project(connection, values)))


async def _user(
    connection: AsyncConnection, values: dict[str, Any], column: str = "user_id"
) -> dict[str, Any]:
    return values if column in values else values | {column: (await make_user(connection)).id}


async def _project(connection: AsyncConnection, values: dict[str, Any]) -> dict[str, Any]:
    """Terminal tables refer to `projects.project_id`."""
    if "project_id" in values:
        return values
    return values | {"project_id": (await make_project(connection)).project_id}


async def _instance(connection: AsyncConnection, values: dict[str, Any]) -> dict[str, Any]:
    if "cc_instance_id" in values:
        return values
    return values | {"cc_instance_id": (await make_instance(connection)).id}


async def _project_of(connection: AsyncConnection, instance: UUID) -> UUID | None:
    table = models.metadata.tables["cc_instances"]
    found: UUID | None = await connection.scalar(
        table.select().with_only_columns(table.c.project_id).where(table.c.id == instance)
    )
    return found
