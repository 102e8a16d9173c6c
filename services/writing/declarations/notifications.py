"""How notifications and the wishes for them are written."""

from collections.abc import Mapping
from typing import Any, Final

from models import NotificationHistoryEntry, NotificationSetting, WebsocketNotification
from models.policy import Predicate
from services.core.database import WriteConnection
from services.core.errors import BadInput
from services.core.json_codec import read_stored, write_stored
from services.writing import shapes
from services.writing.declaration import Access, Kept, Reference, Values, writable
from services.writing.declarations.of_project import DIRECTLY
from services.writing.values import Unfit


def _require_filter_rules(values: Values, prefix: str) -> None:
    """A rule that nobody knows would let everything through in silence."""
    if values.get("filter_rules") is None:
        return
    rules = read_stored(values["filter_rules"])
    try:
        known = shapes.filter_rules(rules)
    except Unfit as trouble:
        raise BadInput(f"This {trouble}.", field=f"{prefix}.filterRules") from None
    if known.session_ids is not None:
        rules["session_ids"] = sorted(str(session_id) for session_id in known.session_ids)
        values["filter_rules"] = write_stored(rules).decode()


async def _wish_created(connection: WriteConnection, values: Values, prefix: str) -> None:
    _require_filter_rules(values, prefix)


async def _wish_changed(
    connection: WriteConnection, row: Mapping[str, Any], changes: Values, prefix: str
) -> None:
    _require_filter_rules(changes, prefix)


NOTIFICATION_SETTINGS: Final = writable(
    NotificationSetting, before_create=_wish_created, before_update=_wish_changed
)

NOTIFICATION_HISTORY: Final = writable(
    NotificationHistoryEntry, references=(Reference("session_id", "sessions", "session_id"),)
)

WEBSOCKET_NOTIFICATIONS: Final = writable(
    WebsocketNotification,
    belongs_by="project_id",
    references=(
        Reference(
            "socket_id",
            "websocket_sessions",
            access=Access.CHANGE,
            condition=Predicate("written.project_id IS NULL", frozenset({"project_id"})),
            sentence="A notification goes to one connection or to a project, not to both.",
        ),
    ),
    archive=Kept(DIRECTLY),
)
