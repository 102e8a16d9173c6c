"""Maintenance of a test's database."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from app.config.settings import Settings
from app.maintenance import maintenance_of
from models.enums import MaintenanceOrigin
from services.core.database import Database
from services.projects.archiving import Departure
from services.projects.restoring import Return
from services.system.maintenance import Outcome
from tests.support.waiting import PATIENCE

# ANALYZE keeps others from maintenance of a table only; who waits for the lock of a run holds nothing.
HELD = """
SELECT max(extract(epoch FROM clock_timestamp() - xact_start))::float8
FROM pg_stat_activity AS a
WHERE a.datname = current_database() AND application_name LIKE 'ccgraph%' AND EXISTS (
    SELECT FROM pg_locks AS l
    WHERE l.pid = a.pid AND l.granted AND mode IN ('RowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
        AND l.locktype IN ('relation', 'tuple', 'transactionid')
)
"""


async def watch(url: str, seen: list[float], gaps: list[float]) -> None:
    """Note how long maintenance holds what others could wait for, and how far apart the looks were.

    Where the machine stands still for a moment, so does a look, and nothing that is held is given back.
    """
    connection = await asyncpg.connect(url)
    try:
        while True:
            begun = time.perf_counter()
            held = await connection.fetchval(HELD)
            if held is not None:
                seen.append(held)
            await asyncio.sleep(0.01)
            gaps.append(time.perf_counter() - begun)
    finally:
        connection.terminate()


async def maintain(settings: Settings, database: Database, at: datetime | None = None) -> dict[str, Outcome]:
    """One run, of which no step fails; what each step did, by its name.

    PostgreSQL ends the lock of the run before with its connection, a moment after that run.
    """
    outcomes = None
    async with asyncio.timeout(PATIENCE):
        while outcomes is None:
            outcomes = await maintenance_of(settings, database).run(MaintenanceOrigin.COMMAND, at=at)
    assert [(outcome.step.name, outcome.error) for outcome in outcomes if outcome.error] == []
    return {outcome.step.name: outcome for outcome in outcomes}


async def move(database: Database, project_id: UUID, *, most: int = 1000, batches: int = 1000) -> bool:
    """Move an archived project at once, as maintenance does after some days; whether it has gone.

    `batches` ends it before, as when its process dies.
    """
    async with database.transaction() as connection:
        await connection.exec_driver_sql(
            "UPDATE projects SET archived_at = now() - INTERVAL '400 days' WHERE project_id = $1"
            " AND status = 'archived'",
            (project_id,),
        )
    departure = Departure(project_id, datetime.now(UTC))
    for _ in range(batches):
        async with database.transaction() as connection:
            if not await departure.batch(connection, most):
                break
    return departure.is_over


async def bring_back(database: Database, project_id: UUID, *, most: int = 1, batches: int = 1000) -> bool:
    """Let a moved project come back; whether it is there. `batches` ends it before, as if killed."""
    async with database.transaction() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO project_archive_rows (project_id, table_name, content)"
            " VALUES ($1, 'projects', '{}')",
            (project_id,),
        )
    coming = Return(project_id)
    for _ in range(batches):
        async with database.transaction() as connection:
            if not await coming.batch(connection, most):
                break
    return coming.is_over


@asynccontextmanager
async def beside(*works: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Let these work until the block ends."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [error for error in ended if not isinstance(error, asyncio.CancelledError)] == []
