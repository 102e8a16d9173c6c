"""Makes notifications of what happens: tasks that end, instances in trouble, permissions that Claude waits
for, invitations, requests to join.

The change feed says what happened. The place up to which it was read is a row, which moves in the transaction
that stores the notifications: each occurrence is told once, by whichever worker holds the row, and a worker
that dies in the middle has told nothing.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

import asyncpg
import structlog

from models.change_policy import changeable
from models.enums import NotificationPriority, NotificationService, NotificationType
from models.feed import recorded, recorded_text
from models.policy import MEMBER
from services.core.database import Connection, Database
from services.core.database_errors import is_transient
from services.core.errors import CursorExpired, CursorInvalid
from services.core.glances import Glances
from services.core.json_codec import read_stored, write_stored
from services.core.retry import retry
from services.delivery.messages import cut
from services.delivery.texts import language_of, say
from services.delivery.worker import SHORTEST_POLL
from services.feed.events import Batch
from services.feed.reading import BOUND, UNSEEN, current_snapshot, read_as_of_now
from services.feed.snapshots import Snapshot
from services.feed.wakeup import WakeupEvent
from services.notifications.notifications import Notification, lets_through

log = structlog.get_logger(__name__)

PAGE: Final = 200
"""Events that become notifications in one transaction."""
_SHORTEST_GAP: Final = 0.02
"""Seconds between two readings, however often it is woken."""
_MOVE_EVERY: Final = 30.0
"""Seconds after which the stored place follows although nothing happened."""
_MOST_TITLE: Final = 200

_HOLD: Final = """
SELECT position.epoch, position.start, position.before, position.until, position.past,
    (SELECT epoch FROM feed_state) AS current_epoch, (SELECT number FROM feed_running) AS running
FROM notification_position AS position FOR UPDATE SKIP LOCKED
"""

_BEGIN: Final = """
INSERT INTO notification_position (epoch, start, before)
SELECT epoch, $1, $2 FROM feed_state ON CONFLICT DO NOTHING
"""

_MOVE: Final = """
UPDATE notification_position SET epoch = (SELECT epoch FROM feed_state), start = $1, before = $2, until = $3,
    past = $4
"""


def _becomes(table: str, column: str, *values: str) -> str:
    """SQL that holds for events by which the column of a row got one of these values."""
    old, new = (recorded_text(table, column, side) for side in ("old", "new"))
    chosen = ", ".join(f"'{value}'" for value in values)
    return f"table_name = '{table}' AND {new} IN ({chosen}) AND {old} IS DISTINCT FROM {new}"


def _is_set(column: str, side: Literal["old", "new"]) -> str:
    return f"{recorded_text('cc_permission_requests', column, side)} IS NOT NULL"


_MATTERS: Final = f"""(
    (op = 'UPDATE' AND ({_becomes("tasks", "status", "COMPLETED", "FAILED")}
        OR {_becomes("cc_instances", "status", "ERROR")}))
    OR (table_name = 'cc_permission_requests' AND op <> 'DELETE' AND NOT {_is_set("decision", "new")}
        AND NOT {_is_set("held_until", "old")} AND {_is_set("held_until", "new")})
    OR (op <> 'DELETE' AND ({_becomes("project_invitations", "state", "pending")}
        OR {_becomes("collaboration_participants", "state", "requested")}))
)"""

# A range of the index on xid, as in services/feed/reading.py. Most of what happens is of no interest here.
_READ: Final = f"""
WITH {BOUND}{UNSEEN}
SELECT bound.snapshot, bound.start, bound.position, event.*
FROM bound LEFT JOIN (
    SELECT change.* FROM unseen CROSS JOIN LATERAL (
        SELECT seq, table_name, row_key, new::text AS new, project_id, user_id, actor_id
        FROM change_events
        WHERE xid >= low AND xid < high AND pg_visible_in_snapshot(xid, snapshot) AND {_MATTERS}
        OFFSET 0
    ) change
    WHERE change.seq > $3 ORDER BY seq + 0 LIMIT {PAGE}
) event ON true
ORDER BY event.seq
"""

_LISTED: Final = """CASE WHEN listed ->> 'user_id' ~ '^[0-9]{1,9}([.]0+)?$'
            THEN (listed ->> 'user_id')::numeric::int END
        FROM jsonb_path_query(projects.collaborators, '$[*]') AS listed"""

# Who has a setting for it, of those whom it concerns: one row for each event and setting.
_CONCERNED: Final = f"""
WITH event AS (
    SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::uuid[], $5::int[], $6::text[], $7::int[])
        AS event (place, kind, row_key, project_id, user_id, notification_type, actor_id)
), concerned AS (
    SELECT event.*, person.id AS person_id, projects.name AS project_name
    FROM event JOIN projects ON projects.project_id = event.project_id
    CROSS JOIN LATERAL (
        SELECT projects.owner_id AS id
        UNION
        SELECT {_LISTED}
    ) AS person
    WHERE kind IN ('tasks', 'cc_instances') AND {MEMBER.format(row="projects", viewer="person.id")}
    UNION ALL
    SELECT event.*, person.id, projects.name
    FROM event JOIN cc_permission_requests AS request
        ON request.id = CASE WHEN kind = 'cc_permission_requests' THEN event.row_key::uuid END
    JOIN projects ON projects.project_id = event.project_id
    CROSS JOIN LATERAL (
        SELECT projects.owner_id AS id UNION SELECT request.user_id UNION SELECT {_LISTED}
    ) AS person
    WHERE {changeable("cc_permission_requests", "request", "person.id")}
    UNION ALL
    SELECT event.*, event.user_id, (
        SELECT invitation.project_name FROM project_invitations AS invitation
        WHERE invitation.id = event.row_key::uuid
    )
    FROM event WHERE kind = 'project_invitations'
    UNION ALL
    SELECT event.*, shared.host_user_id, sessions.name
    FROM event JOIN collaboration_participants AS part
        ON part.id = CASE WHEN kind = 'collaboration_participants' THEN event.row_key::uuid END
    JOIN collaboration_sessions AS shared ON shared.id = part.collaboration_session_id
    JOIN sessions ON sessions.session_id = shared.session_id
    WHERE kind = 'collaboration_participants'
)
SELECT concerned.place, concerned.person_id, concerned.project_name, wish.service_type,
    wish.filter_rules::text AS filter_rules, person.preferences::text AS preferences,
    (SELECT username FROM users WHERE users.id = CASE concerned.kind
        WHEN 'collaboration_participants' THEN concerned.user_id ELSE concerned.actor_id END) AS other_name
