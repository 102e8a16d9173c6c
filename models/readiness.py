"""The condition of a ready task (decision 24): it waits to be done, and all that holds it back has completed.

The planner's `isReady`, `blockedBy` and `blocks` and the claims of instances ask the same.
"""

from typing import Final

from models.enums import TaskDependencyType, TaskStatus, listed

WAITING: Final = (TaskStatus.PENDING, TaskStatus.QUEUED)
"""The statuses of a task that can be claimed."""

IS_WAITING: Final = f"IN ({listed(WAITING)})"

IS_HARD: Final = f"IN ({listed(kind for kind in TaskDependencyType if kind.holds_back)})"
"""Of the type of a dependency: it holds a task back; `suggests` does not."""


def not_blocked(alias: str, *, one_by_one: bool = False) -> str:
    """SQL that is true when all that the task `alias` waits for has completed.

    Also a task that the viewer may not see holds others back: otherwise the answer would be wrong.
    `one_by_one` says that few tasks are asked about: PostgreSQL then does not read all dependencies that
    there are to find one task without any.
    """
    offset = " OFFSET 0" if one_by_one else ""
    return (
        "NOT EXISTS (SELECT FROM task_dependencies AS edge"
        f" JOIN tasks AS blocker ON blocker.id = edge.dependency_task_id WHERE edge.task_id = {alias}.id"
        f" AND edge.dependency_type {IS_HARD} AND blocker.status <> 'COMPLETED'{offset})"
    )


def is_ready(alias: str) -> str:
    """SQL that is true when the task `alias` waits to be done and nothing holds it back."""
    return f"({alias}.status {IS_WAITING} AND {not_blocked(alias)})"
