"""Notifications to people: stored for every service that wants them, cancelled, tried again (client §3.4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from models.enums import NotificationPriority, NotificationStatus, NotificationType
from models.policy import MEMBER
from services.core.database import ReadConnection
from services.core.errors import BadInput, Conflict, Forbidden, NotFound
from services.core.json_codec import read_stored
from services.core.principal import Principal
from services.writing import shapes
from services.writing.action import Action, Done, Refused, SingleStatement, Undecided
from services.writing.permissions import VIEWER, predicates
from services.writing.rows import create, lock_row, uuid_key
from services.writing.single_statement import SET_ACTOR, audit_insert
from services.writing.tables import TABLES
from services.writing.values import Unfit, parameters

MAX_RECIPIENTS: Final = 500

_TABLE: Final = TABLES["notification_history"]

# People who work on a project together may write to each other.
_RECIPIENTS: Final = f"""
SELECT u.id,
    u.id = $2::int OR EXISTS (
        SELECT FROM projects p
        WHERE {MEMBER.format(row="p", viewer="$2::int")} AND {MEMBER.format(row="p", viewer="u.id")}
    ) AS is_colleague,
    (
        SELECT json_agg(json_build_array(wish.service_type, wish.filter_rules) ORDER BY wish.id)
        FROM notification_settings AS wish
        WHERE wish.user_id = u.id AND wish.notification_type = $3 AND wish.is_enabled
    ) AS wishes
FROM users u WHERE u.id = ANY($1::int[]) ORDER BY u.id
"""

# The audit row is written also when no setting wants the notification.
_STORE: Final = f"""
WITH stored AS (
    INSERT INTO notification_history (user_id, service_type, session_id, notification_type, title, message,
                                      payload, priority, scheduled_at)
    SELECT user_id, service_type, $9::uuid, $10, $11, $12, $13::jsonb, $14, COALESCE($15, now())
    FROM (SELECT {SET_ACTOR} AS actor) AS acting,
        unnest($7::int[], $8::text[]) AS chosen(user_id, service_type)
    WHERE actor IS NOT NULL
    RETURNING id
), told AS (
    SELECT COALESCE(array_agg(id ORDER BY id), '{{}}') AS keys FROM stored
), traced AS (
    {audit_insert("told", "jsonb_build_object('recipients', $6::int, 'keys', keys)")}
)
SELECT keys FROM told
"""

# Those that a summary was about to tell of are told for themselves.
_CANCEL: Final = """
WITH freed AS (UPDATE notification_history SET summary_of = NULL WHERE summary_of = $1 AND status = 'pending')
UPDATE notification_history SET status = 'cancelled' WHERE id = $1
"""

_RETRY: Final = """
UPDATE notification_history
SET status = 'pending', retry_count = 0, scheduled_at = now(), error_message = NULL, next_attempt_at = NULL,
    summary_of = NULL
WHERE id = $1
"""

_ACKNOWLEDGE: Final = """
UPDATE websocket_notifications t
SET client_ack = true, delivery_status = 'delivered', first_sent_at = COALESCE(t.first_sent_at, now())
WHERE t.id = $1 AND {viewer} IS NOT NULL AND {visible} RETURNING t.id
"""


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification to store; `user_ids` are keys of its receivers, `payload` any JSON object."""

    user_ids: Sequence[int]
    type: NotificationType
    title: str
    message: str
    priority: NotificationPriority = NotificationPriority.NORMAL
    payload: object = None
    session_id: UUID | None = None
    scheduled_at: datetime | None = None


async def send(action: Action, told: Notification) -> list[int]:
    """Store a pending notification for every enabled service whose filter rules let it through (decision 28).

    Gives the keys of the rows; none when no service is to tell of it.

    Raises: NotFound for a person who does not exist, Forbidden for one with whom the caller shares no
    project, BadInput, and Conflict when one of them is deleted at the same moment.
    """
    given = {
        "session_id": told.session_id,
        "notification_type": told.type,
        "title": told.title,
        "message": told.message,
        "payload": told.payload,
        "priority": told.priority,
        "scheduled_at": told.scheduled_at,
    }
    stored = await parameters(_TABLE, given, "input", action.vault)
    async with action.database.primary.acquire() as connection:
        wishes = await _wishes(connection, action.principal, told)
        if told.session_id is not None:
            await _require_session(connection, action.principal, told.session_id)
    chosen = [(user_id, service) for user_id, service, rules in wishes if lets_through(rules, told)]
    people = [user_id for user_id, _ in chosen]
    services = [service for _, service in chosen]
    statement: SingleStatement[list[int]] = SingleStatement(
        _STORE, (len(told.user_ids), people, services, *stored.values())
    )
    match await action.attempt(statement):
        case Done(keys):
            return keys
        case Refused() | Undecided():
            raise Conflict("A person or a session of this was deleted at the same moment; try again.")