FROM concerned JOIN users AS person ON person.id = concerned.person_id AND person.is_active
JOIN notification_settings AS wish ON wish.user_id = person.id AND wish.is_enabled
    AND wish.notification_type = concerned.notification_type
ORDER BY concerned.place, concerned.person_id, wish.id
"""

_STORE: Final = """
INSERT INTO notification_history (user_id, service_type, notification_type, title, message, payload, priority)
SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::text[])
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """The wording of an occurrence: `text` is the beginning of its keys in services/delivery/texts.py."""

    type: NotificationType
    text: str
    priority: NotificationPriority = NotificationPriority.NORMAL


_KINDS: Final[Mapping[tuple[str, str], Kind]] = {
    ("tasks", "COMPLETED"): Kind(NotificationType.TASK_COMPLETED, "task.completed"),
    ("tasks", "FAILED"): Kind(NotificationType.ERROR_OCCURRED, "task.failed", NotificationPriority.HIGH),
    ("cc_instances", "ERROR"): Kind(
        NotificationType.ERROR_OCCURRED, "instance.error", NotificationPriority.HIGH
    ),
    ("cc_permission_requests", ""): Kind(
        NotificationType.CLAUDE_REQUEST, "permission", NotificationPriority.HIGH
    ),
    ("project_invitations", "pending"): Kind(NotificationType.COLLABORATION_INVITE, "invitation"),
    ("collaboration_participants", "requested"): Kind(
        NotificationType.COLLABORATION_INVITE, "join", NotificationPriority.HIGH
    ),
}

_PATHS: Final[Mapping[str, str]] = {
    "tasks": "/tasks/{key}",
    "cc_instances": "/instances/{key}",
    "cc_permission_requests": "/permissions/{key}",
    "project_invitations": "/invitations/{key}",
}


@dataclass(frozen=True, slots=True)
class _Event:
    seq: int
    table: str
    key: str
    new: Mapping[str, Any]
    project_id: UUID | None
    user_id: int | None
    actor_id: int | None

    @property
    def kind(self) -> Kind:
        return _KINDS[self.table, self.new.get("status") or self.new.get("state") or ""]


