"""The rows of notification_history as the queue: claimed with a lease, given back with what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
from sqlalchemy import text

from models.enums import NotificationPriority, NotificationService, NotificationType
from models.notifications import DUE
from services.core.database import Connection, WriteConnection
from services.core.json_codec import read_stored
from services.delivery.outcomes import Outcome

_FEWEST, _MOST = 20, 500
"""Rows that one claim looks at, for the order and for destinations that are busy."""

# A destination gets as many as it has free places, so one that is slow fills no place of another. Only what
# is taken is locked, however much waits. Rows that another worker takes at the same moment are passed over.
_CLAIM: Final = f"""
WITH known AS MATERIALIZED (
    SELECT * FROM unnest($4::int[], $5::text[], $6::int[]) AS known (user_id, service_type, free)
), candidate AS MATERIALIZED (
    SELECT n.id, n.created_at, n.user_id, n.service_type, n.scheduled_at,
        array_position('{{urgent,high,normal,low}}', n.priority::text) AS rank
    FROM notification_history n
    WHERE n.status = 'pending' AND n.summary_of IS NULL AND {DUE.format(row="n")} <= now()
        AND NOT EXISTS (
            SELECT FROM known
            WHERE known.free <= 0 AND known.user_id = n.user_id AND known.service_type = n.service_type
        )
    ORDER BY {DUE.format(row="n")}
    LIMIT $7
), placed AS (
    SELECT candidate.*, row_number() OVER (
        PARTITION BY user_id, service_type ORDER BY scheduled_at, rank, id
    ) AS place
    FROM candidate
), chosen AS (
    SELECT placed.id, placed.created_at, placed.scheduled_at, placed.rank
    FROM placed LEFT JOIN known USING (user_id, service_type)
    WHERE place <= COALESCE(known.free, $8)
    ORDER BY scheduled_at, rank, id
    LIMIT $3
), free AS MATERIALIZED (
    SELECT n.id, n.created_at, chosen.rank
    FROM chosen JOIN notification_history n ON n.id = chosen.id AND n.created_at = chosen.created_at
    WHERE n.status = 'pending' AND n.summary_of IS NULL AND {DUE.format(row="n")} <= now()
    FOR UPDATE OF n SKIP LOCKED
), claimed AS (
    UPDATE notification_history n
    SET lease_expires_at = now() + $2, lease_holder = $1,
        message_id = COALESCE(n.message_id, gen_random_uuid())
    FROM free WHERE n.id = free.id AND n.created_at = free.created_at
    RETURNING n.*, free.rank
)
SELECT claimed.id, claimed.created_at, claimed.user_id, claimed.service_type, claimed.notification_type,
    claimed.title, claimed.message, claimed.payload, claimed.priority, claimed.message_id, claimed.session_id,
    claimed.retry_count, claimed.max_retries,
    users.is_active, users.preferences,
    wish.id AS setting_id, wish.is_enabled, wish.service_config, wish.webhook_url, wish.webhook_headers,
    wish.webhook_secret, wish.push_subscription, wish.push_endpoint, wish.filter_rules,
    wish.updated_at AS setting_updated_at,
    CASE WHEN wish.webhook_secret_changed_at > now() - interval '1 day'
        THEN wish.previous_webhook_secret END AS previous_webhook_secret
FROM claimed
JOIN users ON users.id = claimed.user_id
LEFT JOIN notification_settings AS wish ON wish.user_id = claimed.user_id
    AND wish.notification_type = claimed.notification_type AND wish.service_type = claimed.service_type
