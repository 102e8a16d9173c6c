"""`notificationChanged`: what becomes of the notifications to a person."""

from gql.subscriptions.streams import (
    Argument,
    Arguments,
    RowField,
    Stream,
    Value,
)
from gql.subscriptions.values import is_one_of, new, old
from services.feed.events import ChangeEvent
from services.feed.topics import Filter


def _filter(arguments: Arguments) -> Filter:
    user_id = arguments.number("userId")
    statuses = arguments.choices("statuses")
    types = arguments.choices("notificationTypes")
    services = arguments.choices("serviceTypes")

    def accepts(event: ChangeEvent) -> bool:
        return (
            is_one_of(event, "status", statuses)
            and is_one_of(event, "notification_type", types)
            and is_one_of(event, "service_type", services)
            and user_id in (None, event.user_id)
        )

    return Filter(frozenset({"notification_history"}), accepts=accepts)


NOTIFICATION_CHANGED = Stream(
    field="notificationChanged",
    event="NotificationEvent",
    description="One's own notifications: new, sent, tried again, failed, cancelled.",
    event_description="A notification is new, or came a step further.",
    arguments=(
        Argument("userId", "Optional[Int]", "Only notifications to this person, for administrators."),
        Argument(
            "statuses", "Optional[List[NotificationStatus]]", "Only notifications that have one of these now."
        ),
        Argument(
            "notificationTypes", "Optional[List[NotificationType]]", "Only notifications of these types."
        ),
        Argument(
            "serviceTypes", "Optional[List[NotificationService]]", "Only notifications by these services."
        ),
    ),
    fields=(
        Value(
            "previousStatus",
            "Optional[NotificationStatus]",
            "The status before; null for a new notification.",
            old("status"),
        ),
        Value("status", "NotificationStatus", "The status after.", new("status")),
        Value("retryCount", "Int", "How often it was tried again.", new("retry_count")),
        RowField(
            "notification", "NotificationHistoryEntry", "The notification as it is now; null when it is gone."
        ),
    ),
    filter=_filter,
)
