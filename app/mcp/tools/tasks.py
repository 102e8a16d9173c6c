"""Tasks as the terminal document has them: get_available_tasks, update_task_status."""

from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field

from app.mcp.call import Call
from app.mcp.rows import project_of, read_task, rows_of
from app.mcp.tool import tool
from app.mcp.tools.claims import TaskNow, completed, take
from app.mcp.values import PAGE, WHOLE, ByName, Cursor, Data, Given, Instance, Kind, Listed, Message, Part
from models.enums import TaskDependencyType, TaskStatus
from models.readiness import WAITING
from services.core.errors import BadInput
from services.tasks import claims, tasks
from services.tasks.claims import Claim
from services.tasks.tasks import Report
from services.writing.table_actions import update_row

_FIELDS: Final = "id name status priority taskType assignedToId description"
_ORDER: Final = "orderBy: [{priority: DESC}, {createdAt: ASC}, {id: ASC}]"

# The order of idx_tasks_claim, in which claim_next_task takes them.
_AVAILABLE: Final = f"""
query Available($ready: TaskWhere!, $blocked: TaskWhere!, $first: Int!, $after: String, $some: Int!) {{
  ready: tasks(first: $first, after: $after, {_ORDER}, where: $ready) {{
    totalCount edges {{ cursor node {{ {_FIELDS} }} }} pageInfo {{ endCursor hasNextPage }}
  }}
  blocked: tasks(first: $some, {_ORDER}, where: $blocked) {{
    totalCount
    nodes {{ {_FIELDS} blockedBy(first: 3, where: {{status: {{neq: COMPLETED}}}}) {{
      totalCount nodes {{ id name status assignedToId }}
    }} }}
  }}
}}
"""
_IS_BLOCKED: Final[dict[str, Any]] = {
    "dependencies": {
        "some": {
            "dependencyType": {"in": [kind.name for kind in TaskDependencyType if kind.holds_back]},
            "dependencyTask": {"status": {"neq": TaskStatus.COMPLETED.name}},
        }
    }
}
_BLOCKED_SHOWN: Final = 10
"""Tasks that are not ready, in one answer."""

_BLOCKED_AT_LEAST: Final = 3


class GetAvailableTasks(Given):
    """Which tasks are asked for."""

    project_id: Annotated[
        UUID | None, Field(description="The project; that of your instance when left out.")
    ] = None
    instance: Instance = None
    task_types: Annotated[
        list[Kind] | None, Field(description="Kinds of work; any when left out.", max_length=4)
    ] = None
    limit: Annotated[int, Field(ge=1, le=PAGE, description="Ready tasks in one answer."), WHOLE] = PAGE
    after: Cursor = None


class Available(Part):
    """A task that can be claimed now."""

    id: UUID
    name: str
    status: str
    priority: int
    task_type: str
    assigned_to_id: UUID | None = None
    description: str | None = None


class Blocker(Part):
    """A task that has to be done first."""

    id: UUID
    name: str
    status: str
    assigned_to_id: UUID | None = None


class Blocked(Available):
    """A task that waits for others."""

    waits_for: list[Blocker]
    why: str


class AvailableTasks(Listed):
    """Ready tasks in the order in which they are claimed, and why others are not ready."""

    ready_count: int
    ready: list[Available]
    blocked_count: int
    blocked: Annotated[list[Blocked], Field(description="The first of them, on the first page only.")]

    def rows(self) -> list[Available]:
        """The tasks that are ready."""
        return self.ready

    def leave_out(self) -> bool:
        """Leave blocked tasks out, of which the number is told, then ready ones."""
        if len(self.blocked) > _BLOCKED_AT_LEAST:
            self.blocked.pop()
            return True
        return super().leave_out()

    def text(self) -> str:
        """The same in words."""
        lines = [f"{self.ready_count} ready, {self.blocked_count} blocked."]
        lines += [
            f"- {task.name} ({task.id}), priority {task.priority}, {task.task_type}" for task in self.ready
        ]
        if self.next:
            lines.append(str(self.hint))
        lines += [f"- blocked: {task.name}: {task.why}" for task in self.blocked]
        return "\n".join(lines)


