"""Dependencies of tasks (terminal §5.3), without circles."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from services.core.database import WriteConnection
from services.core.errors import Conflict

# Two new dependencies of a project take turns: each alone might be fine, both together a circle.
_TAKE_TURN: Final = """
SELECT pg_advisory_xact_lock(hashtextextended('task_dependencies ' || COALESCE(project_id::text, ''), 0))
FROM tasks WHERE id = $1
"""

# UNION leaves out what was seen before, so that this ends also where a circle came in by plain SQL.
_REACHABLE: Final = """
WITH RECURSIVE reachable(task_id, dependency_task_id) AS (
    SELECT task_id, dependency_task_id FROM task_dependencies WHERE task_id = $1
    UNION
    SELECT d.task_id, d.dependency_task_id
    FROM task_dependencies d JOIN reachable r ON d.task_id = r.dependency_task_id
)
SELECT task_id, dependency_task_id FROM reachable
"""


async def require_no_circle(
    connection: WriteConnection, task_id: UUID, dependency_task_id: UUID, field: str
) -> None:
    """Return when the one task may depend on the other. `Conflict` names the circle it would close."""
    await connection.exec_driver_sql(_TAKE_TURN, (task_id,))
    result = await connection.exec_driver_sql(_REACHABLE, (dependency_task_id,))
    edges: dict[UUID, list[UUID]] = {}
    for row in result.mappings():
        edges.setdefault(row["task_id"], []).append(row["dependency_task_id"])
    path = _shortest_path(edges, dependency_task_id, task_id)
    if path is not None:
        circle = [task_id, *path]
        names = await _names(connection, circle)
        raise Conflict(
            f"This would close a circle: {' -> '.join(names.get(task, '?') for task in circle)}.",
            field=field,
            circle=[str(task) for task in circle],
        )


def _shortest_path(edges: Mapping[UUID, Sequence[UUID]], start: UUID, end: UUID) -> list[UUID] | None:
    """The tasks from `start` to `end` along `edges`; None when `end` cannot be reached."""
    came_from: dict[UUID, UUID | None] = {start: None}
    waiting = deque([start])
    while waiting:
        task = waiting.popleft()
        if task == end:
            path = [task]
            while (before := came_from[path[-1]]) is not None:
                path.append(before)
            return path[::-1]
        for dependency in edges.get(task, ()):
            if dependency not in came_from:
                came_from[dependency] = task
                waiting.append(dependency)
    return None


async def _names(connection: WriteConnection, tasks: Sequence[UUID]) -> dict[UUID, str]:
    result = await connection.exec_driver_sql("SELECT id, name FROM tasks WHERE id = ANY($1)", (list(tasks),))
    return {row["id"]: row["name"] for row in result.mappings()}
