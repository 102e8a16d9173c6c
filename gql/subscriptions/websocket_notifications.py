"""`websocketNotifications`: what is sent to one connection, to the viewers of a project, or to everybody."""

from gql.subscriptions.streams import (
    PROJECT,
    Argument,
    Arguments,
    RowField,
    Stream,
    Value,
)
from gql.subscriptions.values import is_one_of, key_of, new
from services.feed.events import ChangeEvent
from services.feed.topics import Filter


def _filter(arguments: Arguments) -> Filter:
    socket_id = arguments.uuid("socketId")
    types = arguments.choices("eventTypes")

    def accepts(event: ChangeEvent) -> bool:
        return (
            _is_sent(event) and is_one_of(event, "event_type", types) and socket_id in (None, event.socket_id)
        )

    return Filter(frozenset({"websocket_notifications"}), arguments.uuid("projectId"), accepts=accepts)


def _is_sent(event: ChangeEvent) -> bool:
    """A new notification is sent; one whose count of retries rose is sent again."""
    return event.operation == "INSERT" or (event.operation == "UPDATE" and event.changed("retry_count"))


WEBSOCKET_NOTIFICATIONS = Stream(
    field="websocketNotifications",
    event="WebsocketNotificationEvent",
    description="Notifications to one's connections, to the projects one sees, and to everybody. One that is "
    "not confirmed by `acknowledgeWebsocketNotification` is sent again, some times.",
    event_description="A notification is sent, for the first time or again.",
    arguments=(
        Argument(
            "socketId",
            "Optional[UUID]",
            "Only notifications to this connection; its id came with `connection_ack`, or in `x-socket-id`.",
        ),
        PROJECT,
        Argument("eventTypes", "Optional[List[WebsocketEventType]]", "Only notifications of these types."),
    ),
    fields=(
        Value("eventType", "WebsocketEventType", "What it reports.", new("event_type")),
        Value("eventName", "String", "Its name.", new("event_name")),
        Value("retryCount", "Int", "How often it was sent before.", new("retry_count")),
        Value("websocketNotificationId", "UUID", "Key of the notification.", key_of),
        RowField(
            "websocketNotification",
            "WebsocketNotification",
            "The notification with its payload; null when it is gone.",
        ),
    ),
    filter=_filter,
)
