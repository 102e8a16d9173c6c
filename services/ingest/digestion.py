"""Has rows made of what was stored: any number of workers, in any number of processes.

What is to be digested stands in `ingest_records`, and a batch is marked in the transaction that makes its
rows. So a worker may be killed anywhere: what it had in hand is digested again, and nothing is there twice.
All records of a person are digested batch after batch, by whichever worker, under a lock that ends with the
transaction. What happens now (hooks) comes before what has happened, however much of that waits, and no
batch takes long.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy import text

from models.enums import IngestSource
from models.ingest import MOST_ATTEMPTS, URGENT, WAITING
from services.core.background import Running
from services.core.database import Database, WriteConnection
from services.core.database_errors import driver_error, is_away, is_transient
from services.core.glances import Glances
from services.core.json_codec import read_stored
from services.core.principal import Principal
from services.core.retry import retry
from services.feed.wakeup import WakeupEvent
from services.fleet.records import Digested, RawRecord
from services.secrets.masking import mask_text
from services.secrets.vault import Vault
from services.writing.action import Transaction
from services.writing.audit import act_as

log = structlog.get_logger(__name__)

SLOTS: Final = 4
"""People whose records are digested at a time."""

BULK_SLOTS: Final = 2
"""Of these with what has happened, so that what happens now always finds a place."""

MOST_RECORDS: Final = 200
"""Records of one batch."""

FEWEST_BYTES, MOST_BYTES = 32_000, 2_000_000
"""Of one batch: as many as take about `AIM` seconds, by what the last ones took."""
AIM: Final = 0.1

AGAIN: Final = 0.02
"""Seconds until a person is looked at again whom another worker has in hand."""

SHORTEST_POLL: Final = 0.05
"""Seconds between two looks while records wait for their turn."""

_GAP: Final = 0.002
_PEOPLE: Final = 1_000

Digest = Callable[[Transaction, int, Sequence[RawRecord]], Awaitable[Digested]]
"""Makes rows of records in the owner's name, and gives what could not be read; idempotent, in any order."""

# A walk from person to person: with a DISTINCT, all that waits would be read.
_OWNERS: Final = """
WITH RECURSIVE person AS (
    (SELECT user_id FROM ingest_records WHERE {condition} ORDER BY user_id LIMIT 1)
    UNION ALL
    SELECT (SELECT user_id FROM ingest_records
        WHERE {condition} AND user_id > person.user_id ORDER BY user_id LIMIT 1)
    FROM person WHERE person.user_id IS NOT NULL
)
SELECT user_id FROM person WHERE user_id IS NOT NULL LIMIT {most}
"""
_URGENT_OWNERS: Final = _OWNERS.format(condition=f"{WAITING} AND {URGENT}", most=_PEOPLE)
_BULK_OWNERS: Final = _OWNERS.format(condition=f"{WAITING} AND NOT {URGENT}", most=_PEOPLE)
_LOOK: Final = (
    f"SELECT user_id, true AS urgent FROM ({_URGENT_OWNERS}) AS now"
    f" UNION ALL SELECT user_id, false FROM ({_BULK_OWNERS}) AS before"
)

_LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtext('ccgraph ingest'), $1)"
_OWNER: Final = "SELECT username FROM users WHERE id = $1"

_BATCH: Final = """
SELECT id, created_at, source, told_at, body::text AS body, size_bytes FROM (
    SELECT *, sum(size_bytes) OVER (ORDER BY id) - size_bytes AS before FROM (
        SELECT id, created_at, source, told_at, body, size_bytes FROM ingest_records
        WHERE user_id = $1 AND {condition} ORDER BY id LIMIT {most}
    ) AS first
) AS counted WHERE before < $2 ORDER BY id
"""
_URGENT_BATCH: Final = _BATCH.format(condition=f"{WAITING} AND {URGENT}", most=MOST_RECORDS)
_BULK_BATCH: Final = _BATCH.format(condition=f"{WAITING} AND NOT {URGENT}", most=MOST_RECORDS)

