"""`ultrathinkMessageChanged`: how far the instructions from parents to children came."""

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
    types = arguments.choices("instructionTypes")

    def accepts(event: ChangeEvent) -> bool:
        return (
            event.operation != "DELETE"
            and is_one_of(event, "status", statuses)
            and is_one_of(event, "instruction_type", types)
            and instance_id in (None, event.instance_id)
        )

    return Filter(
        frozenset({"ultrathink_messages"}), arguments.uuid("projectId"), arguments.uuid("subtreeOf"), accepts
    )


ULTRATHINK_MESSAGE_CHANGED = Stream(
    field="ultrathinkMessageChanged",
    event="UltrathinkMessageEvent",
    description="Instructions that are sent, acknowledged, executing, completed or failed.",
    event_description="An instruction was sent, or came a step further.",
    arguments=(
        PROJECT,
        Argument("instanceId", "Optional[UUID]", "Only instructions to this instance."),
        SUBTREE,
        Argument("statuses", "Optional[List[UltrathinkStatus]]", "Only steps to one of these."),
        Argument(
            "instructionTypes",
            "Optional[List[UltrathinkInstructionType]]",
            "Only instructions of these types.",
        ),
    ),
    fields=(
        Value(
            "previousStatus",
            "Optional[UltrathinkStatus]",
            "The status before; null when it was just sent.",
            old("status"),
        ),
        Value("status", "UltrathinkStatus", "The status after.", new("status")),
        Value("ultrathinkMessageId", "UUID", "Key of the message.", key_of),
        RowField("ultrathinkMessage", "UltrathinkMessage", "The message as it is now; null when it is gone."),
    ),
    filter=_filter,
)
