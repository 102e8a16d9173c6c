"""The worker's round makes and removes partitions, and can be run again at any time."""

import asyncio

from sqlalchemy import text

from services.database import Database
from services.maintenance import maintain
from tests.support import factories

PARTITIONS = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'cc_logs'::regclass"


async def test_a_round_makes_missing_partitions_and_drops_expired_ones(database: Database) -> None:
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
