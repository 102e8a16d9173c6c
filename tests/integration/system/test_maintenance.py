"""The worker's round makes and removes partitions, and can be run again at any time."""

import asyncio

from sqlalchemy import text
from structlog.testing import capture_logs

from services.core.database import Database
from services.system.maintenance import keep_maintained, maintain
from tests.support import factories
from tests.support.background import background
from tests.support.waiting import until

PARTITIONS = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'cc_logs'::regclass"


async def test_a_round_makes_missing_partitions_and_drops_expired_ones(database: Database) -> None:
    await maintain(database)  # the database may have been made yesterday
    async with database.transaction() as connection:
        before = await connection.scalar(text(PARTITIONS))
        partition = await connection.scalar(
            text("SELECT 'cc_logs' || to_char(now() AT TIME ZONE 'UTC', '_YYYY_MM')")
        )
        await connection.execute(text(f"DROP TABLE {partition}"))
        await connection.execute(
            text("SELECT ccgraph_create_partition('cc_logs', 'cc_logs_2020_01', '2020-01-01', '2020-02-01')")
        )
        log = await factories.make_cc_log(connection)
    await asyncio.gather(maintain(database), maintain(database))
    async with database.transaction() as connection:
        assert await connection.scalar(text(PARTITIONS)) == before
        place = await connection.scalar(text("SELECT tableoid::regclass::text FROM cc_logs"))
        assert place == partition
        assert await connection.scalar(text("SELECT id FROM cc_logs")) == log.id


async def test_a_round_that_fails_is_made_up_for_by_the_next_one(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("ALTER FUNCTION ccgraph_create_partitions RENAME TO away"))
        partition = await connection.scalar(
            text("SELECT 'cc_logs' || to_char(now() AT TIME ZONE 'UTC', '_YYYY_MM')")
        )
        await connection.execute(text(f"DROP TABLE {partition}"))
    with capture_logs() as logs:
        async with background(keep_maintained(database, first=0.01, every=0.05), "maintenance"):
            await until(lambda: bool(logs))
            async with database.transaction() as connection:
                await connection.execute(text("ALTER FUNCTION away RENAME TO ccgraph_create_partitions"))
            rounds = len(logs)
            await until(lambda: _exists(database, partition))
    assert {entry["event"] for entry in logs} == {"maintenance_postponed"}
    assert len(logs) <= rounds + 1


async def _exists(database: Database, table: str) -> bool:
    async with database.transaction() as connection:
        return bool(await connection.scalar(text("SELECT to_regclass(:table) IS NOT NULL"), {"table": table}))
