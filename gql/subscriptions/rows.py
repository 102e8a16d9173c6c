"""The subscriptions to one watched table each: which changes they tell of, and what can be selected."""

from gql.subscriptions.streams import CHANGED_FIELDS, OPERATION, PROJECT, SUBTREE, Argument, Stream
from gql.subscriptions.watched import Watched, routed
from services.feed.events import ChangeEvent

INSTANCE = Watched("cc_instances", "instance")
TASK = Watched("tasks", "task")
SESSION = Watched("sessions", "session")
ULTRATHINK_MESSAGE = Watched("ultrathink_messages", "message")
TOOL_CALL = Watched("mcp_tool_calls", "call")
PERMISSION_REQUEST = Watched("cc_permission_requests", "request")
NOTIFICATION = Watched("notification_history", "notification", row_field="notification")
WEBSOCKET_NOTIFICATION = Watched("websocket_notifications", "notification")


def _is_there(event: ChangeEvent) -> bool:
    return event.operation != "DELETE"


def _changes_status(event: ChangeEvent) -> bool:
    return _is_there(event) and event.changed("status")


def _changes_activity(event: ChangeEvent) -> bool:
    return _is_there(event) and event.changed("activity")


def _is_new(event: ChangeEvent) -> bool:
    return event.operation == "INSERT"


def _is_sent(event: ChangeEvent) -> bool:
    """A new notification is sent; one whose count of retries rose is sent again."""
    return _is_new(event) or (event.operation == "UPDATE" and event.changed("retry_count"))


def _is_of_task(event: ChangeEvent, task_id: object) -> bool:
    return event.key == str(task_id)


def _concerns_assignee(event: ChangeEvent, instance_id: object) -> bool:
    """True if the instance had the task before, or has it now: the one loses it, the other gets it."""
    return str(instance_id) in {(row or {}).get("assigned_to") for row in (event.old, event.new)}


