"""The worker's round makes and removes partitions, and can be run again at any time."""

import asyncio

import pytest
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


@pytest.mark.parametrize(
    "value", ['"x"', "-1", "1e10", "1e308", "2147483647", "[]", "{}", "true", "0.5", '"30"', '"-1"']
)
async def test_an_odd_figure_removes_nothing_new_and_stops_no_other_table(
    database: Database, value: str
) -> None:
    await maintain(database)
    async with database.transaction() as connection:
        await connection.execute(
            text(
                "UPDATE system_settings SET setting_value = CAST(:value AS jsonb)"
                " WHERE setting_key IN ('retention.cc_logs_days', 'retention.mcp_payload_characters')"
            ),
            {"value": value},
        )
        await connection.execute(
            text("SELECT ccgraph_create_partition('task_logs', 'task_logs_2020', '2020-01-01', '2020-02-01')")
        )
        log = await factories.make_cc_log(connection)
    await maintain(database)
    async with database.transaction() as connection:
        assert await connection.scalar(text("SELECT id FROM cc_logs")) == log.id
    assert not await _exists(database, "task_logs_2020")


async def _exists(database: Database, table: str) -> bool:
    async with database.transaction() as connection:
        return bool(await connection.scalar(text("SELECT to_regclass(:table) IS NOT NULL"), {"table": table}))
