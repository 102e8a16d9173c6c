"""What a server does by itself: make the coming partitions, remove what is past its retention, archive."""

import asyncio
import random

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.accounts.login_attempts import purge_attempts
from services.accounts.rate_limits import purge_counts
from services.core.database import Database
from services.projects.archiving import move_next
from services.usage.retention import purge_usage

log = structlog.get_logger(__name__)

# Each in a transaction of its own: dropping a partition locks its table until the end of the transaction.
STEPS = (
    "SELECT ccgraph_create_partitions()",
    "SELECT ccgraph_drop_partitions()",
    "SELECT cleanup_old_logs()",
)

FIRST_ROUND = 60.0
EVERY = 3600.0
"""Seconds: from the start to the first round, and from one round to the next."""


_LONGEST = 3600.0
"""Seconds that the move of one project may take."""


async def maintain(database: Database) -> None:
    """One round. It may be run twice and by several processes at once (decisions 14 and 29).

    A table that is in use for more than five seconds is left for the next round: `DBAPIError` with
    asyncpg's `LockNotAvailableError` behind it.
    """
    for step in STEPS:
        async with database.writer.begin() as connection:
            await connection.execute(text("SET LOCAL statement_timeout = '10min'"))
            await connection.execute(text(step))
    async with database.transaction() as connection:
        await purge_attempts(connection)
        await purge_counts(connection)
        await purge_usage(connection)
    while await _move_archived(database):
        pass


async def _move_archived(database: Database) -> bool:
    """Move one project that has long been archived, in a transaction of its own; False when none is left."""
    async with database.transaction(within=_LONGEST) as connection:
        await connection.execute(text("SET LOCAL statement_timeout = '10min'"))
        return await move_next(connection) is not None


async def keep_maintained(database: Database, first: float = FIRST_ROUND, every: float = EVERY) -> None:
    """Rounds for ever; one that fails is logged, and the next one does its work."""
    pause = first
    while True:
        # Processes that were started together are not to do it together.
        await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - no secret rests on it
        try:
            await maintain(database)
        except (DBAPIError, OSError) as error:
            log.warning("maintenance_postponed", error=type(error).__qualname__)
        pause = every
