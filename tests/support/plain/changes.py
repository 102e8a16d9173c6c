"""Rules of who may change which row, in plain Python: docs/security.md, "Who changes what", row by row.

Nothing here is taken from models/change_policy.py: it is what that module is compared with.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from tests.support.plain.visibility import Row, Seer, Sight, Tables


@dataclass(slots=True)
class Reach:
    """The rows of these tables, by their names in the database, that one person may change."""

    tables: Tables
    seer: Seer

    def changes(self, table: str, row: Row) -> bool:
        """True if the row, which need not be stored, is theirs to write."""
        rule = _RULES.get(table)
        return self.seer.is_admin or (rule is not None and rule(self, row))

    def owns(self, table: str, row: Row) -> bool:
        """True if every column of the row is theirs to write, and the row theirs to delete."""
        if table == "sessions" and not self.seer.is_admin:
            return bool(row["user_id"] == self.seer.user_id)
        return self.changes(table, row)

    def changes_columns(self, table: str, row: Row, columns: set[str]) -> bool:
        """True if these columns of the row are theirs to write; guests write some of a session's."""
        if self.owns(table, row):
            return True
        allowed = LENT.get(table, set())
        if table == "sessions" and self.takes_part(row["session_id"], ("full_control",)):
            allowed = allowed | STARTED
        return self.changes(table, row) and columns <= allowed

    def sees(self) -> Sight:
        """The rows that the same person sees."""
        return Sight(self.tables, self.seer)

    def row(self, table: str, column: str, value: Any) -> Row | None:
        """The stored row with this value."""
        return next((row for row in self.tables[table] if value is not None and row[column] == value), None)

    def edits(self, project: Row | None) -> bool:
        """The owner, and collaborators with the role editor."""
        if project is None:
            return False
        listed = orjson.loads(project["collaborators"] or "[]")
        editors = [each["user_id"] for each in listed if each.get("role") == "editor"]
        return self.seer.user_id in (project["owner_id"], *editors)

    def takes_part(self, session_id: Any, modes: tuple[str, ...] = ("edit", "full_control")) -> bool:
        """True if another person shares this session with the person now, for more than looking."""
        for shared in self.tables["collaboration_sessions"]:
            ends = shared["expires_at"]
            if (
                shared["session_id"] == session_id
                and shared["share_mode"] in modes
                and (ends is None or ends > datetime.now(UTC))
                and "joined" in Sight(self.tables, self.seer).states_in(shared)
            ):
                return True
        return False


LENT = {
    "sessions": {
        *("name", "description", "working_directory", "context_data", "total_tokens_used"),
        *("last_accessed", "updated_at"),
    }
}
"""What guests write of a row that is lent to them, and what the server notes of it meanwhile."""

STARTED = {"status", "container_id", "claude_session_id"}
"""What starting and stopping a session writes, by guests with full control."""

Rule = Callable[[Reach, Row], bool]


def _own(column: str) -> Rule:
    return lambda reach, row: bool(row[column] == reach.seer.user_id)


def _of_project(reach: Reach, row: Row) -> bool:
    return reach.edits(reach.row("projects", "project_id", row["project_id"]))


def _session(reach: Reach, row: Row) -> bool:
    return bool(row["user_id"] == reach.seer.user_id) or reach.takes_part(row["session_id"])


def _sharing(reach: Reach, row: Row) -> bool:
    session = reach.row("sessions", "session_id", row["session_id"])
    return reach.seer.user_id in (row["host_user_id"], session and session["user_id"])


def _invitation(reach: Reach, row: Row) -> bool:
    project = reach.row("projects", "id", row["project_id"])
    return reach.seer.user_id in (row["user_id"], row["invited_by"], project and project["owner_id"])


def _event(reach: Reach, row: Row) -> bool:
    socket = reach.row("websocket_sessions", "id", row["socket_id"])
    return _of_project(reach, row) or (socket is not None and socket["user_id"] == reach.seer.user_id)


def _behind(*ways: tuple[str, str, str]) -> Rule:
    """The row that one of these columns points to, in that table by that key, is theirs to change."""

    def rule(reach: Reach, row: Row) -> bool:
        found = ((table, reach.row(table, key, row[column])) for column, table, key in ways)
        return any(target is not None and reach.changes(table, target) for table, target in found)

    return rule


_INSTANCE = ("cc_instance_id", "cc_instances", "id")
_TASK = ("task_id", "tasks", "id")

_RULES: Mapping[str, Rule] = {
    "users": _own("id"),
    "auth_tokens": _own("user_id"),
    "projects": _own("owner_id"),
    "worktrees": _own("user_id"),
    "sessions": _session,
    "collaboration_sessions": _sharing,
    "collaboration_participants": _behind(("collaboration_session_id", "collaboration_sessions", "id")),
    "project_invitations": _invitation,
    "notification_settings": _own("user_id"),
    "notification_history": _own("user_id"),
    "worktree_sync_history": _behind(("source_worktree_id", "worktrees", "worktree_id")),
    "file_operations": _behind(("session_id", "sessions", "session_id")),
    "websocket_notifications": _event,
    "cc_instances": _of_project,
    "tasks": _of_project,
    "git_worktrees": _of_project,
    "requirements": _of_project,
    "features": _of_project,
    "task_dependencies": _behind(_TASK),
    "mcp_messages": _behind(_INSTANCE),
    "mcp_tool_calls": _behind(_INSTANCE),
    "ultrathink_messages": _behind(
        ("parent_instance_id", "cc_instances", "id"), ("child_instance_id", "cc_instances", "id")
    ),
    "cc_permission_requests": lambda reach, row: (
        _own("user_id")(reach, row) or _behind(_INSTANCE)(reach, row)
    ),
    "cc_logs": _behind(_INSTANCE, _TASK),
    "task_logs": _behind(_TASK, _INSTANCE),
}
