"""Summary of what has come of a person and what became of it, for `ccgraph doctor`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from models.enums import IngestSource
from models.ingest import WAITING
from services.core.database import PrimaryPool

_SEEN: Final = """
SELECT source, event, received, refused, last_at, clock_skew_ms FROM ingest_seen
WHERE user_id = $1 ORDER BY source, event
"""

_MOST_COUNTED: Final = 10_000

_STATE: Final = f"""
SELECT now() AS now,
    (SELECT count(*) FROM (
        SELECT FROM ingest_records WHERE user_id = $1 AND {WAITING} LIMIT {_MOST_COUNTED}) AS one) AS waiting,
    (SELECT created_at FROM ingest_records WHERE user_id = $1 AND {WAITING} ORDER BY id LIMIT 1) AS oldest,
    (SELECT count(*) FROM (
        SELECT FROM ingest_records WHERE user_id = $1 AND digested_at IS NULL AND error IS NOT NULL
        LIMIT {_MOST_COUNTED}) AS one) AS failed,
    (SELECT error FROM ingest_records
        WHERE user_id = $1 AND digested_at IS NULL AND error IS NOT NULL
        ORDER BY created_at DESC LIMIT 1) AS error
"""

_KNOWN: Final = "SELECT known_bytes FROM ingest_files WHERE user_id = $1 AND file = $2"


@dataclass(frozen=True, slots=True)
class Seen:
    """The records of one way; `event` is that of a hook, else empty. `clock_skew` is in seconds."""

    source: IngestSource
    event: str
    received: int
    refused: int
    last_at: datetime
    clock_skew: float | None


@dataclass(frozen=True, slots=True)
class Recent:
    """All that has come of a person, and how many records wait or could not be digested (10,000 at most)."""

    now: datetime
    seen: tuple[Seen, ...]
    waiting: int
    oldest: datetime | None
    failed: int
    error: str | None


async def recent(pool: PrimaryPool, user_id: int) -> Recent:
    """A summary of what has come of a person."""
    async with pool.acquire() as connection:
        rows = await connection.fetch(_SEEN, user_id)
        state = await connection.fetchrow(_STATE, user_id)
    if state is None:
        raise RuntimeError("A statement without a table has one row")
    seen = tuple(
        Seen(
            IngestSource(row["source"]),
            row["event"],
            row["received"],
            row["refused"],
            row["last_at"],
            None if row["clock_skew_ms"] is None else row["clock_skew_ms"] / 1000,
        )
        for row in rows
    )
    return Recent(state["now"], seen, state["waiting"], state["oldest"], state["failed"], state["error"])


async def known_bytes(pool: PrimaryPool, user_id: int, file: str) -> int:
    """The number of bytes of a transcript that have come, from its start without a gap."""
    return await pool.fetchval(_KNOWN, user_id, file) or 0
