"""Stores what was received: an answer means that it is on disk.

What comes at the same moment shares one statement and one commit (services/core/batching.py), of all people;
each that is refused is tried by itself. What is long goes its own way, one statement of a person at a
time, so that nothing short waits behind it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from services.core.batching import Batcher
from services.core.database import WritePool
from services.core.fair_shares import FairPlaces, Place
from services.core.json_codec import write_json
from services.core.principal import Principal
from services.ingest.received import Intake, Received
from services.secrets.masking import mask_all, off_the_loop

LARGEST_SHARED: Final = 64_000
"""Bytes of a request from which it is long. What is shorter shares statements."""

MOST_SHARED: Final = 50
"""Requests of one statement."""

CONNECTIONS: Final = 4
"""Of which one is left to what is short."""

MOST_WAITING: Final = 20
"""Long requests of a person that wait: each is in memory."""

LONGEST_WAIT: Final = 20.0
"""Seconds."""

MOST_EVENTS: Final = 200
"""Names of events that are counted of a person; those of further ones are counted together."""

# Rows of `ingest_seen` are locked in one order, so that processes do not block each other. A name that is new
# is taken while there are few.
_STORE: Final = f"""
WITH given AS MATERIALIZED (
    SELECT * FROM unnest($1::int[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
                         $7::text[], $8::int[], $9::timestamptz[])
        AS given (user_id, token_id, source, session_key, event, told_at, body, size_bytes, created_at)
), stored AS (
    INSERT INTO ingest_records
        (user_id, token_id, source, session_key, event, told_at, body, size_bytes, created_at)
    SELECT user_id, token_id, source, session_key, event, told_at, body::jsonb, size_bytes, created_at
    FROM given
), told AS MATERIALIZED (
    SELECT * FROM unnest($10::int[], $11::text[], $12::text[], $13::bigint[], $14::bigint[],
                         $15::timestamptz[], $16::bigint[])
        AS told (user_id, source, event, received, refused, last_at, skew)
), named AS (
    SELECT user_id, source, CASE
            WHEN event = '' OR EXISTS (
                SELECT FROM ingest_seen AS known
                WHERE known.user_id = told.user_id AND known.source = told.source AND known.event = told.event
            ) OR (
                SELECT count(*) FROM ingest_seen AS known WHERE known.user_id = told.user_id
            ) < {MOST_EVENTS} THEN event
            ELSE 'others' END AS event,
        received, refused, last_at, skew
    FROM told
)
INSERT INTO ingest_seen AS seen (user_id, source, event, received, refused, last_at, clock_skew_ms)
SELECT user_id, source, event, sum(received), sum(refused), max(last_at), max(skew)
FROM named GROUP BY user_id, source, event ORDER BY user_id, source, event
ON CONFLICT (user_id, source, event) DO UPDATE
SET received = seen.received + EXCLUDED.received, refused = seen.refused + EXCLUDED.refused,
    last_at = GREATEST(seen.last_at, EXCLUDED.last_at), clock_skew_ms = EXCLUDED.clock_skew_ms
"""

# What follows a gap is stored, and does not count as known: the client that follows the file sends the gap.
_KNOW: Final = """
INSERT INTO ingest_files AS known (user_id, file, known_bytes, last_at)
VALUES ($1, $2, CASE WHEN $3::bigint = 0 THEN $4::bigint ELSE 0 END, now())
ON CONFLICT (user_id, file) DO UPDATE
SET known_bytes = CASE
        WHEN $3 = 0 THEN $4
        WHEN $3 <= known.known_bytes THEN GREATEST(known.known_bytes, $4)
        ELSE known.known_bytes END,
    last_at = now()
RETURNING known_bytes
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """The records stored: their bodies as JSON texts, and the known bytes of a transcript."""

    bodies: list[str]
    known: int | None = None


@dataclass(frozen=True, slots=True)
class _Item:
    principal: Principal
    intake: Intake
    at: datetime


class Store:
    """Takes what was received, for all who send it to this process. `stored` is called after each commit."""

    def __init__(self, pool: WritePool, stored: Callable[[], None]) -> None:
        self._pool = pool
        self._stored = stored
        self._batcher = Batcher()
        self._places = FairPlaces(CONNECTIONS - 1, 1, most_waiting=MOST_WAITING, longest_wait=LONGEST_WAIT)

    def place(self, principal: Principal) -> Place:
        """A place for reading and storing a long request: one of a person at a time, and few in all.

        Entering it raises RateLimited when too many of the person wait.
        """
        return self._places.of(principal.user_id)

    async def store(self, principal: Principal, intake: Intake, at: datetime) -> Stored:
        """Store it, with secrets masked.

        What is larger than `LARGEST_SHARED` is stored within a `place`. Raises: what PostgreSQL does.
        """
        item = _Item(principal, intake, at)
        if intake.part is None and sum(record.size for record in intake.records) <= LARGEST_SHARED * 4:
            return await self._batcher.submit("store", item, self._store_all, max_batch=MOST_SHARED)
        parameters = await _parameters([item])
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_STORE, *parameters)
            part = intake.part
            known: int | None = None
            if part is not None:
                known = await connection.fetchval(_KNOW, principal.user_id, part.file, part.offset, part.end)
        self._stored()
        return Stored(parameters[_BODIES], known)

    async def _store_all(self, items: Sequence[_Item]) -> Sequence[Stored]:
        parameters = await _parameters(items)
        async with self._pool.acquire() as connection:
            await connection.execute(_STORE, *parameters)
        self._stored()
        bodies = iter(parameters[_BODIES])
        return [Stored([*islice(bodies, len(item.intake.records))]) for item in items]


_BODIES: Final = 6
"""Where the bodies are among the parameters."""


async def _parameters(items: Sequence[_Item]) -> list[list[Any]]:
    """The parameters of `_STORE`, secrets masked."""
    records = [(item, record) for item in items for record in item.intake.records]
    size = sum(record.size for _, record in records)
    bodies = await off_the_loop(size, _masked, [record for _, record in records])
    columns: list[list[Any]] = [
        [item.principal.user_id for item, _ in records],
        [item.principal.token_id for item, _ in records],
        [record.source.value for _, record in records],
        [record.session_key for _, record in records],
        [record.event for _, record in records],
        [record.told_at for _, record in records],
        bodies,
        [len(body) for body in bodies],
        [item.at for item, _ in records],
    ]
    seen = [row for item in items for row in _seen(item)]
    return columns + [list(column) for column in zip(*seen, strict=True)]


def _masked(records: Sequence[Received]) -> list[str]:
    """The bodies as JSON texts without secrets."""
    return [write_json(body).decode() for body in mask_all([record.body for record in records])]


def _seen(item: _Item) -> list[tuple[Any, ...]]:
    """The rows of `ingest_seen` for a request: hooks by their event, else what the person counts."""
    intake = item.intake
    skew = None if intake.skew is None else round(intake.skew / timedelta(milliseconds=1))
    events: dict[str, int] = {}
    for record in intake.records:
        if record.event is not None:
            events[record.event] = events.get(record.event, 0) + 1
    if not events or intake.refused:
        events[""] = 0 if events else intake.units - intake.refused
    return [
        (
            *(item.principal.user_id, intake.source.value, event, received),
            *(0 if event else intake.refused, item.at, skew),
        )
        for event, received in events.items()
    ]
