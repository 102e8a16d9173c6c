"""Instances: join_project, create_child_cc."""

from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field

from app.mcp.call import Call
from app.mcp.rows import INSTANCE_FIELDS, InstanceRow
from app.mcp.tool import tool
from app.mcp.values import VISIBLE, WHOLE, Data, Given, Instance, Key, Kind, Told
from services.core.errors import BadInput, Conflict, NotFound
from services.instances.instances import NewChild, create_child
from services.instances.joining import Joining, join

_INSTANCE: Final = f"query Instance($id: UUID!) {{ ccInstance(by: {{id: $id}}) {{ {INSTANCE_FIELDS} }} }}"
_PROJECTS: Final = """
query Projects($name: String!) {
  named: projects(first: 2, where: {name: {eq: $name}, status: {neq: ARCHIVED}}) { nodes { projectId name } }
}
"""
_ALL_PROJECTS: Final = """
query Projects {
  named: projects(first: 2, where: {status: {neq: ARCHIVED}}) { nodes { projectId name } }
}
"""
_CHILD: Final = f"""
query Child($id: UUID!) {{
  ccInstance(by: {{id: $id}}) {{
    {INSTANCE_FIELDS}
    gitWorktrees(first: 1, orderBy: [{{createdAt: ASC}}]) {{ nodes {{ id worktreePath }} }}
    assignedTasks(first: 1, orderBy: [{{createdAt: ASC}}]) {{ nodes {{ id }} }}
    receivedUltrathinkMessages(first: 1, orderBy: [{{sentAt: ASC}}]) {{ nodes {{ id taskId }} }}
  }}
}}
"""


class JoinProject(Given):
    """Who begins to work where."""

    project: Annotated[
        str | None, Field(description="Id or name of the project; left out where you see only one.")
    ] = None
    name: Annotated[
        str, Field(min_length=1, pattern=VISIBLE, description="What your instance is called.")
    ] = "Claude Code"
    instance: Instance = None
    parent_instance_id: Annotated[UUID | None, Field(description="Instance that you work for, if any.")] = (
        None
    )


class Joined(Told):
    """Your instance, which runs now."""

    instance: InstanceRow

    def text(self) -> str:
        """The same in words."""
        row = self.instance
        return f"You work as {row.name} ({row.id}), {row.type}, {row.status}, in project {row.project_id}."


class ChildTask(Given):
    """A new task for the child."""

    name: Annotated[str, Field(min_length=1, pattern=VISIBLE)]
    task_type: Kind
    description: str | None = None
    instruction: str | None = None
    priority: Annotated[int | None, Field(ge=1, le=10), WHOLE] = None
    input_data: Data = None


class ChildWorktree(Given):
    """A git worktree for the child; you make it on disk yourself."""

    worktree_name: Annotated[str, Field(min_length=1)]
    worktree_path: Annotated[str, Field(min_length=1)]
    base_branch: Annotated[str, Field(min_length=1)] = "main"
    current_branch: str | None = None


class CreateChildCc(Given):
    """A child instance and what it needs to begin."""

    name: Annotated[str, Field(min_length=1, pattern=VISIBLE, description="What the child is called.")]
    instance: Annotated[UUID | None, Field(description="The parent: you, when left out.")] = None
    task: ChildTask | None = None
    task_id: Annotated[UUID | None, Field(description="A task that exists, instead of a new one.")] = None
    worktree: ChildWorktree | None = None
    instruction: Annotated[str | None, Field(description="Its first ultrathink message.")] = None
    startup_command: str | None = None
    idempotency_key: Key = None


class ChildCreated(Told):
    """What was made."""

    instance: InstanceRow
    worktree_id: UUID | None = None
    task_id: UUID | None = None
    message_id: UUID | None = None

    def text(self) -> str:
        """The same in words."""
        parts = {"task": self.task_id, "worktree": self.worktree_id, "message": self.message_id}
        more = "".join(f", {name} {key}" for name, key in parts.items() if key is not None)
        return f"Child {self.instance.name}: instance {self.instance.id}{more}. {self.hint}"


