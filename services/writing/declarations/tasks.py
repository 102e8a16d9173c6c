"""Declarations of tasks and their dependencies."""

from collections.abc import Mapping
from typing import Any, Final

from models import Task, TaskDependency
from models.enums import TaskStatus
from services.core.database import WriteConnection
from services.core.errors import BadInput, Conflict
from services.writing import lifecycles
from services.writing.declaration import Kept, Moved, Reference, Values, writable
from services.writing.declarations.of_project import DIRECTLY, project_of, same_project
from services.writing.dependencies import require_no_circle


async def _task_changed(
    connection: WriteConnection, row: Mapping[str, Any], changes: Values, prefix: str
) -> None:
    """A claimed task is carried on by its holder, through claim, completion and failure (decision 24)."""
    moved = changes.get("status", row["status"]) != row["status"] or (
        "assigned_to" in changes and changes["assigned_to"] != row["assigned_to"]
    )
    if moved and row["lease_expires_at"] is not None:
        raise Conflict(
            "An instance has claimed this task: completeTask, failTask and releaseTask end the claim.",
            field=prefix,
        )
    if changes.get("status") == TaskStatus.RUNNING and row["status"] != TaskStatus.RUNNING:
        raise Conflict(
            "A task runs once an instance has claimed it: use claimTask.", field=f"{prefix}.status"
        )


async def _dependency_created(connection: WriteConnection, values: Values, prefix: str) -> None:
    field = f"{prefix}.dependencyTaskId"
    if values.get("task_id") is None or values.get("dependency_task_id") is None:
        raise BadInput("Name both tasks: `taskId` depends on `dependencyTaskId`.", field=field)
    await require_no_circle(connection, values["task_id"], values["dependency_task_id"], field)


TASK_ROWS: Final = writable(
    Task,
    belongs_by="project_id",
    references=(same_project("parent_task_id", "tasks"), same_project("assigned_to", "cc_instances")),
    lifecycle=lifecycles.TASK,
    archive=Moved(DIRECTLY),
    before_plain_update=_task_changed,
)

TASK_DEPENDENCIES: Final = writable(
    TaskDependency,
    belongs_by="task_id",
    references=(
        Reference(
            "dependency_task_id",
            "tasks",
            condition=project_of("tasks", "task_id"),
            sentence="A task depends on tasks of its own project.",
        ),
    ),
    archive=Kept(("task_id", "dependency_task_id")),
    before_create=_dependency_created,
)
