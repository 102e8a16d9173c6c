"""File operations are counted as they come and go, and the sums are exact in every snapshot."""

import asyncio
import random

import asyncpg
import pytest

from models.enums import FileOperationType
from services.system.integrity import TROUBLES
from tests.integration.database.catalog import Connection
from tests.support.waiting import PATIENCE

WRONG = TROUBLES["file operations that are counted wrongly"]
INSERT = """
INSERT INTO file_operations (session_id, user_id, operation_type, file_path, created_at)
SELECT $1, 1, $2, 'src/' || n, now() - n * interval '20 days' FROM generate_series(1, $3) AS n
"""
TOTAL = "SELECT coalesce(sum(operations), 0)::int FROM file_operation_counts"


@pytest.fixture
async def sessions(plain: Connection) -> list[object]:
    await plain.execute("INSERT INTO users (id, username, hashed_password) VALUES (1, 'hanako', 'x')")
    rows = await plain.fetch(
        "INSERT INTO sessions (name, user_id) SELECT 's' || n, 1 FROM generate_series(1, 4) AS n"
        " RETURNING session_id"
    )
    return [row["session_id"] for row in rows]


async def assert_exact(connection: Connection, total: int | None = None) -> None:
    assert await connection.fetchval(WRONG) == 0
    if total is not None:
        assert await connection.fetchval(TOTAL) == total


async def test_every_way_in_and_out_is_counted(plain: Connection, sessions: list[object]) -> None:
    for session, number in zip(sessions, (5, 3, 4, 1), strict=True):
        await plain.execute(INSERT, session, "update", number)
    await assert_exact(plain, 13)
    await plain.execute("UPDATE file_operations SET operation_type = 'read' WHERE id % 2 = 0")
    await plain.execute("UPDATE file_operations SET session_id = $1 WHERE id % 3 = 0", sessions[0])
    await plain.execute("UPDATE file_operations SET created_at = created_at - interval '40 days'")
    await assert_exact(plain, 13)
    await plain.execute("DELETE FROM file_operations WHERE session_id = $1", sessions[1])
    await assert_exact(plain)
    await plain.execute("DELETE FROM sessions WHERE session_id = $1", sessions[0])
    await assert_exact(plain, await plain.fetchval("SELECT count(*)::int FROM file_operations"))
    await plain.execute("SELECT ccgraph_sum_up_file_operations()")
    await assert_exact(plain)
    assert await plain.fetchval("SELECT count(*) FROM file_operation_counts WHERE operations <= 0") == 0
    await plain.execute("DELETE FROM users")
    await assert_exact(plain, 0)


async def test_a_partition_that_retention_drops_is_taken_off(
    plain: Connection, sessions: list[object]
) -> None:
    await plain.execute(
        "SELECT ccgraph_create_partition('file_operations', 'file_operations_2020_01',"
        " '2020-01-01 00:00+00', '2020-02-01 00:00+00')"
    )
    await plain.execute(INSERT, sessions[0], "read", 2)
    await plain.execute(
        "INSERT INTO file_operations (session_id, user_id, operation_type, file_path, created_at)"
        " SELECT $1, 1, 'read', 'old', '2020-01-05' FROM generate_series(1, 7)",
        sessions[0],
    )
    await assert_exact(plain, 9)
    assert await plain.fetchval("SELECT ccgraph_drop_partitions()") > 0
    await assert_exact(plain, 2)
    await plain.execute("TRUNCATE file_operations")
    await assert_exact(plain, 0)


async def test_writers_neither_wait_for_each_other_nor_miscount(
    plain: Connection, sessions: list[object], database_url: str
) -> None:
    kinds = [kind.value for kind in FileOperationType]
    others = [await asyncpg.connect(database_url) for _ in range(4)]
    try:
        first, second = others[0].transaction(), others[1].transaction()
        await first.start()
        await second.start()
        await others[0].execute(INSERT, sessions[0], "read", 3)
        await asyncio.wait_for(others[1].execute(INSERT, sessions[0], "read", 2), PATIENCE)
        await assert_exact(plain, 0)
        await first.commit()
        await assert_exact(plain, 3)
        await second.rollback()
        await assert_exact(plain, 3)

        async def work(connection: Connection, seed: int) -> None:
            chance = random.Random(seed)
            for _ in range(25):
                await connection.execute(INSERT, chance.choice(sessions), chance.choice(kinds), 3)
                if chance.random() < 0.3:
                    await connection.execute(
                        "DELETE FROM file_operations WHERE session_id = $1 AND operation_type = $2",
                        chance.choice(sessions),
                        chance.choice(kinds),
                    )
                if chance.random() < 0.2:
                    await connection.execute("SELECT ccgraph_sum_up_file_operations()")

        async with asyncio.TaskGroup() as working:
            for seed, connection in enumerate(others):
                working.create_task(work(connection, seed))
        await assert_exact(plain)
    finally:
        for connection in others:
            await connection.close()
