"""Planning: several tasks with what they depend on, all or none."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

from models.enums import TaskDependencyType
from services.core.errors import BadInput
from services.writing.action import Action, Transaction
from services.writing.dependencies import require_no_circle
from services.writing.permissions import predicates
from services.writing.rows import create, lock_row, uuid_key
from services.writing.tables import TABLES

MAX_TASKS: Final = 100
"""Tasks in one call."""

MAX_DEPENDENCIES: Final = 1_000
"""Dependencies in one call."""

_EDGES: Final = UUID("5a0c7a8e-55d1-5f9a-8a58-0a6f3a6a2f10")

_KNOWN: Final = """
SELECT 1 FROM task_dependencies t
WHERE t.task_id = $1 AND t.dependency_task_id = $3 AND t.dependency_type = $4
  AND $2::int IS NOT NULL AND {seen}
"""


@dataclass(frozen=True, slots=True)
class PlannedDependency:
    """A dependency of a planned task: on another one of the plan, by its place, or on one that exists."""

    on: int | UUID
    type: TaskDependencyType = TaskDependencyType.BLOCKS


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A new task by column name, and what it depends on. `key` is None where the server chooses it."""

    values: Mapping[str, object]
    key: UUID | None = None
    dependencies: Sequence[PlannedDependency] = ()


Done = Callable[[int], Awaitable[None]]
"""Told how many tasks are there by now; none of them is before the last one is."""


async def _nobody(done: int) -> None:
    """Tell no one."""


async def add_tasks(
    action: Action, project_id: UUID, plan: Sequence[PlannedTask], done: Done = _nobody
) -> list[UUID]:
    """Create the tasks of a plan with their dependencies and return their keys, in the order given.

    A task whose key exists with the same content is that one, so a plan may be given twice.

    Raises: the errors of `create` with the place in `input.tasks`, BadInput for a plan that is empty or too
    large, Conflict that names the tasks of a circle.
    """
    if not 0 < len(plan) <= MAX_TASKS:
        raise BadInput(f"A plan has 1 to {MAX_TASKS} tasks; send a larger one in parts.", field="input.tasks")
    if sum(len(task.dependencies) for task in plan) > MAX_DEPENDENCIES:
        raise BadInput(f"A plan has at most {MAX_DEPENDENCIES:,} dependencies.", field="input.tasks")
    async with action.transaction(projectId=project_id) as transaction:
        keys = []
        for place, task in enumerate(plan):
            keys.append(await _add(transaction, project_id, task, f"input.tasks.{place}"))
            await done(len(keys))
        for place, task in enumerate(plan):
            for number, dependency in enumerate(task.dependencies):
                field = f"input.tasks.{place}.dependsOn.{number}"
                await _depend(
                    transaction, keys[place], _key_of(dependency, keys, field), dependency.type, field
                )
        transaction.details["keys"] = keys
    return keys


async def add_dependency(
    action: Action, task_id: UUID, on: UUID, kind: TaskDependencyType = TaskDependencyType.BLOCKS
) -> None:
    """Let a task wait for another one of its project; once, however often it is said.

    Raises: NotFound and Forbidden for the tasks, Conflict that names the tasks of a circle.
    """
    async with action.transaction(key=task_id) as transaction:
        await lock_row(transaction, TABLES["tasks"], task_id, "input.taskId")
        transaction.has_changes = await _depend(transaction, task_id, on, kind, "input.dependsOn")


async def _add(transaction: Transaction, project_id: UUID, task: PlannedTask, place: str) -> UUID:
    given = {**task.values, "project_id": project_id}
    if task.key is not None:
        given["id"] = task.key
    return uuid_key(await create(transaction, "tasks", given, place))


def _key_of(dependency: PlannedDependency, keys: Sequence[UUID], field: str) -> UUID:
    if isinstance(dependency.on, UUID):
        return dependency.on
    if not 0 <= dependency.on < len(keys):
        raise BadInput(f"This plan has no task {dependency.on}; they are counted from 0.", field=field)
    return keys[dependency.on]


async def _depend(
    transaction: Transaction, task_id: UUID, on: UUID, kind: TaskDependencyType, field: str
) -> bool:
    """Add a dependency between two tasks; True if it is new.

    Raises: BadInput where a task would wait for itself.
    """
    connection, principal = transaction.connection, transaction.principal
    seen, _ = predicates(principal, "task_dependencies")
    known = await connection.exec_driver_sql(
        _KNOWN.format(seen=seen), (task_id, principal.user_id, on, kind.value)
    )
    if known.first() is not None:
        return False
    if task_id == on:
        raise BadInput("A task does not depend on itself.", field=field)
    await require_no_circle(connection, task_id, on, field)
    row = {
        "id": uuid5(_EDGES, f"{task_id} {on} {kind.value}"),
        "task_id": task_id,
        "dependency_task_id": on,
        "dependency_type": kind,
    }
    await create(transaction, "task_dependencies", row, field)
    return True
