"""`taskChanged`: what becomes of tasks."""

from uuid import UUID

from gql.subscriptions.streams import (
    CHANGED_FIELDS,
    OPERATION,
    PROJECT,
    SUBTREE,
    Argument,
    Arguments,
    RowField,
    Stream,
    Value,
)
from gql.subscriptions.values import is_one_of, key_of, new, old
from services.feed.events import ChangeEvent
from services.feed.topics import Filter


def _filter(arguments: Arguments) -> Filter:
    task_id = arguments.uuid("taskId")
    assigned_to = arguments.uuid("assignedToId")
    statuses = arguments.choices("statuses")

    def accepts(event: ChangeEvent) -> bool:
        return (
            is_one_of(event, "status", statuses)
            and task_id in (None, UUID(event.key))
            and (assigned_to is None or str(assigned_to) in _assignees(event))
        )

    return Filter(frozenset({"tasks"}), arguments.uuid("projectId"), arguments.uuid("subtreeOf"), accepts)


def _assignees(event: ChangeEvent) -> set[object]:
    """Who had the task before, and who has it now: the one loses it, the other gets it."""
    return {(row or {}).get("assigned_to") for row in (event.old, event.new)}


TASK_CHANGED = Stream(
    field="taskChanged",
    event="TaskEvent",
    description="Tasks that are new, changed or deleted.",
    event_description="A task is new, changed or deleted.",
    arguments=(
        PROJECT,
        Argument("taskId", "Optional[UUID]", "Only events of this task."),
        Argument("assignedToId", "Optional[UUID]", "Only tasks that this instance has, gets or loses."),
        SUBTREE,
        Argument("statuses", "Optional[List[TaskStatus]]", "Only tasks that have one of these now."),
    ),
    fields=(
        OPERATION,
        CHANGED_FIELDS,
        Value(
            "previousStatus",
            "Optional[TaskStatus]",
            "The status before; null for a new task.",
            old("status"),
        ),
        Value("status", "TaskStatus", "The status after; of a deleted task, the last one.", new("status")),
        Value("taskId", "UUID", "Key of the task.", key_of),
        RowField("task", "Task", "The task as it is now; null when it is gone."),
    ),
    filter=_filter,
)
