"""Rules of who may see which row, in plain Python: docs/security.md, "Who sees what", row by row.

Nothing here is taken from models/policy.py: it is what that module is compared with.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]


@dataclass(frozen=True, slots=True)
class Seer:
    """A person who reads, or an administrator."""

    user_id: int
    is_admin: bool


@dataclass(slots=True)
class Sight:
    """The rows of these tables, by their names in the database, that one person may see."""

    tables: Tables
    seer: Seer
    _found: dict[str, list[Row]] = field(default_factory=dict)

    def rows(self, table: str) -> list[Row]:
        """The rows that are seen, in the order of the table."""
        if table not in self._found:
            rule = _RULES[table]
            found = [row for row in self.tables[table] if self.seer.is_admin or rule(self, row)]
            self._found[table] = found
        return self._found[table]

    def shows(self, table: str, column: str, value: Any) -> bool:
        """True if a row with this value is seen."""
        return value is not None and any(row[column] == value for row in self.rows(table))

    def works_on(self, project: Row) -> bool:
        """Owners and collaborators, whatever their role."""
        listed = orjson.loads(project["collaborators"] or "[]")
        people = [project["owner_id"], *(each.get("user_id") for each in listed)]
        return self.seer.user_id in people

    def hosts(self, shared: Row) -> bool:
        """True if it is the seer who shares, or whose session it is."""
        sessions = self.tables["sessions"]
        owners = [each["user_id"] for each in sessions if each["session_id"] == shared["session_id"]]
        return self.seer.user_id in (shared["host_user_id"], *owners)

    def states_in(self, shared: Row) -> list[str]:
        """The states of the seer in a shared session: asked to join, joined, left or was refused."""
        return [
            part["state"]
            for part in self.tables["collaboration_participants"]
            if part["collaboration_session_id"] == shared["id"] and part["user_id"] == self.seer.user_id
        ]


Rule = Callable[[Sight, Row], bool]


def _everybody(_: Sight, __: Row) -> bool:
    return True


def _nobody(_: Sight, __: Row) -> bool:
    return False


def _own(sight: Sight, row: Row) -> bool:
    return bool(row["user_id"] == sight.seer.user_id)


def _project(sight: Sight, row: Row) -> bool:
    return sight.works_on(row) or bool(row["is_public"])


def _own_or_of_a_project(sight: Sight, row: Row) -> bool:
    """A public project shows nobody's checkouts and sessions."""
    projects = [each for each in sight.tables["projects"] if each["id"] == row["project_id"]]
    return _own(sight, row) or any(sight.works_on(project) for project in projects)


def _session(sight: Sight, row: Row) -> bool:
    def is_shared_now(shared: Row) -> bool:
        ends = shared["expires_at"]
        return shared["session_id"] == row["session_id"] and (ends is None or ends > datetime.now(UTC))

    shares = sight.tables["collaboration_sessions"]
    return _own_or_of_a_project(sight, row) or any(
        is_shared_now(shared) and "joined" in sight.states_in(shared) for shared in shares
    )


def _share(sight: Sight, row: Row) -> bool:
    return bool(row["is_public"]) or sight.hosts(row) or bool(sight.states_in(row))


def _participant(sight: Sight, row: Row) -> bool:
    (shared,) = (
        each
        for each in sight.tables["collaboration_sessions"]
        if each["id"] == row["collaboration_session_id"]
    )
    return _own(sight, row) or sight.hosts(shared) or bool(sight.states_in(shared))


def _invitation(sight: Sight, row: Row) -> bool:
    projects = [each for each in sight.tables["projects"] if each["id"] == row["project_id"]]
    people = [row["user_id"], row["invited_by"], *(project["owner_id"] for project in projects)]
    return sight.seer.user_id in people


def _notification(sight: Sight, row: Row) -> bool:
    if row["socket_id"] is not None:
        return sight.shows("websocket_sessions", "id", row["socket_id"])
    return row["project_id"] is None or sight.shows("projects", "project_id", row["project_id"])


def _behind(*ways: tuple[str, str, str]) -> Rule:
    """The row that one of these columns points to, in that table by that key, is seen."""
    return lambda sight, row: any(sight.shows(table, key, row[column]) for column, table, key in ways)


def _own_or_of_members(sight: Sight, row: Row) -> bool:
    """A public project shows its readers neither what work costs nor what it may do."""
    instances = [each for each in sight.tables["cc_instances"] if each["id"] == row["cc_instance_id"]]
    keys = [each["project_id"] for each in instances] if "tool_name" in row else [row["project_id"]]
    projects = [each for each in sight.tables["projects"] if each["project_id"] in keys]
    return _own(sight, row) or any(sight.works_on(project) for project in projects)


_BEHIND_PROJECT = _behind(("project_id", "projects", "project_id"))
_BEHIND_ARCHIVE = _behind(("project_id", "projects_archive", "project_id"))
_INSTANCE = ("cc_instance_id", "cc_instances", "id")
_TASK = ("task_id", "tasks", "id")

_RULES: Mapping[str, Rule] = {
    "users": _everybody,
    "auth_tokens": _own,
    "notification_settings": _own,
    "notification_history": _own,
    "system_logs": _own,
    "websocket_sessions": _own,
    "system_settings": lambda _, row: bool(row["is_public"]),
    "projects": _project,
    "sessions": _session,
    "worktrees": _own_or_of_a_project,
    "worktree_sync_history": _behind(("source_worktree_id", "worktrees", "worktree_id")),
    "collaboration_sessions": _share,
    "collaboration_participants": _participant,
    "project_invitations": _invitation,
    "file_operations": _behind(("session_id", "sessions", "session_id")),
    "websocket_notifications": _notification,
    "cc_instances": _BEHIND_PROJECT,
    "tasks": _BEHIND_PROJECT,
    "requirements": _BEHIND_PROJECT,
    "features": _BEHIND_PROJECT,
    "git_worktrees": _behind(("project_id", "projects", "project_id"), _INSTANCE, _TASK),
    "task_dependencies": _behind(_TASK),
    "ultrathink_messages": _behind(
        ("parent_instance_id", "cc_instances", "id"), ("child_instance_id", "cc_instances", "id"), _TASK
    ),
    "mcp_messages": _behind(_INSTANCE),
    "mcp_tool_calls": _behind(_INSTANCE, ("message_id", "mcp_messages", "id")),
    "cc_logs": _behind(_INSTANCE, _TASK),
    "task_logs": _behind(_TASK, _INSTANCE),
    "projects_archive": _project,
    "tasks_archive": _BEHIND_ARCHIVE,
    "mcp_messages_archive": _BEHIND_ARCHIVE,
    "task_execution_efficiency": _BEHIND_PROJECT,
    "active_cc_instances": _BEHIND_PROJECT,
    "readonly_project_stats": _behind(("id", "projects", "project_id")),
    "mcp_message_stats": _nobody,
    "parallel_execution_stats": _nobody,
    "error_summary": _nobody,
    "backup_runs": _nobody,
    "cc_usage": _own_or_of_members,
    "cc_permission_requests": _own_or_of_members,
    "maintenance_runs": _nobody,
    "system_health": _nobody,
    "system_queues": _nobody,
    "table_partitions": _nobody,
    "table_sizes": _nobody,
}
