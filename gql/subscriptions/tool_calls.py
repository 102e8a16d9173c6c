"""`mcpToolCallChanged`: which tools instances call, and how the calls end."""

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
    tools = arguments.texts("toolNames")

    def accepts(event: ChangeEvent) -> bool:
        return (
            event.operation != "DELETE"
            and is_one_of(event, "status", statuses)
            and is_one_of(event, "tool_name", tools)
            and instance_id in (None, event.instance_id)
        )

    return Filter(
        frozenset({"mcp_tool_calls"}), arguments.uuid("projectId"), arguments.uuid("subtreeOf"), accepts
    )


MCP_TOOL_CALL_CHANGED = Stream(
    field="mcpToolCallChanged",
    event="McpToolCallEvent",
    description="Calls of tools that begin, complete or fail.",
    event_description="A call of a tool began, or came a step further.",
    arguments=(
        PROJECT,
        Argument("instanceId", "Optional[UUID]", "Only calls of this instance."),
        SUBTREE,
        Argument("toolNames", "Optional[List[String]]", "Only calls of these tools."),
        Argument("statuses", "Optional[List[McpToolCallStatus]]", "Only steps to one of these."),
    ),
    fields=(
        Value(
            "previousStatus",
            "Optional[McpToolCallStatus]",
            "The status before; null for a new call.",
            old("status"),
        ),
        Value("status", "McpToolCallStatus", "The status after.", new("status")),
        Value("toolName", "String", "Name of the tool.", new("tool_name")),
        Value("mcpToolCallId", "UUID", "Key of the call.", key_of),
        RowField("mcpToolCall", "McpToolCall", "The call as it is now; null when it is gone."),
    ),
    filter=_filter,
)