class Occurrences:
    """Watches the feed for what people want to hear of.

    `poll` is in seconds: so often at least it looks unasked.
    """

    def __init__(self, database: Database, wakeup: WakeupEvent, poll: float) -> None:
        self._database = database
        self._wakeup = wakeup
        self._glances = Glances(SHORTEST_POLL, poll)
        self._clock = time.monotonic
        self._moved = 0.0
        self._seen: Snapshot | None = None

    async def run(self) -> None:
        """Store notifications of what happened, then wait for more; for ever."""
        while True:
            stored, more = await retry(self.tell, "occurrences_not_read", helps=is_transient)
            if stored:
                self._glances.found()
                self._database.after_commit()
            if not more:
                await self._wakeup.wait(self._glances.pause())
            await asyncio.sleep(_SHORTEST_GAP)

    async def tell(self) -> tuple[int, bool]:
        """Store notifications of what happened since; gives their number, and whether there is more.

        Most often nothing did, which is found out without a transaction. The stored place follows from time
        to time then, so that the next worker has little to look through.
        """
        async with self._database.autocommit.acquire() as connection:
            if self._seen is not None and self._clock() < self._moved + _MOVE_EVERY:
                try:
                    batch = await _batch(connection, self._seen, None, 0)
                except (CursorExpired, CursorInvalid):
                    batch = None
                if batch is not None and not batch.events:
                    self._seen = batch.after
                    return 0, False
            async with connection.transaction():
                place = await connection.fetchrow(_HOLD)
                if place is not None and place["running"] is not None:
                    if place["epoch"] == place["current_epoch"]:
                        return await self._tell(connection, place)
                    await self._start_anew(connection, "the database was restored")
                    return 0, False
            if place is not None or not await _exists(connection):
                # Nothing of the past is told; and after a crash the server's new start is noted.
                now = await current_snapshot(connection)
                await connection.execute(_BEGIN, now.start, _written(now))
            return 0, False

    async def _tell(self, connection: Connection, place: asyncpg.Record) -> tuple[int, bool]:
        before = _read(place["before"], place["start"])
        until = None if place["until"] is None else _read(place["until"], place["start"])
        try:
            batch = await _batch(connection, before, until, place["past"])
        except (CursorExpired, CursorInvalid):
            await self._start_anew(connection, "the database was recovered")
            return 0, False
        events: Sequence[Any] = batch.events
        stored = await _store(connection, events) if events else 0
        if batch.complete:
            await connection.execute(_MOVE, batch.after.start, _written(batch.after), None, 0)
            self._seen = batch.after
        else:
            self._seen = None
            places = (_written(batch.before), _written(batch.after))
            await connection.execute(_MOVE, batch.after.start, *places, events[-1].seq)
        self._moved = self._clock()
        return stored, not batch.complete

    async def _start_anew(self, connection: Connection, reason: str) -> None:
        now = await current_snapshot(connection)
        await connection.execute(_MOVE, now.start, _written(now), None, 0)
        log.warning("occurrences_skipped", reason=reason)


async def _batch(connection: Connection, before: Snapshot, until: Snapshot | None, past: int) -> Batch:
    return await read_as_of_now(
        connection,
        before,
        until,
        lambda low, high: connection.fetch(_READ, low.value, None if high is None else high.value, past),
        lambda records: [] if records[0]["seq"] is None else [_event_of(one) for one in records],
        PAGE,
    )


async def _exists(connection: Connection) -> bool:
    return bool(await connection.fetchval("SELECT true FROM notification_position"))


async def _store(connection: Connection, events: Sequence[Any]) -> int:
    """Store what these events tell whom; gives the number of rows."""
    rows = await connection.fetch(
        _CONCERNED,
        list(range(len(events))),
        [event.table for event in events],
        [event.key for event in events],
        [event.project_id for event in events],
        [event.user_id for event in events],
        [event.kind.type.value for event in events],
        [event.actor_id for event in events],
    )
    wanted = [row for row in (_row(events[record["place"]], record) for record in rows) if row is not None]
    if wanted:
        await connection.execute(_STORE, *map(list, zip(*wanted, strict=True)))
    return len(wanted)


def _row(event: _Event, record: asyncpg.Record) -> tuple[object, ...] | None:
    """The columns of one notification, in the reader's language; None where filter rules are against it."""
    language = language_of(read_stored(record["preferences"]) if record["preferences"] else None)
    kind = event.kind
    name = event.new.get("name") or event.new.get("tool_name") or record["other_name"] or "?"
    values = {"name": name, "project": record["project_name"] or "?"}
    title = cut(say(f"{kind.text}.title", language, **values), _MOST_TITLE)
    text = say(f"{kind.text}.text", language, **values)
    told = Notification((record["person_id"],), kind.type, title, text, kind.priority)
    if not lets_through(read_stored(record["filter_rules"]) if record["filter_rules"] else None, told):
        return None
    payload = {
        "event": kind.text,
        "id": event.key,
        "projectId": None if event.project_id is None else str(event.project_id),
    }
    if event.table in _PATHS:
        payload["path"] = _PATHS[event.table].format(key=event.key)
    return (
        record["person_id"],
        NotificationService(record["service_type"]).value,
        kind.type.value,
        title,
        text,
        write_stored(payload).decode(),
        kind.priority.value,
    )


def _event_of(record: asyncpg.Record) -> Any:
    return _Event(
        record["seq"],
        record["table_name"],
        record["row_key"],
        recorded(record["table_name"], read_stored(record["new"])),
        record["project_id"],
        record["user_id"],
        record["actor_id"],
    )


def _written(snapshot: Snapshot) -> str:
    """A snapshot as PostgreSQL writes it: `xmin:xmax:xip,xip`."""
    return f"{snapshot.xmin}:{snapshot.xmax}:{','.join(map(str, snapshot.in_progress))}"


def _read(text: str, start: int) -> Snapshot:
    """The place that is stored.

    It stands in the log behind all that it has seen, so a server that has the one has the other.
    """
    xmin, xmax, in_progress = text.split(":")
    unseen = tuple(int(xid) for xid in in_progress.split(",") if xid)
    return Snapshot(int(xmin), int(xmax), unseen, start, position=0)