@tool("Join a project", idempotent=True)
async def join_project(call: Call, given: JoinProject) -> Joined:
    """Register your instance in a project and let it run. Call it once at the start, before other
    tools. The same call again changes nothing. A child that create_child_cc made joins with its own
    instance.
    """
    own = given.instance or call.own_instance
    project_id = await _project(call, given.project, own)
    key = await join(call.action, Joining(project_id, given.name, own, given.parent_instance_id))
    return Joined(instance=await _instance(call, key))


@tool("Create a child instance")
async def create_child_cc(call: Call, given: CreateChildCc) -> ChildCreated:
    """Register a child instance with its worktree, its task and its first instruction, all or nothing.
    Use it before you start another Claude Code for part of the work. With `idempotencyKey` a repeated
    call makes nothing twice.
    """
    parent = call.instance(given.instance)
    instance_id = call.key("instance", given.idempotency_key)
    if instance_id is not None:
        known = await _child(call, instance_id)
        if known is not None:
            if known.instance.parent_instance_id != parent or known.instance.name != given.name:
                raise Conflict(
                    "Another child was made with this key; choose a new one.", field="idempotencyKey"
                )
            return known
    child = NewChild(
        parent,
        _columns(given, "name", "startup_command") | _key(call, "instance", given),
        None
        if given.worktree is None
        else _columns(given.worktree, "worktree_name", "worktree_path", "base_branch", "current_branch")
        | _key(call, "worktree", given),
        None
        if given.task is None
        else _columns(given.task, "name", "task_type", "description", "instruction", "priority", "input_data")
        | _key(call, "task", given),
        given.task_id,
        given.instruction,
    )
    created = await create_child(call.action, child)
    return ChildCreated(
        instance=await _instance(call, created.instance_id),
        worktree_id=created.git_worktree_id,
        task_id=created.task_id,
        message_id=created.ultrathink_message_id,
        hint=_how_to_start(created.instance_id),
    )


async def _instance(call: Call, key: UUID) -> InstanceRow:
    row = (await call.reads.read(_INSTANCE, id=str(key)))["ccInstance"]
    if row is None:
        raise NotFound("There is no instance with this key that you may see.", field="instance")
    return InstanceRow.model_validate(row)


async def _child(call: Call, key: UUID) -> ChildCreated | None:
    """The child that an earlier call with the same key made."""
    row = (await call.reads.read(_CHILD, id=str(key)))["ccInstance"]
    if row is None:
        return None
    worktrees, messages = row["gitWorktrees"]["nodes"], row["receivedUltrathinkMessages"]["nodes"]
    task = next((node["id"] for node in row["assignedTasks"]["nodes"]), None)
    return ChildCreated(
        instance=InstanceRow.model_validate(row),
        worktree_id=worktrees[0]["id"] if worktrees else None,
        task_id=messages[0]["taskId"] if messages and messages[0]["taskId"] else task,
        message_id=messages[0]["id"] if messages else None,
        hint=_how_to_start(UUID(row["id"])),
    )


def _how_to_start(instance: UUID) -> str:
    return (
        f"Start the child with `ccgraph mcp --instance {instance}` as its MCP server; "
        "it calls join_project and get_instructions."
    )


async def _project(call: Call, given: str | None, own: UUID | None) -> UUID:
    if given is None and own is not None:
        row = (await call.reads.read(_INSTANCE, id=str(own)))["ccInstance"]
        if row is not None and row["projectId"] is not None:
            return UUID(row["projectId"])
    if given is not None:
        try:
            return UUID(given)
        except ValueError:
            found = (await call.reads.read(_PROJECTS, name=given))["named"]["nodes"]
    else:
        found = (await call.reads.read(_ALL_PROJECTS))["named"]["nodes"]
    if len(found) == 1:
        return UUID(found[0]["projectId"])
    if found:
        raise BadInput(
            "Several projects match: give the id of one; resources/list shows them.", field="project"
        )
    raise NotFound(
        "There is no such project that you may see; resources/list shows those there are.", field="project"
    )


def _columns(given: Given, *names: str) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(given, name)) is not None}


def _key(call: Call, kind: str, given: CreateChildCc) -> dict[str, Any]:
    key = call.key(kind, given.idempotency_key)
    return {} if key is None else {"id": key}
