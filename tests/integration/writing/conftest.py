"""A project with an owner, an editor, a viewer, a stranger, and an instance to write about."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from models.enums import McpToolCallStatus, NotificationService, NotificationType
from services.core.database import Database
from services.core.principal import Principal
from tests.integration.writing.asking import Caller
from tests.support.factories import (
    AnyRow,
    make_instance,
    make_mcp_message,
    make_project,
    make_session,
    make_task,
    make_user,
    make_websocket_session,
    make_worktree,
)

Row = dict[str, Any]

BY_ADMINISTRATORS = {"system_settings", "system_logs"}
"""Tables that nobody else writes."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Who may do what: `owner` and `editor` change, `viewer` looks, `stranger` knows of nothing."""

    owner: Principal
    editor: Principal
    viewer: Principal
    stranger: Principal
    administrator: Principal
    project: AnyRow
    instance_id: UUID


@pytest.fixture
async def scene(database: Database) -> Scene:
    """The cast of most tests."""
    return await make_scene(database)


async def make_scene(database: Database) -> Scene:
    """The people, the project and the instance of a scene."""
    async with database.writer.begin() as connection:
        users = [await make_user(connection) for _ in range(4)]
        administrator = await make_user(connection, is_admin=True)
        owner, editor, viewer, stranger = (Principal(user.id, user.username, False) for user in users)
        project = await make_project(
            connection,
            owner_id=owner.user_id,
            collaborators=[
                {"user_id": editor.user_id, "role": "editor"},
                {"user_id": viewer.user_id, "role": "viewer"},
            ],
        )
        instance = await make_instance(connection, project_id=project.project_id)
    return Scene(
        owner,
        editor,
        viewer,
        stranger,
        Principal(administrator.id, administrator.username, True),
        project,
        instance.id,
    )


@pytest.fixture
def caller(database: Database) -> Caller:
    """Mutations on the test's database."""
    return Caller(database)


@dataclass(frozen=True, slots=True)
class World:
    """Something of everything to refer to, all of it the owner's."""

    scene: Scene
    rows: Mapping[str, Row]

    def __getitem__(self, table: str) -> Row:
        return self.rows[table]


@pytest.fixture
async def world(database: Database, scene: Scene) -> World:
    """A world around the scene."""
    return await make_referents(database, scene)


async def make_referents(database: Database, scene: Scene) -> World:
    """Rows that others may refer to, and for each table a row that does."""
    project, owner = scene.project, scene.owner.user_id
    async with database.writer.begin() as connection:
        child = await make_instance(
            connection, project_id=project.project_id, parent_instance_id=scene.instance_id
        )
        task = await make_task(connection, project_id=project.project_id)
        other_task = await make_task(connection, project_id=project.project_id)
        session = await make_session(connection, user_id=owner, project_id=project.id)
        worktree = await make_worktree(connection, user_id=owner)
        message = await make_mcp_message(connection, cc_instance_id=scene.instance_id)
        socket = await make_websocket_session(connection, user_id=owner)
    shared = {"project_id": project.project_id}
    return World(
        scene,
        {
            "projects": {"name": "検索"},
            "sessions": {"name": "s", "project_id": project.id, "worktree_id": worktree.worktree_id},
            "worktrees": {"repository_path": "/r", "worktree_path": "/w", "branch_name": "b"},
            "worktree_sync_history": {
                "source_worktree_id": worktree.worktree_id,
                "sync_type": "cherry-pick",
                "status": "success",
            },
            "collaboration_sessions": {"session_id": session.session_id, "share_mode": "edit"},
            "file_operations": {
                "session_id": session.session_id,
                "operation_type": "update",
                "file_path": "src/検索.py",
                "file_size_bytes": 2**40,
            },
            "notification_settings": {
                "notification_type": NotificationType.TASK_COMPLETED,
                "service_type": NotificationService.SLACK,
                "filter_rules": {"min_priority": "high"},
            },
            "notification_history": {
                "notification_type": "error_occurred",
                "service_type": "line",
                "title": "失敗",
                "message": "m",
                "session_id": session.session_id,
            },
            "system_logs": {"level": "INFO", "category": "c", "module": "m", "message": "x"},
            "system_settings": {"setting_key": "k", "setting_value": [1, None, {"a": "東京"}]},
            "cc_instances": {**shared, "name": "i", "parent_instance_id": scene.instance_id},
            "tasks": {**shared, "name": "t", "task_type": "testing", "assigned_to": child.id},
            "task_dependencies": {
                "task_id": task.id,
                "dependency_task_id": other_task.id,
                "dependency_type": "blocks",
            },
            "git_worktrees": {
                **shared,
                "cc_instance_id": child.id,
                "task_id": task.id,
                "worktree_name": "n",
                "worktree_path": "/p",
                "base_branch": "main",
            },
            "ultrathink_messages": {
                "parent_instance_id": scene.instance_id,
                "child_instance_id": child.id,
                "task_id": task.id,
                "instruction_type": "task_assignment",
                "instruction_content": "ultrathink: go",
            },
            "requirements": {**shared, "type": "functional", "title": "t", "content": "c", "priority": 3},
            "features": {**shared, "name": "f", "feature_type": "api", "priority": 3},
            "mcp_tool_calls": {
                "message_id": message.id,
                "cc_instance_id": scene.instance_id,
                "tool_name": "git_log",
                "arguments": {"n": 1},
                "status": McpToolCallStatus.RUNNING,
            },
            "websocket_notifications": {
                "socket_id": socket.id,
                "event_type": "milestone",
                "event_name": "e",
                "payload": {"percent": 40},
            },
            "cc_logs": {
                "cc_instance_id": child.id,
                "task_id": task.id,
                "log_level": "info",
                "category": "mcp",
                "message": "m",
            },
            "task_logs": {
                "task_id": task.id,
                "cc_instance_id": child.id,
                "log_level": "warn",
                "phase": "setup",
                "message": "m",
            },
        },
    )