class UpdateTaskStatus(Given):
    """What a task becomes."""

    task_id: UUID
    status: Annotated[TaskStatus, ByName(TaskStatus)]
    instance: Instance = None
    output_data: Annotated[Data, Field(description="With COMPLETED: what came of it, any JSON.")] = None
    message: Message = None


@tool("See available tasks", read_only=True)
async def get_available_tasks(call: Call, given: GetAvailableTasks) -> AvailableTasks:
    """See the ready tasks of a project in the order in which they are claimed, and why others are not
    ready. Use it to look or to choose; to take work, use claim_next_task, which needs no look before.
    """
    project_id = await project_of(call, given.project_id, given.instance)
    waiting: dict[str, Any] = {
        "projectId": {"eq": str(project_id)},
        "status": {"in": [status.name for status in WAITING]},
    }
    if given.task_types is not None:
        waiting["taskType"] = {"in": [kind.name for kind in given.task_types]}
    ready = {**waiting, "not": _IS_BLOCKED}
    instance = given.instance or call.own_instance
    if instance is not None:
        ready["or"] = [{"assignedToId": {"isNull": True}}, {"assignedToId": {"eq": str(instance)}}]
    found = await call.reads.read(
        _AVAILABLE,
        ready=ready,
        blocked={**waiting, **_IS_BLOCKED},
        first=given.limit,
        after=given.after,
        some=0 if given.after else _BLOCKED_SHOWN,
    )
    page, blocked = found["ready"], found["blocked"]
    return AvailableTasks(
        ready_count=page["totalCount"],
        ready=[Available.model_validate(row) for row in rows_of(page)],
        blocked_count=blocked["totalCount"],
        blocked=[_explained(row) for row in blocked["nodes"]],
    ).paged(page)


def _explained(row: dict[str, Any]) -> Blocked:
    waits_for = [Blocker.model_validate(node) for node in row["blockedBy"]["nodes"]]
    further = row["blockedBy"]["totalCount"] - len(waits_for)
    parts = [f"{blocker.name} is {blocker.status}" for blocker in waits_for]
    why = "it waits for " + "; ".join([*parts, *([f"{further} more"] if further else [])])
    return Blocked.model_validate({**row, "waitsFor": waits_for, "why": why})


@tool("Update the status of a task", idempotent=True)
async def update_task_status(call: Call, given: UpdateTaskStatus) -> TaskNow:
    """Move a task along: RUNNING claims it for you, QUEUED hands it back or tries a FAILED one again,
    COMPLETED and FAILED end one that you hold, with `outputData`. The same status again changes
    nothing.
    """
    if given.output_data is not None and given.status is not TaskStatus.COMPLETED:
        raise BadInput(
            "Output goes with COMPLETED; say in `message` why a task has failed.", field="outputData"
        )
    before = await read_task(call, given.task_id)
    holds = before.status == TaskStatus.RUNNING.name and before.lease_expires_at is not None
    match given.status:
        case TaskStatus.RUNNING:
            claim = Claim(call.instance(given.instance))
            await take(call, claim, claims.claim(call.action, given.task_id, claim))
        case TaskStatus.COMPLETED:
            results = {} if given.output_data is None else {"output_data": given.output_data}
            return await completed(call, _report(call, given), results)
        case TaskStatus.FAILED if holds or before.status == TaskStatus.FAILED.name:
            if before.status != TaskStatus.FAILED.name:
                await tasks.fail(call.action, _report(call, given))
        case TaskStatus.QUEUED if holds:
            await tasks.release(call.action, _report(call, given))
        case status if status.name != before.status:
            await update_row(call.action, "tasks", given.task_id, {"status": status})
    return TaskNow(task=await read_task(call, given.task_id))


def _report(call: Call, given: UpdateTaskStatus) -> Report:
    return Report(given.task_id, call.instance(given.instance), given.message)
