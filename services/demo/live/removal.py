"""Keeps a live demo bounded: of each project the newest sessions and tasks stay, with what belongs to them.

Retention does not do it: it counts days, and a demo keeps its year of logs for ten.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.core.database import Database
from services.demo.live.places import AGENT, LivePlace, Means
from services.system.retention import deletion
from services.writing.table_actions import delete_row


@dataclass(frozen=True, slots=True)
class Kept:
    """The rows that stay: of each project so many sessions and tasks that have ended, the newest.

    `within` is for what belongs to no session: the audit trail of the fleet, and notifications.
    """

    sessions: int = 10
    tasks: int = 60
    within: timedelta = timedelta(hours=1)


KEPT: Final = Kept()

_BATCH: Final = 2_000
"""Rows of one statement."""

_MOST_BATCHES: Final = 500

_OLD_ROOTS: Final = """
SELECT id FROM cc_instances
WHERE project_id = $1 AND type = 'PARENT' AND status = 'STOPPED'
ORDER BY created_at DESC, id DESC OFFSET $2
"""

_TREE: Final = """
WITH RECURSIVE tree AS (
    SELECT id FROM cc_instances WHERE id = $1
    UNION
    SELECT child.id FROM tree JOIN cc_instances AS child ON child.parent_instance_id = tree.id
)
SELECT id FROM tree
"""

_OLD_TASKS: Final = """
SELECT id FROM tasks WHERE project_id = $1 AND status IN ('COMPLETED', 'FAILED')
ORDER BY completed_at DESC, id DESC OFFSET $2
"""

_OF_INSTANCES: Final = {
    "cc_logs": "cc_instance_id = ANY($1::uuid[])",
    "task_logs": "cc_instance_id = ANY($1::uuid[])",
    "mcp_tool_calls": "cc_instance_id = ANY($1::uuid[])",
    "mcp_messages": "cc_instance_id = ANY($1::uuid[])",
    "cc_usage": "cc_instance_id = ANY($1::uuid[])",
    "ultrathink_messages": "child_instance_id = ANY($1::uuid[])",
    "git_worktrees": "cc_instance_id = ANY($1::uuid[])",
}
"""Rows that outlive their instance, as records do."""

_OF_PROJECTS: Final = {
    "websocket_notifications": "project_id = ANY($1::uuid[]) AND sent_at < now() - $2::interval"
    " AND sent_at > $3::timestamptz",
    "notification_history": "payload ->> 'projectId' = ANY($1::uuid[]::text[]) AND status <> 'pending'"
    " AND created_at < now() - $2::interval AND created_at > $3::timestamptz",
}

_TRACED: Final = (
    "user_agent = $1::text AND created_at < now() - $2::interval AND created_at > $3::timestamptz"
)


async def remove_old(means: Means, places: Sequence[LivePlace], since: datetime, kept: Kept = KEPT) -> None:
    """Remove the oldest of what the fleet has left, and nothing of others. It has begun after `since`."""
    database = means.database
    for place in places:
        for root in await means.keys(_OLD_ROOTS, place.project_id, kept.sessions):
            tree = await means.keys(_TREE, root)
            for table, condition in _OF_INSTANCES.items():
                await _remove(database, table, condition, tree)
            await delete_row(means.action(place.owner, "deleteCcInstance"), "cc_instances", root)
            for number in await means.keys("SELECT id FROM sessions WHERE session_id = $1", root):
                await delete_row(means.action(place.owner, "deleteSession"), "sessions", number)
        for task in await means.keys(_OLD_TASKS, place.project_id, kept.tasks):
            await _remove(database, "task_logs", "task_id = $1::uuid", task)
            await delete_row(means.action(place.owner, "deleteTask"), "tasks", task)
    projects = [place.project_id for place in places]
    for table, condition in _OF_PROJECTS.items():
        await _remove(database, table, condition, projects, kept.within, since)
    await _remove(database, "system_logs", _TRACED, AGENT, kept.within, since)


async def _remove(database: Database, table: str, condition: str, *parameters: object) -> None:
    """Remove rows in batches."""
    some = f"SELECT tableoid, ctid FROM {table} WHERE {condition} LIMIT {_BATCH}"
    sql = deletion(table, f"(tableoid, ctid) IN ({some})")
    for _ in range(_MOST_BATCHES):
        async with database.upkeep() as connection:
            removed = (await connection.exec_driver_sql(sql, parameters)).scalar_one()
        if removed < _BATCH:
            return