ROW_STREAMS = (
    Stream(
        field="ccInstanceStatusChanged",
        event="CcInstanceStatusEvent",
        description="New instances, and instances whose status changed.",
        event_description="An instance is new, or its status changed.",
        tables=frozenset({INSTANCE.table}),
        tells=_changes_status,
        arguments=(
            PROJECT,
            routed("instanceId", "UUID", "Only events of this instance."),
            SUBTREE,
            INSTANCE.among("statuses", "status", "Only changes to one of these."),
        ),
        fields=(INSTANCE.before("status"), INSTANCE.after("status"), INSTANCE.key, INSTANCE.row),
    ),
    Stream(
        field="ccInstanceActivityChanged",
        event="CcInstanceActivityEvent",
        description="Instances that do something else than before: that work, wait for a person, are gone.",
        event_description="An instance does something else than before.",
        tables=frozenset({INSTANCE.table}),
        tells=_changes_activity,
        arguments=(
            PROJECT,
            routed("instanceId", "UUID", "Only events of this instance."),
            SUBTREE,
            INSTANCE.among("activities", "activity", "Only changes to one of these."),
        ),
        fields=(INSTANCE.before("activity"), INSTANCE.after("activity"), INSTANCE.key, INSTANCE.row),
    ),
    Stream(
        field="ccPermissionRequestChanged",
        event="CcPermissionRequestEvent",
        description="Permissions that instances ask for, and the answers to them.",
        event_description="An instance asks for a permission, or a request was answered or has lapsed.",
        tables=frozenset({PERMISSION_REQUEST.table}),
        tells=_is_there,
        arguments=(
            PROJECT,
            routed("instanceId", "UUID", "Only requests of this instance."),
            SUBTREE,
            routed("userId", "Int", "Only requests in sessions of this person."),
            PERMISSION_REQUEST.among("toolNames", "tool_name", "Only requests for these tools."),
            PERMISSION_REQUEST.among("decisions", "decision", "Only answers that are one of these."),
        ),
        fields=(
            PERMISSION_REQUEST.before("decision"),
            PERMISSION_REQUEST.after("decision", "What the answer was; null while it waits."),
            PERMISSION_REQUEST.after("tool_name", "Name of the tool."),
            PERMISSION_REQUEST.key,
            PERMISSION_REQUEST.row,
        ),
    ),
    Stream(
        field="taskChanged",
        event="TaskEvent",
        description="Tasks that are new, changed or deleted.",
        event_description="A task is new, changed or deleted.",
        tables=frozenset({TASK.table}),
        arguments=(
            PROJECT,
            Argument("taskId", "Optional[UUID]", "Only events of this task.", _is_of_task),
            Argument(
                "assignedToId",
                "Optional[UUID]",
                "Only tasks that this instance has, gets or loses.",
                _concerns_assignee,
            ),
            SUBTREE,
            TASK.among("statuses", "status", "Only tasks that have one of these now."),
        ),
        fields=(
            OPERATION,
            CHANGED_FIELDS,
            TASK.before("status"),
            TASK.after("status", "The status after; of a deleted task, the last one."),
            TASK.key,
            TASK.row,
        ),
    ),
    Stream(
        field="sessionStatusChanged",
        event="SessionStatusEvent",
        description="New sessions, and sessions whose status changed.",
        event_description="A session is new, or its status changed.",
        tables=frozenset({SESSION.table}),
        tells=_changes_status,
        arguments=(
            PROJECT,
            SESSION.equal("sessionId", "session_id", "Only events of this session."),
            routed("userId", "Int", "Only sessions of this person."),
            SESSION.among("statuses", "status", "Only changes to one of these."),
        ),
        fields=(
            SESSION.before("status"),
            SESSION.after("status"),
            SESSION.after("session_id", "Id of the session."),
            SESSION.row,
        ),
    ),
    Stream(
        field="ultrathinkMessageChanged",
        event="UltrathinkMessageEvent",
        description="Instructions that are sent, acknowledged, executing, completed or failed.",
        event_description="An instruction was sent, or came a step further.",
        tables=frozenset({ULTRATHINK_MESSAGE.table}),
        tells=_is_there,
        arguments=(
            PROJECT,
            routed("instanceId", "UUID", "Only instructions to this instance."),
            SUBTREE,
            ULTRATHINK_MESSAGE.among("statuses", "status", "Only steps to one of these."),
            ULTRATHINK_MESSAGE.among(
                "instructionTypes", "instruction_type", "Only instructions of these types."
            ),
        ),
        fields=(
            ULTRATHINK_MESSAGE.before("status"),
            ULTRATHINK_MESSAGE.after("status"),
            ULTRATHINK_MESSAGE.key,
            ULTRATHINK_MESSAGE.row,
        ),
    ),
    Stream(
        field="mcpToolCallChanged",
        event="McpToolCallEvent",
        description="Calls of tools that begin, complete or fail.",
        event_description="A call of a tool began, or came a step further.",
        tables=frozenset({TOOL_CALL.table}),
        tells=_is_there,
        arguments=(
            PROJECT,
            routed("instanceId", "UUID", "Only calls of this instance."),
            SUBTREE,
            TOOL_CALL.among("toolNames", "tool_name", "Only calls of these tools."),
            TOOL_CALL.among("statuses", "status", "Only steps to one of these."),
        ),
        fields=(
            TOOL_CALL.before("status"),
            TOOL_CALL.after("status"),
            TOOL_CALL.after("tool_name", "Name of the tool."),
            TOOL_CALL.key,
            TOOL_CALL.row,
        ),
    ),
    Stream(
        field="notificationChanged",
        event="NotificationEvent",
        description="One's own notifications: new, sent, tried again, failed, cancelled.",
        event_description="A notification is new, or came a step further.",
        tables=frozenset({NOTIFICATION.table}),
        arguments=(
            routed("userId", "Int", "Only notifications to this person, for administrators."),
            NOTIFICATION.among("statuses", "status", "Only notifications that have one of these now."),
            NOTIFICATION.among(
                "notificationTypes", "notification_type", "Only notifications of these types."
            ),
            NOTIFICATION.among("serviceTypes", "service_type", "Only notifications by these services."),
        ),
        fields=(
            NOTIFICATION.before("status"),
            NOTIFICATION.after("status"),
            NOTIFICATION.after("retry_count", "How often it was tried again."),
            NOTIFICATION.row,
        ),
    ),
    Stream(
        field="websocketNotifications",
        event="WebsocketNotificationEvent",
        description="Notifications to one's connections, to the projects one sees, and to everybody. "
        "One that is not confirmed by `acknowledgeWebsocketNotification` is sent again, some times.",
        event_description="A notification is sent, for the first time or again.",
        tables=frozenset({WEBSOCKET_NOTIFICATION.table}),
        tells=_is_sent,
        replays=_is_new,
        sends=True,
        arguments=(
            routed(
                "socketId",
                "UUID",
                "Only notifications to this connection; its id came with `connection_ack`, or in "
                "`x-socket-id`.",
            ),
            PROJECT,
            WEBSOCKET_NOTIFICATION.among("eventTypes", "event_type", "Only notifications of these types."),
        ),
        fields=(
            WEBSOCKET_NOTIFICATION.after("event_type", "What it reports."),
            WEBSOCKET_NOTIFICATION.after("event_name", "Its name."),
            WEBSOCKET_NOTIFICATION.after("retry_count", "How often it was sent before."),
            WEBSOCKET_NOTIFICATION.key,
            WEBSOCKET_NOTIFICATION.row,
        ),
    ),
)
