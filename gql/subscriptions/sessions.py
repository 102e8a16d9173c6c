"""`sessionStatusChanged`: how people's sessions start and stop."""

from gql.subscriptions.streams import (
    PROJECT,
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
    session_id = arguments.uuid("sessionId")
    user_id = arguments.number("userId")
    statuses = arguments.choices("statuses")

    def accepts(event: ChangeEvent) -> bool:
        return (
            event.operation != "DELETE"
            and event.changed("status")
            and is_one_of(event, "status", statuses)
            and user_id in (None, event.user_id)
            and (session_id is None or (event.new or {}).get("session_id") == str(session_id))
        )

    return Filter(frozenset({"sessions"}), arguments.uuid("projectId"), accepts=accepts)


SESSION_STATUS_CHANGED = Stream(
    field="sessionStatusChanged",
    event="SessionStatusEvent",
    description="New sessions, and sessions whose status changed.",
    event_description="A session is new, or its status changed.",
    arguments=(
        PROJECT,
        Argument("sessionId", "Optional[UUID]", "Only events of this session."),
        Argument("userId", "Optional[Int]", "Only sessions of this person."),
        Argument("statuses", "Optional[List[SessionStatus]]", "Only changes to one of these."),
    ),
    fields=(
        Value(
            "previousStatus",
            "Optional[SessionStatus]",
            "The status before; null for a new session.",
            old("status"),
        ),
        Value("status", "SessionStatus", "The status after.", new("status")),
        Value("sessionId", "UUID", "Id of the session.", new("session_id")),
        RowField("session", "Session", "The session as it is now; null when it is gone."),
    ),
    filter=_filter,
)