_DONE: Final = """
UPDATE ingest_records AS record SET digested_at = now(), error = done.error
FROM unnest($1::bigint[], $2::timestamptz[], $3::text[]) AS done (id, created_at, error)
WHERE record.id = done.id AND record.created_at = done.created_at
    AND record.created_at BETWEEN $4 AND $5
"""
_FAILED: Final = """
UPDATE ingest_records SET attempts = attempts + 1, error = $3 WHERE id = $1 AND created_at = $2
"""


@dataclass(frozen=True, slots=True)
class _Stored:
    """A record with the key of its row."""

    record: RawRecord
    created_at: Any
    size: int


class Digestion(Running):
    """One worker; its side task is `ingest-digestion`.

    `poll` is in seconds: so often at least it looks unasked.
    """

    def __init__(
        self, database: Database, vault: Vault, digest: Digest, wakeup: WakeupEvent, *, poll: float = 0.2
    ) -> None:
        self._database = database
        self._vault = vault
        self._digest = digest
        self._wakeup = wakeup
        self._glances = Glances(SHORTEST_POLL, poll)
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._bulk: set[int] = set()
        self._rested: dict[int, float] = {}
        self._bytes = FEWEST_BYTES * 4

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        async with self.supervisor.running(self._work, "ingest-digestion"):
            yield
        # A batch that is ended is rolled back, and digested by the next worker.
        for task in [*self._under_way.values()]:
            task.cancel()
        if self._under_way:
            await asyncio.wait([*self._under_way.values()])

    async def _work(self) -> None:
        """Begin batches of people who have records that wait, as there are places; for ever."""
        while True:
            begun = 0
            if len(self._under_way) < SLOTS:
                urgent, bulk = await retry(self._look, "ingest_not_looked_at", helps=is_transient)
                begun = self._begin(urgent, urgent=True) + self._begin(bulk, urgent=False)
                if urgent or bulk:
                    self._glances.found()
            if not begun:
                await self._wakeup.wait(self._glances.pause())
            await asyncio.sleep(_GAP)

    async def _look(self) -> tuple[list[int], list[int]]:
        async with self._database.autocommit.acquire() as connection:
            rows = await connection.fetch(_LOOK)
        urgent = [row["user_id"] for row in rows if row["urgent"]]
        return urgent, [row["user_id"] for row in rows if not row["urgent"]]

    def _begin(self, owners: list[int], *, urgent: bool) -> int:
        """Begin a batch of each owner who has none under way, those first whose turn was longest ago."""
        loop = asyncio.get_running_loop()
        begun = 0
        for owner in sorted(owners, key=lambda one: self._rested.get(one, 0.0)):
            if owner in self._under_way or self._rested.get(owner, 0.0) > loop.time():
                continue
            if len(self._under_way) >= SLOTS or (not urgent and len(self._bulk) >= BULK_SLOTS):
                break
            task = asyncio.create_task(self._take(owner, urgent=urgent), name=f"ingest of {owner}")
            self._under_way[owner] = task
            if not urgent:
                self._bulk.add(owner)
            task.add_done_callback(partial(self._ended, owner))
            begun += 1
        return begun

    def _ended(self, owner: int, task: "asyncio.Task[None]") -> None:
        del self._under_way[owner]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("ingest_batch_failed", error=type(error).__qualname__)
        self._bulk.discard(owner)
        self._wakeup.set()

    async def _take(self, owner: int, *, urgent: bool) -> None:
        """Digest one batch; one that fails is tried record by record."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        taken: list[_Stored] = []
        query = _URGENT_BATCH if urgent else _BULK_BATCH
        self._rested[owner] = begun
        try:
            mine = await self._digest_some(owner, query, taken)
        except Exception as error:
            if is_transient(error):
                self._rest(owner, error)
                return
            for one in taken:
                await self._digest_alone(owner, one)
            return
        if not mine:
            self._rested[owner] = loop.time() + AGAIN
        elif taken and not urgent:
            self._pace(sum(one.size for one in taken), loop.time() - begun)
        if len(self._rested) > _PEOPLE:
            self._rested.clear()

    def _rest(self, owner: int, error: Exception) -> None:
        pause = 0.5 if is_away(error) else AGAIN
        self._rested[owner] = asyncio.get_running_loop().time() + pause
        log.warning("ingest_not_digested", error=type(driver_error(error)).__qualname__, retry_in=pause)

    def _pace(self, size: int, seconds: float) -> None:
        """Take as much the next time as `AIM` seconds allow, at most twice as much as now."""
        if seconds > AIM:
            self._bytes = max(FEWEST_BYTES, min(self._bytes, size) // 2)
        elif size >= self._bytes // 2 and seconds < AIM / 2:
            self._bytes = min(MOST_BYTES, self._bytes * 2)

    async def _digest_some(self, owner: int, query: str, taken: list[_Stored]) -> bool:
        """A batch in one transaction; False where another worker has this person in hand.

        `taken` is filled before anything is digested.
        """
        async with self._database.upkeep() as connection:
            if not (await connection.exec_driver_sql(_LOCK, (owner,))).scalar_one():
                return False
            rows = (await connection.exec_driver_sql(query, (owner, self._bytes))).all()
            taken += [_stored(row) for row in rows]
            if taken:
                await self._digest_in(connection, owner, taken)
        if taken:
            self._database.after_commit()
        return True

    async def _digest_alone(self, owner: int, one: _Stored) -> None:
        """A record of a batch that failed, by itself; it keeps its error when it fails again."""
        try:
            async with self._database.upkeep() as connection:
                if not (await connection.exec_driver_sql(_LOCK, (owner,))).scalar_one():
                    return
                still = await connection.execute(_STILL, {"id": one.record.id, "at": one.created_at})
                if still.first() is None:
                    return
                await self._digest_in(connection, owner, [one])
        except Exception as error:
            if is_transient(error):
                self._rest(owner, error)
                return
            kind = type(driver_error(error)).__qualname__
            log.error("ingest_record_failed", id=one.record.id, error=kind)  # noqa: TRY400
            async with self._database.autocommit.acquire() as connection:
                told = f"No rows could be made of it ({kind})."
                await connection.execute(_FAILED, one.record.id, one.created_at, told)
        else:
            self._database.after_commit()

    async def _digest_in(self, connection: WriteConnection, owner: int, stored: Sequence[_Stored]) -> None:
        """Make rows in the name of the owner, who is no administrator here, and mark what was digested."""
        username = (await connection.exec_driver_sql(_OWNER, (owner,))).scalar_one()
        principal = Principal(owner, username, is_admin=False)
        await act_as(connection, principal)
        transaction = Transaction(connection, principal, self._vault)
        digested = await self._digest(transaction, owner, [one.record for one in stored])
        told = _told(digested)
        times = [one.created_at for one in stored]
        await connection.exec_driver_sql(
            _DONE,
            (
                [one.record.id for one in stored],
                times,
                [told.get(one.record.id) for one in stored],
                min(times),
                max(times),
            ),
        )


_STILL: Final = text(
    "SELECT true FROM ingest_records WHERE id = :id AND created_at = :at AND digested_at IS NULL"
    f" AND attempts < {MOST_ATTEMPTS}"
)


def _stored(row: Any) -> _Stored:
    record = RawRecord(row.id, IngestSource(row.source), row.told_at or row.created_at, read_stored(row.body))
    return _Stored(record, row.created_at, row.size_bytes)


def _told(digested: Digested) -> dict[int, str]:
    """The errors in records that could not be read, by the id of the record."""
    return {one.record_id: mask_text(one.message[:1_000]) for one in digested.problems if one.record_id}
