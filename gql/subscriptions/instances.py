"""`ccInstanceStatusChanged`: how the instances of a fleet come and go."""

from gql.subscriptions.streams import (
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
    instance_id = arguments.uuid("instanceId")
    statuses = arguments.choices("statuses")

    def accepts(event: ChangeEvent) -> bool:
        return (
            event.operation != "DELETE"
            and event.changed("status")
            and is_one_of(event, "status", statuses)
            and instance_id in (None, event.instance_id)
        )

    return Filter(
        frozenset({"cc_instances"}), arguments.uuid("projectId"), arguments.uuid("subtreeOf"), accepts
    )


CC_INSTANCE_STATUS_CHANGED = Stream(
    field="ccInstanceStatusChanged",
    event="CcInstanceStatusEvent",
    description="New instances, and instances whose status changed.",
    event_description="An instance is new, or its status changed.",
    arguments=(
        PROJECT,
        Argument("instanceId", "Optional[UUID]", "Only events of this instance."),
        SUBTREE,
        Argument("statuses", "Optional[List[CcInstanceStatus]]", "Only changes to one of these."),
    ),
    fields=(
        Value(
            "previousStatus",
            "Optional[CcInstanceStatus]",
            "The status before; null for a new instance.",
            old("status"),
        ),
        Value("status", "CcInstanceStatus", "The status after.", new("status")),
        Value("ccInstanceId", "UUID", "Key of the instance.", key_of),
        RowField("ccInstance", "CcInstance", "The instance as it is now; null when it is gone."),
    ),
    filter=_filter,
)
