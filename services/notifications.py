"""Notifications to people: stored for every service that wants them, cancelled, tried again (client §3.4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from models.enums import NotificationPriority, NotificationStatus, NotificationType
from services.database import WriteConnection
from services.errors import BadInput, Conflict, Forbidden, NotFound
from services.permissions import VIEWER, predicates
from services.principal import Principal
from services.writing.rows import create, hold
from services.writing.tables import TABLES
from services.writing.values import parameters

MAX_RECIPIENTS: Final = 500

_TABLE: Final = TABLES["notification_history"]

# Whoever works on a project with somebody may write to them.
_RECIPIENTS: Final = """
SELECT u.id, u.id = $2 OR EXISTS (
    SELECT FROM projects p
    WHERE (p.owner_id = $2 OR p.collaborators @> jsonb_build_array(jsonb_build_object('user_id', $2::int)))
      AND (p.owner_id = u.id OR p.collaborators @> jsonb_build_array(jsonb_build_object('user_id', u.id)))
) AS is_colleague
FROM users u WHERE u.id = ANY($1::int[])
"""

_SETTINGS: Final = """
SELECT user_id, service_type, filter_rules FROM notification_settings
WHERE user_id = ANY($1::int[]) AND notification_type = $2 AND is_enabled ORDER BY user_id, id
"""

_STORE: Final = """
INSERT INTO notification_history (user_id, service_type, session_id, notification_type, title, message,
                                  payload, priority, scheduled_at)
SELECT user_id, service_type, $3, $4, $5, $6, $7::jsonb, $8, COALESCE($9, now())
FROM unnest($1::int[], $2::text[]) AS chosen(user_id, service_type)
RETURNING id
"""

_CANCEL: Final = "UPDATE notification_history SET status = 'cancelled' WHERE id = $1"

_RETRY: Final = """
UPDATE notification_history
SET status = 'pending', retry_count = 0, scheduled_at = now(), error_message = NULL WHERE id = $1
"""

_ACKNOWLEDGE: Final = """
UPDATE websocket_notifications t
SET client_ack = true, delivery_status = 'delivered', first_sent_at = COALESCE(t.first_sent_at, now())
WHERE t.id = $1 AND {viewer} IS NOT NULL AND {visible} RETURNING t.id
"""


@dataclass(frozen=True, slots=True)
class Notification:
    """What is to be told to whom; `user_ids` are keys of people, `payload` any JSON object."""

    user_ids: Sequence[int]
    type: NotificationType
    title: str
    message: str
    priority: NotificationPriority = NotificationPriority.NORMAL
    payload: object = None
    session_id: UUID | None = None
    scheduled_at: datetime | None = None


async def send(connection: WriteConnection, principal: Principal, told: Notification) -> list[int]:
    """Store a pending notification for every enabled service whose filter rules let it through (decision 28).

    Gives the keys of the rows; none when nobody wants to hear of it. Raises `NotFound` for a person who does
    not exist and `Forbidden` for one with whom the caller shares no project.
    """
    await _require_recipients(connection, principal, told.user_ids)
    given = {
        "session_id": told.session_id,
        "notification_type": told.type,
        "title": told.title,
        "message": told.message,
        "payload": told.payload,
        "priority": told.priority,
        "scheduled_at": told.scheduled_at,
    }
    stored = parameters(_TABLE, given, "input")
    if told.session_id is not None:
        await _require_session(connection, principal, told.session_id)
    wishes = await connection.exec_driver_sql(_SETTINGS, (list(told.user_ids), told.type))
    chosen = [
        (wish["user_id"], wish["service_type"])
        for wish in wishes.mappings()
        if lets_through(wish["filter_rules"] or {}, told)
    ]
    if not chosen:
        return []
    people, services = zip(*chosen, strict=True)
    result = await connection.exec_driver_sql(_STORE, (people, services, *stored.values()))
    return list(result.scalars())


def lets_through(rules: Mapping[str, Any], told: Notification) -> bool:
    """Whether the filter rules of a setting let a notification pass; all that are given have to."""
    text = f"{told.title}\n{told.message}".casefold()
    order = list(NotificationPriority)
    least = rules.get("min_priority")
    if least is not None and order.index(told.priority) < order.index(NotificationPriority(least)):
        return False
    wanted = rules.get("keywords")
    if wanted is not None and not any(word.casefold() in text for word in wanted):
        return False
    if any(word.casefold() in text for word in rules.get("exclude_keywords", ())):
        return False
    sessions = rules.get("session_ids")
    return sessions is None or str(told.session_id) in sessions


async def cancel(connection: WriteConnection, principal: Principal, key: int) -> None:
    """Keep a notification from being sent; `Conflict` when it is not pending any more."""
    row = await hold(connection, principal, _TABLE, key)
    if row["status"] == NotificationStatus.CANCELLED:
        return
    if row["status"] != NotificationStatus.PENDING:
        raise Conflict(f"This notification is {row['status'].upper()} already.", field="input.id")
    await connection.exec_driver_sql(_CANCEL, (key,))


async def retry(connection: WriteConnection, principal: Principal, key: int) -> None:
    """Have a failed notification sent again, with all its tries; `Conflict` when it has not failed."""
    row = await hold(connection, principal, _TABLE, key)
    if row["status"] == NotificationStatus.PENDING:
        return
    if row["status"] != NotificationStatus.FAILED:
        raise Conflict(
            f"This notification is {row['status'].upper()}; failed ones are retried.", field="input.id"
        )
    await connection.exec_driver_sql(_RETRY, (key,))


async def send_to_sockets(
    connection: WriteConnection, principal: Principal, given: Mapping[str, object]
) -> UUID:
    """Store an event for one socket, for a project, or, by an administrator, for everybody (decision 18)."""
    key: UUID = await create(connection, principal, "websocket_notifications", given)
    return key


async def acknowledge(connection: WriteConnection, principal: Principal, key: UUID) -> None:
    """Note that a client has received an event that it may see; `NotFound` for any other."""
    seen, _ = predicates(principal, "websocket_notifications")
    statement = _ACKNOWLEDGE.format(viewer=VIEWER, visible=seen)
    result = await connection.exec_driver_sql(statement, (key, principal.user_id))
    if result.first() is None:
        raise NotFound("There is no notification with this key that you may see.", field="input.id")


async def _require_recipients(
    connection: WriteConnection, principal: Principal, user_ids: Sequence[int]
) -> None:
    if not 1 <= len(user_ids) <= MAX_RECIPIENTS:
        raise BadInput(f"Name 1 to {MAX_RECIPIENTS} people.", field="input.userIds")
    result = await connection.exec_driver_sql(_RECIPIENTS, (list(user_ids), principal.user_id))
    colleagues = {row["id"]: row["is_colleague"] for row in result.mappings()}
    for position, user_id in enumerate(user_ids):
        field = f"input.userIds.{position}"
        if user_id not in colleagues:
            raise NotFound("There is no person with this key.", field=field)
        if not colleagues[user_id] and not principal.is_admin:
            raise Forbidden("You may notify people with whom you work on a project.", field=field)


async def _require_session(connection: WriteConnection, principal: Principal, session_id: UUID) -> None:
    seen, _ = predicates(principal, "sessions")
    result = await connection.exec_driver_sql(
        f"SELECT 1 FROM sessions t WHERE t.session_id = $1 AND {VIEWER} IS NOT NULL AND {seen}",
        (session_id, principal.user_id),
    )
    if result.first() is None:
        raise NotFound("There is no session with this id that you may see.", field="input.sessionId")