def lets_through(stored: object, told: Notification) -> bool:
    """True if a setting's filter rules, decoded JSON, let a notification pass: all that are given.

    Rules of an unknown shape let nothing through.
    """
    try:
        rules = shapes.filter_rules(stored)
    except Unfit:
        return False
    text = f"{told.title}\n{told.message}".casefold()
    order = list(NotificationPriority)
    least = rules.min_priority
    if least is not None and order.index(told.priority) < order.index(least):
        return False
    if rules.keywords is not None and not any(word.casefold() in text for word in rules.keywords):
        return False
    if any(word.casefold() in text for word in rules.exclude_keywords):
        return False
    return rules.session_ids is None or told.session_id in rules.session_ids


async def cancel(action: Action, key: int) -> None:
    """Keep a notification from being sent; `Conflict` when it is not pending any more."""
    async with action.transaction(key=key) as transaction:
        row = await lock_row(transaction, _TABLE, key)
        if row["status"] == NotificationStatus.CANCELLED:
            return
        if row["status"] != NotificationStatus.PENDING:
            raise Conflict(f"This notification is {row['status'].upper()} already.", field="input.id")
        await transaction.connection.exec_driver_sql(_CANCEL, (key,))


async def retry(action: Action, key: int) -> None:
    """Have a failed notification sent again, with all its tries; `Conflict` when it has not failed."""
    async with action.transaction(key=key) as transaction:
        row = await lock_row(transaction, _TABLE, key)
        if row["status"] == NotificationStatus.PENDING:
            return
        if row["status"] != NotificationStatus.FAILED:
            raise Conflict(
                f"This notification is {row['status'].upper()}; failed ones are retried.", field="input.id"
            )
        await transaction.connection.exec_driver_sql(_RETRY, (key,))


async def send_to_sockets(action: Action, given: Mapping[str, object]) -> UUID:
    """Store an event for one socket, for a project, or, by an administrator, for everybody (decision 18)."""
    async with action.transaction() as transaction:
        key = uuid_key(await create(transaction, "websocket_notifications", given))
        transaction.details["key"] = key
    return key


async def acknowledge(action: Action, key: UUID) -> None:
    """Note that a client has received an event that it may see; `NotFound` for any other."""
    async with action.transaction(key=key) as transaction:
        seen, _ = predicates(action.principal, "websocket_notifications")
        statement = _ACKNOWLEDGE.format(viewer=VIEWER, visible=seen)
        result = await transaction.connection.exec_driver_sql(statement, (key, action.principal.user_id))
        if result.first() is None:
            raise NotFound("There is no notification with this key that you may see.", field="input.id")


async def _wishes(
    connection: ReadConnection, principal: Principal, told: Notification
) -> list[tuple[int, str, object]]:
    """The person, the service and the filter rules of each enabled setting for this, by person."""
    if not 1 <= len(told.user_ids) <= MAX_RECIPIENTS:
        raise BadInput(f"Name 1 to {MAX_RECIPIENTS} people.", field="input.userIds")
    rows = await connection.fetch(_RECIPIENTS, told.user_ids, principal.user_id, told.type)
    colleagues = {row["id"]: row["is_colleague"] for row in rows}
    for position, user_id in enumerate(told.user_ids):
        field = f"input.userIds.{position}"
        if user_id not in colleagues:
            raise NotFound("There is no person with this key.", field=field)
        if not colleagues[user_id] and not principal.is_admin:
            raise Forbidden("You may notify only people with whom you work on a project.", field=field)
    return [
        (row["id"], service, rules) for row in rows for service, rules in read_stored(row["wishes"] or "[]")
    ]


async def _require_session(connection: ReadConnection, principal: Principal, session_id: UUID) -> None:
    seen, _ = predicates(principal, "sessions")
    found = await connection.fetchval(
        f"SELECT true FROM sessions t WHERE t.session_id = $1 AND {VIEWER} IS NOT NULL AND {seen}",
        session_id,
        principal.user_id,
    )
    if not found:
        raise NotFound("There is no session with this id that you may see.", field="input.sessionId")
