"""Rows as tools show them, and the documents that read them."""

from typing import Any, Final
from uuid import UUID

from app.mcp.call import Call, Row
from app.mcp.values import Data, Part
from services.core.errors import NotFound

TASK_FIELDS: Final = (
    "id projectId name description status priority taskType assignedToId instruction inputData outputData"
    " worktreePath leaseExpiresAt startedAt completedAt"
)
MESSAGE_FIELDS: Final = (
    "id parentInstanceId childInstanceId taskId instructionType instructionContent status responseContent"
    " sentAt acknowledgedAt completedAt"
)
INSTANCE_FIELDS: Final = (
    "id projectId name type status parentInstanceId worktreePath startedAt lastHeartbeat terminatedAt"
    " exitCode"
)
PROJECT_FIELDS: Final = "projectId name description status maxParallelCc localPath gitRepository lastActivity"

_TASK: Final = f"query Task($id: UUID!) {{ task(by: {{id: $id}}) {{ {TASK_FIELDS} }} }}"
_HELD: Final = (
    "held: tasks(where: {assignedToId: {eq: $instance}, status: {eq: RUNNING}, id: {neq: $id}},"
    " orderBy: [{startedAt: ASC}, {id: ASC}], first: 5) { nodes { id name leaseExpiresAt } }"
)
_CLAIMED: Final = (
    f"query Claimed($id: UUID!, $instance: UUID!) {{ task(by: {{id: $id}}) {{ {TASK_FIELDS} }} {_HELD} }}"
)
_NONE: Final = UUID(int=0)
_PLACE: Final = "query Place($id: UUID!) { ccInstance(by: {id: $id}) { projectId name status } }"


class TaskRow(Part):
    """A task."""

    id: UUID
    project_id: UUID | None = None
    name: str
    status: str
    priority: int
    task_type: str
    description: str | None = None
    instruction: str | None = None
    assigned_to_id: UUID | None = None
    worktree_path: str | None = None
    lease_expires_at: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    input_data: Data = None
    output_data: Data = None

    def line(self) -> str:
        """The task in one line."""
        return f"{self.name} ({self.id}) is {self.status}, priority {self.priority}, {self.task_type}"


class HeldRow(Part):
    """A task that the caller holds besides."""

    id: UUID
    name: str
    lease_expires_at: str | None = None


class MessageRow(Part):
    """An ultrathink message from a parent instance to a child."""

    id: UUID
    parent_instance_id: UUID | None = None
    child_instance_id: UUID | None = None
    task_id: UUID | None = None
    instruction_type: str
    instruction_content: str
    status: str
    response_content: str | None = None
    sent_at: str
    acknowledged_at: str | None = None
    completed_at: str | None = None


class InstanceRow(Part):
    """A Claude Code instance."""

    id: UUID
    project_id: UUID | None = None
    name: str
    type: str
    status: str
    parent_instance_id: UUID | None = None
    worktree_path: str | None = None
    started_at: str | None = None
    last_heartbeat: str | None = None


async def read_task(call: Call, task_id: UUID) -> TaskRow:
    """The task as it is now. Raises: NotFound."""
    return _task((await call.reads.read(_TASK, id=str(task_id)))["task"])


def _task(row: Row | None) -> TaskRow:
    if row is None:
        raise NotFound("There is no task with this key that you may see.", field="taskId")
    return TaskRow.model_validate(row)


async def read_claimed(
    call: Call, task_id: UUID | None, instance: UUID
) -> tuple[TaskRow | None, list[HeldRow]]:
    """The task that was claimed, if one was, and at most five that the instance holds besides: one statement.

    Raises: NotFound.
    """
    found = await call.reads.read(_CLAIMED, id=str(task_id or _NONE), instance=str(instance))
    task = None if task_id is None else _task(found["task"])
    return task, [HeldRow.model_validate(row) for row in found["held"]["nodes"]]


async def project_of(call: Call, project_id: UUID | None, instance: UUID | None) -> UUID:
    """The project that is meant: the one given, else that of the instance. Raises: NotFound and BadInput."""
    if project_id is not None:
        return project_id
    return UUID(str((await place_of(call, call.instance(instance)))["projectId"]))


async def place_of(call: Call, instance: UUID) -> Row:
    """Project, name and status of an instance that works in a project. Raises: NotFound."""
    row: Row | None = (await call.reads.read(_PLACE, id=str(instance)))["ccInstance"]
    if row is None or row["projectId"] is None:
        raise NotFound(
            f"There is no instance {instance} that you may see: `join_project` registers it.",
            field="instance",
        )
    return row


def rows_of(connection: dict[str, Any]) -> list[Row]:
    """The rows of a connection that is read with its cursors."""
    return [edge["node"] for edge in connection["edges"]]


def page_of(connection: dict[str, Any]) -> str | None:
    """The cursor of the next page; None after the last one."""
    info = connection["pageInfo"]
    return str(info["endCursor"]) if info["hasNextPage"] else None
