"""Maintenance, by servers and `ccgraph maintenance`: one run at a time of a database, step by step.

The lock is held by a transaction that does nothing else, so that it goes with its process, also behind a
pooler, and holds back nothing: after its last statement it has no snapshot. So a run that is noted as running
when another one gets the lock has died. Each step can be done twice; what a dead run has left, the next one
does.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog

from models.enums import MaintenanceOrigin, MaintenanceStatus
from services.core.background import pause
from services.core.batches import LOCK_WAIT
from services.core.database import Connection, Database
from services.core.database_errors import driver_error, is_away, translate
from services.core.errors import ServiceUnavailable
from services.core.json_codec import write_json
from services.system.maintenance_steps import STEPS, Step
from services.system.maintenance_work import IN_USE, Connect, InUse, Superseded, Work

log = structlog.get_logger(__name__)

FIRST_RUN: Final = 60.0
"""Seconds from the start of a server to its first look at what is due."""
LOOK_EVERY: Final = 60.0
"""Seconds between two looks at most."""

_LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtext('ccgraph maintenance'))"
_INTERRUPTED: Final = (
    "UPDATE maintenance_runs SET status = 'interrupted', finished_at = now() WHERE status = 'running'"
)
_BEGIN: Final = "INSERT INTO maintenance_runs (origin, status) VALUES ($1, 'running') RETURNING id"
_NOTE: Final = "UPDATE maintenance_runs SET steps = $2::jsonb WHERE id = $1 AND status = 'running'"
_END: Final = """
UPDATE maintenance_runs SET steps = $2::jsonb, failed_steps = $3, status = $4, finished_at = now()
WHERE id = $1 AND status = 'running'
"""
_AGE: Final = """
SELECT now() - max(started_at) FROM maintenance_runs WHERE status IN ('running', 'completed', 'failed')
"""


@dataclass(slots=True)
class Outcome:
    """The result of a step: numbers by what was done, and a sentence where it failed."""

    step: Step
    done: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The outcome as it stands in `maintenance_runs.steps`."""
        return {
            "step": self.step.name,
            "seconds": round(self.seconds, 3),
            "done": self.done,
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class Told:
    """The listener that a run tells of its steps as they begin and end."""

    began: Callable[[Step], None] = lambda step: None
    ended: Callable[[Outcome], None] = lambda outcome: None


class Maintenance:
    """Runs maintenance of a database, over connections of its own that `connect` opens.

    `silent_for` and `lost_after` are those of CCGRAPH_HEARTBEAT_TIMEOUT and CCGRAPH_PROCESS_TIMEOUT.
    """

    def __init__(
        self,
        database: Database,
        connect: Connect,
        *,
        silent_for: timedelta = timedelta(minutes=1),
        lost_after: timedelta = timedelta(seconds=30),
    ) -> None:
        self._database = database
        self._connect = connect
        self._silent_for = silent_for
        self._lost_after = lost_after

    async def run(
        self, origin: MaintenanceOrigin, *, at: datetime | None = None, told: Told | None = None
    ) -> list[Outcome] | None:
        """All steps; None when another process is at it. `at` counts as now for what is due.

        Raises: what the database raises when it cannot be reached, and Superseded when another process took
        over because this one had lost its lock.
        """
        async with self.only_one() as free:
            if not free:
                return None
            run = _Run(self, told or Told())
            try:
                return await run.begin(origin, at)
            finally:
                await run.close()

    async def dry_run(self, *, at: datetime | None = None, told: Told | None = None) -> list[Outcome]:
        """The changes that a run would make now, in the same numbers.

        Nothing is changed, and no run is held up.
        """
        run = _Run(self, told or Told())
        try:
            return await run.dry_run(at)
        finally:
            await run.close()

    async def age(self) -> timedelta | None:
        """The time since the last run began that did not die; None without one."""
        async with self._database.checks.acquire() as connection:
            age: timedelta | None = await connection.fetchval(_AGE)
            return age

    async def open(self) -> Connection:
        """A connection on which no statement waits long for a lock, nor a commit for the disk.

        What a crash of the server takes back, the next run does again.
        """
        connection = await self._connect()
        await connection.execute(
            f"SET lock_timeout = '{LOCK_WAIT}'; SET statement_timeout = '30min';"
            " SET synchronous_commit = off; SET idle_in_transaction_session_timeout = 0"
        )
        return connection

    def work(self, connection: Connection, at: datetime, *, dry: bool) -> Work:
        """The work for the next step."""
        return Work(self._database, connection, at, dry, self._silent_for, self._lost_after)

    @asynccontextmanager
    async def only_one(self) -> AsyncIterator[bool]:
        """True if no other process runs it; then none does until the block ends. It holds no snapshot."""
        keeper = await self.open()
        try:
            await keeper.execute("BEGIN")
            free = bool(await keeper.fetchval(_LOCK))
            # Until the next statement PostgreSQL keeps this one open, and with it its snapshot, which would
            # have it keep all that is removed meanwhile. One of the simple protocol leaves none behind.
            await keeper.execute("SELECT 1")
            yield free
        finally:
            keeper.terminate()  # which ends its transaction, whatever state the connection is in


class _Run:
    """One run over its steps."""

    def __init__(self, maintenance: Maintenance, told: Told) -> None:
        self._maintenance = maintenance
        self._told = told
        self._connection: Connection | None = None
        self._outcomes: list[Outcome] = []
        self._id: UUID | None = None

    async def begin(self, origin: MaintenanceOrigin, at: datetime | None) -> list[Outcome]:
        connection = await self._connected()
        if await connection.execute(_INTERRUPTED) != "UPDATE 0":
            log.warning("maintenance_was_interrupted")
        self._id = await connection.fetchval(_BEGIN, origin.value)
        moment = at or await connection.fetchval("SELECT now()")
        try:
            for step in STEPS:
                await self._step(step, moment, dry=False)
                await self._note(_NOTE)
            failed = sum(outcome.error is not None for outcome in self._outcomes)
            status = MaintenanceStatus.FAILED if failed else MaintenanceStatus.COMPLETED
            await self._note(_END, failed, status.value)
        except asyncio.CancelledError:
            # The next run would find out; this way it is known at once.
            with suppress(Exception):
                async with asyncio.timeout(2):
                    await self._admit_interruption()
            raise
        log.info("maintenance_done", steps=[outcome.as_json() for outcome in self._outcomes])
        return self._outcomes

    async def _admit_interruption(self) -> None:
        connection = await self._maintenance.open()
        try:
            await connection.execute(_INTERRUPTED)
        finally:
            connection.terminate()

    async def dry_run(self, at: datetime | None) -> list[Outcome]:
        connection = await self._connected()
        await connection.execute("SET default_transaction_read_only = on")
        moment = at or await connection.fetchval("SELECT now()")
        for step in STEPS:
            await self._step(step, moment, dry=True)
        return self._outcomes

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._maintenance.open()
        return self._connection

    async def _step(self, step: Step, at: datetime, *, dry: bool) -> None:
        self._told.began(step)
        outcome = Outcome(step)
        begun = time.perf_counter()
        work: Work | None = None
        try:
            work = self._maintenance.work(await self._connected(), at, dry=dry)
            await step.run(work)
        except Exception as error:
            outcome.error = _sentence(error)
            cause = driver_error(error)
            log.warning(
                "maintenance_step_failed",
                step=step.name,
                error=type(cause).__qualname__,
                sqlstate=getattr(cause, "sqlstate", None),
            )
        outcome.seconds = time.perf_counter() - begun
        outcome.done = {what: number for what, number in work.done.items() if number} if work else {}
        self._outcomes.append(outcome)
        self._told.ended(outcome)

    async def _note(self, statement: str, *values: object) -> None:
        steps = write_json([outcome.as_json() for outcome in self._outcomes]).decode()
        connection = await self._connected()
        if await connection.execute(statement, self._id, steps, *values) != "UPDATE 1":
            raise Superseded


def _sentence(error: Exception) -> str:
    """A sentence about why a step failed and what follows, without PostgreSQL's own words."""
    if isinstance(error, InUse):
        return IN_USE
    if is_away(error) or isinstance(error, TimeoutError):
        return "The database could not be reached; the next run does what is left."
    told = translate(error)
    if isinstance(told, ServiceUnavailable):
        return f"{told.message} The next run does what is left."
    if told is not None:
        return IN_USE if "LockNotAvailable" in type(driver_error(error)).__name__ else _TOO_LONG
    return "It failed for a reason that the server's log names; the next run tries again."


_TOO_LONG: Final = "The database refused a part of it or took too long; the next run tries again."


async def keep_maintained(maintenance: Maintenance, every: float, first: float = FIRST_RUN) -> None:
    """Run maintenance when the last run of any process began `every` seconds ago; for ever.

    A run that fails is logged, and the next one does its work.
    """
    seconds = min(first, every)
    while True:
        await pause(seconds)
        seconds = min(LOOK_EVERY, every)
        try:
            age = await maintenance.age()
            if age is None or age.total_seconds() >= every * 0.9:
                await maintenance.run(MaintenanceOrigin.SCHEDULE)
        except Exception as error:
            log.warning("maintenance_postponed", error=type(driver_error(error)).__qualname__)
