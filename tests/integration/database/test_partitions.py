"""Partitions are there ahead of time, rows find theirs, and what is past its retention goes."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.integration.database.catalog import Connection
from tests.support.waiting import PATIENCE

LOG = """
INSERT INTO system_logs (level, category, module, message, created_at) VALUES ('INFO', 'c', 'm', $1, $2)
RETURNING tableoid::regclass::text
"""
PARTITIONED = [
    "cc_logs",
    "task_logs",
    "system_logs",
    "notification_history",
    "file_operations",
    "ingest_records",
]
DEEP_PAST = datetime(2020, 1, 15, tzinfo=UTC)


async def partitions_of(connection: Connection, table: str) -> set[str]:
    rows = await connection.fetch(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = $1::regclass", table
    )
    return {row[0] for row in rows}


async def made_at(connection: Connection) -> datetime:
    """When the run made the database: now, or the day before when midnight has passed since."""
    today = datetime.now(UTC)
    yesterday = today - timedelta(days=1)
    there = await partitions_of(connection, "change_events")
    return yesterday if f"change_events_{yesterday:%Y_%m_%d}" in there else today


async def make_january_2020(connection: Connection, table: str) -> str:
    name = f"{table}_2020_01"
    await connection.fetchval(
        "SELECT ccgraph_create_partition($1, $2, '2020-01-01 00:00+00', '2020-02-01 00:00+00')", table, name
    )
    return name


async def test_a_row_of_any_time_finds_a_partition(passing: Connection) -> None:
    now = datetime.now(UTC)
    assert await passing.fetchval(LOG, "now", now) == f"system_logs_{now:%Y_%m}"
    for when in (DEEP_PAST, now + timedelta(days=4000)):
        assert await passing.fetchval(LOG, "far away", when) == "system_logs_default"


@pytest.mark.parametrize("table", PARTITIONED)
async def test_months_are_there_ahead_of_time(passing: Connection, table: str) -> None:
    month = (await made_at(passing)).replace(day=1)
    coming = {f"{table}_{month:%Y_%m}"}
    for _ in range(2):
        month = (month + timedelta(days=31)).replace(day=1)
        coming.add(f"{table}_{month:%Y_%m}")
    assert await partitions_of(passing, table) == coming | {f"{table}_default"}


async def test_days_of_the_feed_are_there_ahead_of_time(passing: Connection) -> None:
    today = await made_at(passing)
    days = {f"change_events_{today + timedelta(days=ahead):%Y_%m_%d}" for ahead in range(4)}
    assert await partitions_of(passing, "change_events") == days | {"change_events_default"}


async def test_months_begin_in_utc_whatever_the_connections_time_zone(passing: Connection) -> None:
    await passing.execute("SET LOCAL timezone = 'Asia/Tokyo'")
    await passing.execute("SELECT ccgraph_create_partitions(5, 0)")
    ahead = await passing.fetchval(
        "SELECT count(*) FROM generate_series(date_trunc('month', $1::timestamptz, 'UTC'),"
        " now() + interval '5 months', interval '1 month')",
        await made_at(passing),
    )
    bounds = await passing.fetch(
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname LIKE 'cc_logs_2%'"
        " AND relkind = 'r'"
    )
    assert len(bounds) == ahead
    assert all("01 09:00:00+09" in bound[0] for bound in bounds)


async def test_making_partitions_twice_makes_them_once(passing: Connection) -> None:
    await passing.execute("SELECT ccgraph_create_partitions()")  # a day may have passed since they were made
    assert await passing.fetchval("SELECT ccgraph_create_partitions(4, 5)") == 2 * len(PARTITIONED) + 2
    assert await passing.fetchval("SELECT ccgraph_create_partitions(4, 5)") == 0


async def test_two_processes_that_make_partitions_at_once_do_not_collide(database_url: str) -> None:
    async def work() -> int:
        connection = await asyncpg.connect(database_url)
        try:
            created: int = await connection.fetchval("SELECT ccgraph_create_partitions(4, 3)")
            return created
        finally:
            await connection.close()

    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "SELECT ccgraph_create_partitions()"
    )  # a day may have passed since they were made
    await connection.close()
    assert sorted(await asyncio.gather(*(work() for _ in range(3)))) == [0, 0, 2 * len(PARTITIONED)]


async def test_rows_that_came_before_their_partition_move_into_it_and_are_no_events(
    plain: Connection,
) -> None:
    user = await make_user(plain)
    statement = (
        "INSERT INTO notification_history (user_id, notification_type, service_type, title, message,"
        " created_at) VALUES ($1, 'task_completed', 'line', 't', 'm', $2)"
    )
    await plain.executemany(statement, [(user, DEEP_PAST), (user, DEEP_PAST + timedelta(days=60))])
    await plain.execute("DELETE FROM change_events")

    name = await make_january_2020(plain, "notification_history")

    rows = await plain.fetch("SELECT tableoid::regclass::text AS place, created_at FROM notification_history")
    assert {(row["place"], row["created_at"]) for row in rows} == {
        (name, DEEP_PAST),
        ("notification_history_default", DEEP_PAST + timedelta(days=60)),
    }
    assert await plain.fetchval("SELECT count(*) FROM change_events") == 0


async def test_a_new_partition_has_what_its_table_has(plain: Connection) -> None:
    name = await make_january_2020(plain, "notification_history")
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await plain.execute(
            "INSERT INTO notification_history (user_id, notification_type, service_type, title, message,"
            " created_at) VALUES (999, 'task_completed', 'line', 't', 'm', $1)",
            DEEP_PAST,
        )
    user = await make_user(plain)
    await plain.execute(
        "INSERT INTO notification_history (user_id, notification_type, service_type, title, message,"
        " created_at) VALUES ($1, 'task_completed', 'line', 't', 'm', $2)",
        user,
        DEEP_PAST,
    )
    await plain.execute("UPDATE notification_history SET status = 'sent'")
    operations = await plain.fetch(
        "SELECT op FROM change_events WHERE table_name = 'notification_history' ORDER BY seq"
    )
    assert [row["op"] for row in operations] == ["INSERT", "UPDATE"]
    counts = await plain.fetchrow(
        "SELECT (SELECT count(*) FROM pg_index WHERE indrelid = $1::regclass),"
        " (SELECT count(*) FROM pg_index WHERE indrelid = 'notification_history'::regclass)",
        name,
    )
    assert counts is not None
    assert counts[0] == counts[1]


async def test_a_partition_goes_when_its_last_day_is_past_retention(plain: Connection) -> None:
    name = await make_january_2020(plain, "task_logs")
    assert await plain.fetchval("SELECT ccgraph_drop_partitions()") == 1
    assert name not in await partitions_of(plain, "task_logs")
    assert await plain.fetchval("SELECT ccgraph_drop_partitions()") == 0


async def test_retention_follows_the_setting_and_without_one_nothing_goes(plain: Connection) -> None:
    name = await make_january_2020(plain, "cc_logs")
    await plain.execute("DELETE FROM system_settings WHERE setting_key = 'retention.cc_logs_days'")
    assert await plain.fetchval("SELECT ccgraph_drop_partitions()") == 0
    await plain.execute(
        "INSERT INTO system_settings (setting_key, setting_value) VALUES ('retention.cc_logs_days', '36500')"
    )
    await plain.execute("SELECT cleanup_old_logs()")
    assert name in await partitions_of(plain, "cc_logs")
    await plain.execute("UPDATE system_settings SET setting_value = '60' WHERE setting_key LIKE '%cc_logs%'")
    await plain.execute("SELECT cleanup_old_logs()")
    assert name not in await partitions_of(plain, "cc_logs")


@pytest.mark.parametrize(
    ("table", "days", "columns", "values"),
    [
        ("cc_logs", 30, "log_level, category, message", "'info', 'task', 'm'"),
        ("task_logs", 30, "log_level, phase, message", "'info', 'setup', 'm'"),
        ("system_logs", 90, "level, category, module, message", "'INFO', 'c', 'm', 'm'"),
        (
            "notification_history",
            90,
            "user_id, notification_type, service_type, title, message",
            "1, 'task_completed', 'line', 't', 'm'",
        ),
        (
            "file_operations",
            90,
            "user_id, session_id, operation_type, file_path",
            "1, '01900000-0000-7000-8000-000000000001', 'read', '/f'",
        ),
    ],
)
async def test_rows_past_retention_go_and_younger_ones_stay(
    passing: Connection, table: str, days: int, columns: str, values: str
) -> None:
    await passing.execute("INSERT INTO users (id, username, hashed_password) VALUES (1, 'hanako', 'x')")
    await passing.execute(
        "INSERT INTO sessions (user_id, name, session_id)"
        " VALUES (1, 's', '01900000-0000-7000-8000-000000000001')"
    )
    for age in (0, days - 1, days + 1, 4 * days):
        await passing.execute(
            f"INSERT INTO {table} ({columns}, created_at) VALUES ({values}, NOW() - $1::interval)",
            timedelta(days=age),
        )
    await passing.execute("SELECT cleanup_old_logs()")
    left = await passing.fetch(f"SELECT extract(day FROM NOW() - created_at)::int AS age FROM {table}")
    assert {row["age"] for row in left} == {0, days - 1}


async def test_a_table_in_use_does_not_stop_the_rest_of_the_cleanup(
    plain: Connection, database_url: str
) -> None:
    await make_user(plain)
    await plain.execute("INSERT INTO auth_tokens (user_id, expires_at) SELECT id, NOW() FROM users")
    name = await make_january_2020(plain, "cc_logs")
    reader: asyncpg.Connection[Any] = await asyncpg.connect(database_url)
    try:
        async with reader.transaction():
            await reader.fetch(f"SELECT FROM {name}")
            await plain.execute("SELECT cleanup_old_logs()")
    finally:
        await reader.close()
    assert await plain.fetchval("SELECT count(*) FROM auth_tokens") == 0
    assert name in await partitions_of(plain, "cc_logs")


async def test_expired_tokens_go_at_once(passing: Connection) -> None:
    await make_user(passing)
    await passing.execute(
        "INSERT INTO auth_tokens (user_id, name, expires_at) SELECT id, v.name, NOW() + v.late FROM users,"
        " (VALUES ('expired', INTERVAL '-1 second'), ('valid', INTERVAL '1 hour')) AS v (name, late)"
    )
    await passing.execute("SELECT cleanup_old_logs()")
    assert [row[0] for row in await passing.fetch("SELECT name FROM auth_tokens")] == ["valid"]


async def test_long_payloads_are_compacted_after_a_week(passing: Connection) -> None:
    long, short = json.dumps({"text": "東" * 10_000}), json.dumps({"text": "東" * 9_000})
    for name, payload, days in [("long", long, 8), ("short", short, 8), ("young", long, 6)]:
        await passing.execute(
            "INSERT INTO mcp_messages (message_type, method, params, result, created_at)"
            " VALUES ('response', $1, $2, $2, NOW() - $3::interval)",
            name,
            payload,
            timedelta(days=days),
        )
    await passing.execute("SELECT cleanup_old_logs()")
    rows = await passing.fetch("SELECT method, params, result FROM mcp_messages")
    found = {row["method"]: (json.loads(row["params"]), json.loads(row["result"])) for row in rows}
    compacted = {"archived": True, "original_size": len('{"text": ""}') + 10_000}
    assert found["long"] == (compacted, compacted)
    assert found["short"] == (json.loads(short), json.loads(short))
    assert found["young"] == (json.loads(long), json.loads(long))


async def test_compaction_finds_long_payloads_by_their_own_index(plain: Connection) -> None:
    await plain.execute("SET enable_seqscan = off")
    plan = await plain.fetch(
        "EXPLAIN SELECT FROM mcp_messages WHERE created_at < NOW()"
        " AND (length(params::text) > 12000 OR length(result::text) > 12000)"
    )
    assert "idx_mcp_messages_oversized" in "\n".join(row[0] for row in plan)


async def test_a_second_cleanup_at_the_same_time_leaves_it_to_the_first(
    plain: Connection, database_url: str
) -> None:
    other: asyncpg.Connection[Any] = await asyncpg.connect(database_url)
    try:
        async with other.transaction():
            await other.execute("SELECT pg_advisory_xact_lock(hashtext('ccgraph cleanup'))")
            await make_january_2020(plain, "cc_logs")
            await asyncio.wait_for(plain.execute("SELECT cleanup_old_logs()"), PATIENCE)
            assert "cc_logs_2020_01" in await partitions_of(plain, "cc_logs")
    finally:
        await other.close()
    await plain.execute("SELECT cleanup_old_logs()")
    assert "cc_logs_2020_01" not in await partitions_of(plain, "cc_logs")


async def make_user(connection: Connection) -> int:
    user: int = await connection.fetchval(
        "INSERT INTO users (username, hashed_password) VALUES ('hanako', 'x') RETURNING id"
    )
    return user
