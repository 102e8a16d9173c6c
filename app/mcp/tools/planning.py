"""Planning: add_tasks, add_dependency."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from app.mcp.call import Call
from app.mcp.rows import project_of
from app.mcp.tool import tool
from app.mcp.values import PAGE, VISIBLE, WHOLE, ByName, Data, Given, Instance, Key, Kind, Part, Told
from models.enums import TaskDependencyType
from services.core.errors import BadInput
from services.tasks.planning import MAX_TASKS, PlannedDependency, PlannedTask
from services.tasks.planning import add_dependency as store_dependency
from services.tasks.planning import add_tasks as store_tasks

Strength = Annotated[
    TaskDependencyType,
    ByName(TaskDependencyType),
    Field(description="BLOCKS and REQUIRES hold the task back; SUGGESTS does not."),
]


class NewTask(Given):
    """A task to be added."""

    label: Annotated[
        str | None,
        Field(min_length=1, max_length=100, description="A name within this call, for `dependsOn`."),
    ] = None
    name: Annotated[str, Field(min_length=1, pattern=VISIBLE, description="What it is called.")]
    task_type: Kind
    description: Annotated[str | None, Field(description="What is to be done.")] = None
    instruction: Annotated[str | None, Field(description="What the one who does it is told.")] = None
    priority: Annotated[
        int | None, Field(ge=1, le=10, description="10 goes first; 5 when left out."), WHOLE
    ] = None
    input_data: Annotated[Data, Field(description="What it works on: any JSON.")] = None
    estimated_duration_minutes: Annotated[int | None, WHOLE] = None
    parent_task_id: Annotated[UUID | None, Field(description="Task it is a part of.")] = None
    depends_on: Annotated[
        list[str],
        Field(
            max_length=100, description="Labels of tasks of this call, or keys of tasks, to be done first."
        ),
    ] = Field(default_factory=list)


class AddTasks(Given):
    """A plan."""

    tasks: Annotated[list[NewTask], Field(min_length=1, max_length=MAX_TASKS)]
    project_id: Annotated[
        UUID | None, Field(description="The project; that of your instance when left out.")
    ] = None
    instance: Instance = None
    idempotency_key: Key = None


class Added(Part):
    """A task that is there now."""

    id: UUID
    name: str
    label: str | None = None


class TasksAdded(Told):
    """The tasks of the plan: all of them are stored, the first ones are listed."""

    count: int
    tasks: list[Added]
    more: Annotated[
        int, Field(description="Tasks that are stored and not listed; get_available_tasks shows them.")
    ] = 0

    def text(self) -> str:
        """The same in words."""
        listed = "\n".join(f"- {task.name} ({task.id})" for task in self.tasks)
        more = f"\n... and {self.more} more" if self.more else ""
        return f"{self.count} tasks are there:\n{listed}{more}"


class AddDependency(Given):
    """What waits for what."""

    task_id: Annotated[UUID, Field(description="Task that waits.")]
    depends_on: Annotated[UUID, Field(description="Task that has to be done first.")]
    type: Strength = TaskDependencyType.BLOCKS


class DependencyAdded(Told):
    """The dependency is there."""

    task_id: UUID
    depends_on: UUID
    type: str

    def text(self) -> str:
        """The same in words."""
        return f"Task {self.task_id} waits for {self.depends_on} ({self.type})."


@tool("Add tasks")
async def add_tasks(call: Call, given: AddTasks) -> TasksAdded:
    """Add up to 100 tasks to a project, with the dependencies between them, all or none. Use it to turn
    a goal into work for others. A circle is refused and named. With `idempotencyKey` a repeated call
    adds nothing.
    """
    project_id = await project_of(call, given.project_id, given.instance)
    labels = _labels(given.tasks)
    plan = [
        PlannedTask(
            _columns(task),
            call.key(f"task {project_id} {place}", given.idempotency_key),
            [_dependency(name, labels, f"tasks.{place}.dependsOn") for name in task.depends_on],
        )
        for place, task in enumerate(given.tasks)
    ]

    async def done(number: int) -> None:
        if number % 10 == 0:
            await call.progress(number, len(plan), f"{number} of {len(plan)} tasks")

    keys = await store_tasks(call.action, project_id, plan, done)
    listed = [
        Added(id=key, name=task.name, label=task.label)
        for key, task in zip(keys[:PAGE], given.tasks, strict=False)
    ]
    return TasksAdded(count=len(keys), tasks=listed, more=len(keys) - len(listed))


@tool("Add a dependency", idempotent=True)
async def add_dependency(call: Call, given: AddDependency) -> DependencyAdded:
    """Let a task wait until another one of its project has completed. Use it when you find out that
    work depends on other work. A circle is refused and named; the same again changes nothing.
    """
    await store_dependency(call.action, given.task_id, given.depends_on, given.type)
    return DependencyAdded(task_id=given.task_id, depends_on=given.depends_on, type=given.type.name)


def _labels(tasks: list[NewTask]) -> dict[str, int]:
    labels: dict[str, int] = {}
    for place, task in enumerate(tasks):
        if task.label is None:
            continue
        if task.label in labels:
            raise BadInput("Two tasks of this call have this label.", field=f"tasks.{place}.label")
        labels[task.label] = place
    return labels


def _dependency(name: str, labels: dict[str, int], field: str) -> PlannedDependency:
    if name in labels:
        return PlannedDependency(labels[name])
    try:
        return PlannedDependency(UUID(name))
    except ValueError:
        raise BadInput(
            f"{name!r} is neither a label of this call nor the key of a task.", field=field
        ) from None


_COLUMNS = (
    "name",
    "task_type",
    "description",
    "instruction",
    "priority",
    "input_data",
    "estimated_duration_minutes",
    "parent_task_id",
)


def _columns(task: NewTask) -> dict[str, Any]:
    return {name: value for name in _COLUMNS if (value := getattr(task, name)) is not None}
