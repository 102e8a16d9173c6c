"""Declarations of notifications and of people's settings for them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from models import NotificationHistoryEntry, NotificationSetting, WebsocketNotification
from models.enums import NotificationService
from models.policy import Predicate
from services.core.addresses import (
    LONGEST_HEADER,
    MOST_HEADERS,
    AddressRefused,
    AllowedAddresses,
    is_free_header,
    require_url,
)
from services.core.database import WriteConnection
from services.core.errors import BadInput
from services.core.json_codec import read_stored, write_stored
from services.writing import shapes
from services.writing.declaration import Access, Kept, Reference, Values, writable
from services.writing.declarations.of_project import DIRECTLY
from services.writing.values import SealedParameter, Unfit


def _require_filter_rules(values: Values, prefix: str) -> None:
    """An unknown rule would let everything through in silence."""
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


_ADDRESSES: Final = (
    ("webhook_url", (), "webhookUrl"),
    ("push_endpoint", (), "pushEndpoint"),
    ("push_subscription", ("endpoint",), "pushSubscription"),
    ("service_config", ("webhook_url",), "serviceConfig"),
)
"""Where a setting holds a URL that the server calls: the column, the way in its JSON, and the field."""


async def _require_addresses(connection: WriteConnection, values: Values, prefix: str) -> None:
    """No setting makes the server call its own networks, and no header of it replaces the server's."""
    _require_headers(values, prefix)
    named = [
        (url, field)
        for column, way, field in _ADDRESSES
        if (url := _inside(values.get(column), way)) is not None
    ]
    if not named:
        return
    found = await connection.exec_driver_sql("SELECT current_setting('ccgraph.delivery_allowed', true)")
    allowed = AllowedAddresses.of(found.scalar() or "")
    for url, field in named:
        try:
            require_url(url, allowed)
        except AddressRefused as trouble:
            raise BadInput(
                f"Notifications may not be sent there: {trouble}. Name a public address by https://; an "
                "operator can allow private ones with CCGRAPH_DELIVERY_ALLOWED.",
                field=f"{prefix}.{field}",
            ) from None


def _inside(value: Any, way: tuple[str, ...]) -> str | None:
    if value is None:
        return None
    found = _given(value) if way else value
    for name in way:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) and found else None


def _given(value: Any) -> Any:
    """The JSON that a parameter holds, whether it is sealed or not."""
    return value.clear if isinstance(value, SealedParameter) else read_stored(value)


def _require_headers(values: Values, prefix: str) -> None:
    if values.get("webhook_headers") is None:
        return
    headers = _given(values["webhook_headers"])
    field = f"{prefix}.webhookHeaders"
    if not isinstance(headers, dict) or len(headers) > MOST_HEADERS:
        raise BadInput(f"Headers are an object of at most {MOST_HEADERS} texts.", field=field)
    if len({name.lower() for name in headers}) < len(headers):
        raise BadInput("A header is given twice: names that differ only in case are the same.", field=field)
    for name, value in headers.items():
        if not isinstance(value, str) or len(value) > LONGEST_HEADER or not is_free_header(name, value):
            raise BadInput(
                f"The header {name[:80]!r} cannot be used: a name has the characters that HTTP allows, a "
                f"value has up to {LONGEST_HEADER} printable characters without blanks around it, and the "
                "server itself sets headers of the message, such as Host, Content-Type and Webhook-Id.",
                field=field,
            )


def _require_sealed_url(service: object, values: Values, prefix: str) -> None:
    """Refuse a URL of Slack or Discord in clear, since any person can write there who reads it.

    Raises: BadInput.
    """
    if service in (NotificationService.SLACK, NotificationService.DISCORD) and values.get("webhook_url"):
        raise BadInput(
            'This URL is a secret: give it as serviceConfig {"webhook_url": "..."}, which is encrypted.',
            field=f"{prefix}.webhookUrl",
        )


async def _wish_created(connection: WriteConnection, values: Values, prefix: str) -> None:
    _require_sealed_url(values["service_type"], values, prefix)
    _require_filter_rules(values, prefix)
    await _require_addresses(connection, values, prefix)


async def _wish_changed(
    connection: WriteConnection, row: Mapping[str, Any], changes: Values, prefix: str
) -> None:
    _require_sealed_url(row["service_type"], changes, prefix)
    _require_filter_rules(changes, prefix)
    await _require_addresses(connection, changes, prefix)
    if "webhook_secret" in changes:
        # Receivers get a day to learn the new one; messages are signed by both meanwhile.
        changes["previous_webhook_secret"] = row["webhook_secret"]
        changes["webhook_secret_changed_at"] = datetime.now(UTC)


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