ORDER BY claimed.scheduled_at, claimed.rank, claimed.id
"""

# What was cancelled meanwhile stays so, and what another worker has taken over is that worker's to end. The
# rows that a summary has told of share its end. A setting that was changed after its claim is not
# switched off: it may name another address by now, of which nothing is known.
_END: Final = """
WITH ended AS (
    SELECT * FROM unnest($2::bigint[], $3::timestamptz[], $4::text[], $5::int[], $6::text[], $7::text[],
                         $8::float8[], $9::int[], $10::timestamptz[])
        AS ended (id, created_at, verdict, code, body, error, delay, gone, gone_as_of)
), stored AS (
    UPDATE notification_history n
    SET status = CASE
            WHEN verdict = 'sent' THEN 'sent'
            WHEN verdict = 'failed' THEN 'failed'
            WHEN verdict = 'retry' AND COALESCE(n.retry_count, 0) >= COALESCE(n.max_retries, 3) THEN 'failed'
            ELSE 'pending' END,
        retry_count = CASE
            WHEN verdict = 'retry' AND COALESCE(n.retry_count, 0) < COALESCE(n.max_retries, 3)
                THEN COALESCE(n.retry_count, 0) + 1
            ELSE n.retry_count END,
        next_attempt_at = CASE WHEN verdict IN ('retry', 'defer')
            THEN now() + delay * interval '1 second' END,
        response_code = CASE WHEN verdict = 'defer' THEN n.response_code ELSE code END,
        response_body = CASE WHEN verdict = 'defer' THEN n.response_body ELSE body END,
        error_message = CASE WHEN verdict = 'defer' THEN n.error_message ELSE error END,
        sent_at = CASE WHEN verdict = 'sent' THEN now() ELSE n.sent_at END,
        lease_expires_at = NULL,
        lease_holder = NULL
    FROM ended
    WHERE n.id = ended.id AND n.created_at = ended.created_at AND n.status = 'pending' AND n.lease_holder = $1
    RETURNING n.id, n.status, n.response_code, n.response_body, n.error_message, n.sent_at, n.message_id
), told AS (
    UPDATE notification_history n
    SET status = stored.status, response_code = stored.response_code, response_body = stored.response_body,
        error_message = stored.error_message, sent_at = stored.sent_at, message_id = stored.message_id,
        next_attempt_at = NULL
    FROM stored
    WHERE n.summary_of = stored.id AND n.status = 'pending' AND stored.status <> 'pending'
), switched AS (
    UPDATE notification_settings wish SET is_enabled = false
    FROM (SELECT DISTINCT gone, gone_as_of FROM ended) AS ended
    WHERE wish.id = ended.gone AND wish.updated_at = ended.gone_as_of
)
SELECT count(*) FROM stored
"""

# Everything that is due for the same destination and waits behind a receiver that takes nothing.
_POSTPONE: Final = f"""
UPDATE notification_history n SET next_attempt_at = now() + $3 * interval '1 second'
WHERE n.status = 'pending' AND n.summary_of IS NULL AND n.user_id = $1 AND n.service_type = $2
    AND {DUE.format(row="n")} <= now()
"""

# Two workers that would send a summary at once take turns at the row of `notification_pace`.
_PACE: Final = """
INSERT INTO notification_pace AS pace (user_id, service_type, told_at) VALUES ($1, $2, now())
ON CONFLICT (user_id, service_type) DO UPDATE SET told_at = now()
WHERE pace.told_at <= now() - $3 * interval '1 second'
RETURNING true
"""

_PACE_LEFT: Final = """
SELECT GREATEST(0, extract(epoch FROM told_at - now()) + $3)::float8 FROM notification_pace
WHERE user_id = $1 AND service_type = $2
"""

_GATHER: Final = """
WITH due AS (
    SELECT n.id, n.created_at FROM notification_history n
    WHERE n.status = 'pending' AND n.summary_of IS NULL AND n.id <> $1
        AND n.user_id = $2 AND n.service_type = $3 AND n.notification_type = $4
        AND GREATEST(COALESCE(n.scheduled_at, n.created_at), n.lease_expires_at) <= now()
        AND n.retry_count = 0
    ORDER BY n.scheduled_at LIMIT $5
    FOR UPDATE SKIP LOCKED
)
UPDATE notification_history n SET summary_of = $1
FROM due WHERE n.id = due.id AND n.created_at = due.created_at
"""

_ITEMS: Final = """
SELECT title FROM notification_history WHERE summary_of = $1 AND status = 'pending' ORDER BY scheduled_at, id
"""

MOST_IN_SUMMARY: Final = 200


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that this worker is to send, with its setting, if there is one."""

    id: int
    created_at: datetime
    user_id: int
    service: NotificationService
    type: NotificationType
    title: str
    message: str
    payload: Any
    priority: NotificationPriority
    message_id: UUID
    session_id: UUID | None
    retry_count: int
    max_retries: int
    is_active: bool
    preferences: Any
    setting: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Ended:
    """The result for a claimed row; `delay` is in seconds, for one that is tried again."""

    row: Claimed
    outcome: Outcome
    delay: float = 0.0


async def claim(
    connection: Connection,
    holder: UUID,
    lease: float,
    most: int,
    free: Mapping[tuple[int, NotificationService], int],
    places: int,
) -> list[Claimed]:
    """Up to `most` rows that are due, in order of their times and priorities, leased for `lease` seconds.

    `free` has the places of the destinations that are busy or rest; each other one has `places`.
    """
    records = await connection.fetch(
        _CLAIM,
        holder,
        timedelta(seconds=lease),
        most,
        [user for user, _ in free],
        [service.value for _, service in free],
        list(free.values()),
        min(max(most * 4, _FEWEST), _MOST),
        places,
    )
    return [_claimed(record) for record in records]


async def end(connection: Connection, holder: UUID, ended: Sequence[Ended]) -> int:
    """Write down what came of rows, in one statement; gives how many were still this worker's."""
    outcomes = [one.outcome for one in ended]
    gone = [one.row.setting if one.outcome.disable else None for one in ended]
    found: int = await connection.fetchval(
        _END,
        holder,
        [one.row.id for one in ended],
        [one.row.created_at for one in ended],
        [outcome.verdict.value for outcome in outcomes],
        [outcome.code for outcome in outcomes],
        [outcome.body for outcome in outcomes],
        [outcome.error for outcome in outcomes],
        [one.delay for one in ended],
        [setting and setting["setting_id"] for setting in gone],
        [setting and setting["setting_updated_at"] for setting in gone],
    )
    return found


async def postpone(
    connection: Connection, user_id: int, service: NotificationService, seconds: float
) -> None:
    """Let what is due for a destination that takes nothing wait, so that claims need not walk past it."""
    await connection.execute(_POSTPONE, user_id, service.value, seconds)


async def gather(connection: Connection, row: Claimed, seconds: float) -> tuple[float, list[str]]:
    """Make a row the summary of all that waits with it, at most once in `seconds` for its destination.

    Gives 0 and the titles of the others, or the seconds that it has to wait. A row that has gathered others
    already, before its worker died, keeps them.
    """
    async with connection.transaction():
        kept = await connection.fetch(_ITEMS, row.id)
        if not kept and row.retry_count == 0:
            may = await connection.fetchval(_PACE, row.user_id, row.service.value, seconds)
            if not may:
                left: float = await connection.fetchval(_PACE_LEFT, row.user_id, row.service.value, seconds)
                return max(left, 0.001), []
            await connection.execute(
                _GATHER, row.id, row.user_id, row.service.value, row.type.value, MOST_IN_SUMMARY
            )
            kept = await connection.fetch(_ITEMS, row.id)
    return 0.0, [record["title"] for record in kept]


def _claimed(record: asyncpg.Record) -> Claimed:
    setting: dict[str, Any] | None = None
    if record["setting_id"] is not None:
        setting = {
            name: record[name]
            for name in (
                *("setting_id", "is_enabled", "webhook_url", "webhook_secret", "previous_webhook_secret"),
                *("push_endpoint", "setting_updated_at"),
            )
        }
        for name in ("service_config", "webhook_headers", "push_subscription", "filter_rules"):
            setting[name] = None if record[name] is None else read_stored(record[name])
    return Claimed(
        id=record["id"],
        created_at=record["created_at"],
        user_id=record["user_id"],
        service=NotificationService(record["service_type"]),
        type=NotificationType(record["notification_type"]),
        title=record["title"],
        message=record["message"],
        payload=None if record["payload"] is None else read_stored(record["payload"]),
        priority=NotificationPriority(record["priority"] or "normal"),
        message_id=record["message_id"],
        session_id=record["session_id"],
        retry_count=record["retry_count"] or 0,
        max_retries=3 if record["max_retries"] is None else record["max_retries"],
        is_active=bool(record["is_active"]),
        preferences=None if record["preferences"] is None else read_stored(record["preferences"]),
        setting=setting,
    )


_COUNT_WAITING: Final = text("SELECT count(*) FROM notification_history WHERE status = 'pending'")
_CALL_OFF: Final = text("""
UPDATE notification_history
SET status = 'cancelled', error_message = :said, lease_expires_at = NULL, lease_holder = NULL
WHERE status = 'pending'
""")


async def count_waiting(connection: WriteConnection) -> int:
    """The number of rows that wait to be sent."""
    return int((await connection.execute(_COUNT_WAITING)).scalar_one())


async def call_off_waiting(connection: WriteConnection) -> int:
    """Let no row that waits in a restored database be sent; gives their number."""
    said = "Called off when the database was restored from a backup."
    return (await connection.execute(_CALL_OFF, {"said": said})).rowcount
