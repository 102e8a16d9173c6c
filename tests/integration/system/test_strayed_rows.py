"""Rows that came while nothing made partitions go into theirs in batches; users see each once, always."""

import asyncio
import os
import random
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from alembic import command

from app.backup.dumping import make_dump
from app.backup.manifest import schema_of
from app.config.settings import Settings
from app.maintenance import maintenance_of
from migrations.run import head, upgrade
from models.enums import MaintenanceOrigin
from models.maintenance import MOVED, MOVING
from services.core.database import Connection, Database
from services.system import partitions
from services.system.maintenance_work import IN_USE
from services.system.retention import PARTITIONED
from tests.support.forked import FORKER
from tests.support.maintaining import beside, maintain, watch

LONGEST = 1.0
"""Seconds that a lock is held at most."""

STRAYED = """
INSERT INTO cc_logs (log_level, category, message, created_at)
SELECT 'info', 'task', repeat('x', 100) || number, now() - INTERVAL '1 second' * (number * 7919 % 10000000)
FROM generate_series(1, $1) AS number
"""
"""Of the last four months, in no order."""


@pytest.fixture
def in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take any DEFAULT partition for too large to be emptied at once."""
    monkeypatch.setattr(partitions, "LARGEST_AT_ONCE", -1)


async def stray(plain: Connection, rows: int) -> None:
    """As after months without maintenance: no partition but the DEFAULT one, and rows of all times in it."""
    await plain.execute("DELETE FROM system_settings WHERE setting_key LIKE 'retention.%'")
    for (name,) in await plain.fetch(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'cc_logs'::regclass"
        " AND inhrelid <> 'cc_logs_default'::regclass"
    ):
        await plain.execute(f"DROP TABLE {name}")
    await plain.execute(STRAYED, rows)
    for odd in ("0044-03-15 BC", "infinity", "-infinity", "10000-01-01"):
        await plain.execute(
            "INSERT INTO cc_logs (log_level, category, message, created_at)"
            f" VALUES ('info', 'task', 'odd', '{odd}')"
        )


async def break_off(settings: Settings, database: Database) -> None:
    """A run that has copied all rows and ends before the exchange, as if it was killed."""

    async def failing(move: partitions.Move) -> int:
        raise RuntimeError

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(partitions.Move, "_exchange", failing)
        await maintenance_of(settings, database).run(MaintenanceOrigin.COMMAND)


async def content(plain: Connection) -> list[str]:
    return [row[0] for row in await plain.fetch("SELECT t::text FROM cc_logs AS t ORDER BY id")]


async def places(plain: Connection) -> dict[str, int]:
    rows = await plain.fetch("SELECT tableoid::regclass::text AS name, count(*) FROM cc_logs GROUP BY 1")
    return {row["name"]: row["count"] for row in rows}


async def nothing_is_left(plain: Connection) -> bool:
    left: bool = await plain.fetchval(
        "SELECT to_regnamespace($1) IS NULL AND to_regnamespace($2) IS NULL"
        " AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgname LIKE '%ccgraph_moving%')"
        " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'ccgraph_moving')",
        *(MOVING, MOVED),
    )
    return left


async def shape(plain: Connection, table: str) -> list[list[str]]:
    """What a partition has: columns, constraints, indexes and triggers, without names of their own."""
    return [
        sorted(str(tuple(row)) for row in await plain.fetch(query, table))
        for query in (
            "SELECT attname, atttypid, attnotnull, attnum FROM pg_attribute"
            " WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum",
            "SELECT contype, pg_get_constraintdef(oid), convalidated, conparentid <> 0 FROM pg_constraint"
            " WHERE conrelid = $1::regclass ORDER BY 1, 2",
            "SELECT pg_get_indexdef(indexrelid, 0, true) ~ 'UNIQUE', indkey::text, indisvalid,"
            " pg_get_expr(indexprs, indrelid), pg_get_expr(indpred, indrelid), indoption::text,"
            " (SELECT string_agg(COALESCE(attstattarget, -1)::text, ',') FROM pg_attribute"
            "  WHERE attrelid = indexrelid),"
            " (SELECT count(*) FROM pg_inherits WHERE inhrelid = indexrelid)"
            " FROM pg_index WHERE indrelid = $1::regclass ORDER BY 2, 4, 5, 6",
            "SELECT tgname, tgtype, tgparentid <> 0 FROM pg_trigger"
            " WHERE tgrelid = $1::regclass AND NOT tgisinternal ORDER BY 1",
            "SELECT reloptions, obj_description(oid, 'pg_class') FROM pg_class WHERE oid = $1::regclass",
        )
    ]


async def test_a_full_default_partition_is_emptied_into_months(
    settings: Settings, database: Database, plain: Connection, in_batches: None
) -> None:
    await stray(plain, 3000)
    before = await content(plain)
    events = await plain.fetchval("SELECT count(*) FROM change_events")
    await maintain(settings, database)
    assert await content(plain) == before
    found = await places(plain)
    assert found.pop("cc_logs_default") == 4
    assert sum(found.values()) == 3000
    assert len(found) in (4, 5)
    assert await plain.fetchval("SELECT count(*) FROM change_events") == events
    assert await nothing_is_left(plain)
    assert (await maintain(settings, database))["partitions_ahead"].done == {}


@pytest.mark.parametrize("table", PARTITIONED)
async def test_what_was_moved_has_what_is_made_at_once(
    settings: Settings, database: Database, plain: Connection, in_batches: None, table: str
) -> None:
    await maintain(settings, database)
    name = await plain.fetchval(
        "SELECT min(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = $1::regclass", table
    )
    expected = await shape(plain, name), await shape(plain, f"{table}_default")
    await plain.execute(f"DROP TABLE {name}")
    await maintain(settings, database)
    found = await shape(plain, name), await shape(plain, f"{table}_default")
    for one, other in zip(found, expected, strict=True):
        for part, wanted in zip(one, other, strict=True):
            assert part == wanted
    assert await nothing_is_left(plain)


async def test_a_partition_that_was_filled_from_copies_is_attached_without_being_read(
    settings: Settings, database: Database, plain: Connection, in_batches: None
) -> None:
    """PostgreSQL says so where it believes the constraints; else rows would be read under the lock."""
    await stray(plain, 2000)
    told: list[str] = []
    maintenance = maintenance_of(settings, database)
    opened = maintenance.open

    async def listening() -> Connection:
        connection = await opened()
        await connection.execute("SET client_min_messages = debug1")
        connection.add_log_listener(lambda _, message: told.append(str(message)))
        return connection

    maintenance.open = listening  # type: ignore[method-assign]
    await maintenance.run(MaintenanceOrigin.COMMAND)
    found = set(await places(plain))
    believed = {line.split('"')[1] for line in told if "is implied by existing constraints" in line}
    assert found <= believed


USERS = 3


async def use(url: str, seed: int, expected: dict[str, str | None], running: asyncio.Event) -> None:
    """A user who adds, changes and removes rows of all months; `expected` is what is there then."""
    draw = random.Random(seed)
    connection = await asyncpg.connect(url)
    mine: list[str] = []
    try:
        while running.is_set():
            if not mine or draw.random() < 0.5:
                moment = datetime.now(UTC) - timedelta(days=draw.uniform(0, 100))
                key = str(
                    await connection.fetchval(
                        "INSERT INTO cc_logs (log_level, category, message, created_at)"
                        " VALUES ('info', 'task', 'new', $1) RETURNING id",
                        moment,
                    )
                )
                mine.append(key)
                expected[key] = "new"
            elif draw.random() < 0.5:
                key, text = draw.choice(mine), str(draw.random())
                await connection.execute(f"UPDATE cc_logs SET message = $1 WHERE id = '{key}'", text)
                expected[key] = text
            else:
                key = mine.pop(draw.randrange(len(mine)))
                await connection.execute(f"DELETE FROM cc_logs WHERE id = '{key}'")
                expected[key] = None
            await asyncio.sleep(0.002)
    finally:
        await connection.close()


async def count(url: str, wanted: int, running: asyncio.Event, counted: list[float]) -> None:
    """Look again and again whether all rows of before are there, once."""
    connection = await asyncpg.connect(url)
    try:
        while running.is_set():
            begun = asyncio.get_running_loop().time()
            there = await connection.fetchrow(
                "SELECT count(*), count(DISTINCT id) FROM cc_logs WHERE message LIKE 'xxx%'"
            )
            counted.append(asyncio.get_running_loop().time() - begun)
            assert there is not None
            assert tuple(there) == (wanted, wanted)
    finally:
        await connection.close()


async def test_users_see_each_row_once_while_they_change_them_and_wait_for_nothing(
    settings: Settings, database: Database, plain: Connection, in_batches: None
) -> None:
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    await stray(plain, 20_000)
    running = asyncio.Event()
    running.set()
    expected: list[dict[str, str | None]] = [{} for _ in range(USERS)]
    counted: list[float] = []
    held: list[float] = []
    gaps: list[float] = []
    users = [asyncio.create_task(use(url, seed, known, running)) for seed, known in enumerate(expected)]
    looks = asyncio.create_task(count(url, 20_000, running, counted))
    async with beside(watch(url, held, gaps)):
        for _ in range(5):
            outcomes = await maintenance_of(settings, database).run(MaintenanceOrigin.COMMAND)
            assert outcomes is not None
            assert outcomes[0].error in (None, IN_USE)
            if outcomes[0].error is None:
                break
    running.clear()
    await asyncio.gather(*users, looks)
    assert await nothing_is_left(plain)
    assert (await places(plain))["cc_logs_default"] == 4
    for known in expected:
        assert known
        rows = await plain.fetch("SELECT id::text, message FROM cc_logs WHERE id = ANY ($1)", list(known))
        assert {row["id"]: row["message"] for row in rows} == {
            k: v for k, v in known.items() if v is not None
        }
        assert len(rows) == len({row["id"] for row in rows})
    assert max(held) < LONGEST + max(gaps)
    assert max(counted) < 2 * LONGEST + max(gaps)


async def test_a_transaction_that_sees_an_older_moment_is_told_to_try_again(
    settings: Settings,
    database: Database,
    plain: Connection,
    in_batches: None,
) -> None:
    await stray(plain, 100)
    key = await plain.fetchval("SELECT id FROM cc_logs WHERE message LIKE 'xxx%' LIMIT 1")

    await break_off(settings, database)
    await plain.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    with pytest.raises(asyncpg.SerializationError, match="try again"):
        await plain.execute("DELETE FROM cc_logs WHERE id = $1", key)
    await plain.execute("ROLLBACK")
    await plain.execute("DELETE FROM cc_logs WHERE id = $1", key)
    await maintain(settings, database)
    assert sum((await places(plain)).values()) == 103
    assert await nothing_is_left(plain)


async def test_what_empties_or_changes_the_table_meanwhile_leaves_no_copy_behind(
    settings: Settings,
    database: Database,
    plain: Connection,
    in_batches: None,
) -> None:
    for change, left in (
        ("TRUNCATE cc_logs", 0),
        ("SELECT ccgraph_create_partitions()", 104),
        ("ALTER TABLE cc_logs ADD COLUMN further integer DEFAULT 7", 104),
        ("DROP SCHEMA ccgraph_moving CASCADE", 104),
    ):
        await plain.execute("TRUNCATE cc_logs")
        await stray(plain, 100)
        await break_off(settings, database)
        assert await plain.fetchval("SELECT count(*) FROM ccgraph_moving.cc_logs") == 104
        await plain.execute(change)
        await maintain(settings, database)
        assert sum((await places(plain)).values()) == left, change
        assert await plain.fetchval("SELECT count(*) = count(DISTINCT id) FROM cc_logs")


CRASH = """
import asyncio, os, signal, sys
from app.config.settings import load_settings
from app.database.pools import open_database
from app.maintenance import maintenance_of
from models.enums import MaintenanceOrigin
from services.system import partitions
from services.system.maintenance import Maintenance

partitions.LARGEST_AT_ONCE = -1
left = int(sys.argv[1])
opened = Maintenance.open

class Dying:
    def __init__(self, connection):
        self._connection = connection
    def __getattr__(self, name):
        return getattr(self._connection, name)
    async def execute(self, *arguments, **options):
        global left
        found = await self._connection.execute(*arguments, **options)
        if arguments[0].startswith(("DO", "INSERT", "ANALYZE ccgraph_moving")):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return found

async def opening(self):
    return Dying(await opened(self))

Maintenance.open = opening

async def main():
    async with open_database(settings := load_settings()) as database:
        await maintenance_of(settings, database).run(MaintenanceOrigin.COMMAND)
    print("whole")

asyncio.run(main())
"""


@pytest.mark.parametrize("left", [1, 2, 3, 5, 8, 13, 16, 18, 20, 24, 26, 27, 28])
async def test_a_kill_between_any_two_statements_loses_no_row_and_doubles_none(
    settings: Settings,
    database: Database,
    plain: Connection,
    tmp_path: Path,
    in_batches: None,
    left: int,
) -> None:
    await stray(plain, 1500)
    before = await content(plain)
    assert settings.database_url is not None
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "CCGRAPH_SECRET_KEY": "a key that signs nothing outside of the tests",
    }
    process = FORKER.start([str(left)], tmp_path, environment, code=CRASH, stderr=subprocess.PIPE)
    _, errors = await asyncio.to_thread(process.communicate)
    assert process.returncode == -signal.SIGKILL, errors
    assert await content(plain) == before
    await maintain(settings, database)
    assert await content(plain) == before
    assert (await places(plain))["cc_logs_default"] == 4
    assert await nothing_is_left(plain)


async def test_what_a_killed_run_left_goes_where_no_partition_is_missing_any_more(
    settings: Settings,
    database: Database,
    plain: Connection,
    in_batches: None,
) -> None:
    assert settings.database_url is not None
    await stray(plain, 100)
    await break_off(settings, database)
    await plain.execute(
        "CREATE TABLE kept AS SELECT * FROM cc_logs WHERE created_at >= now() - INTERVAL '31 days'"
    )
    await plain.execute("DELETE FROM cc_logs WHERE created_at >= now() - INTERVAL '31 days'")
    await plain.execute("SELECT ccgraph_create_partitions()")
    await plain.execute("INSERT INTO cc_logs SELECT * FROM kept")
    assert not await nothing_is_left(plain)
    await maintain(settings, database)
    assert sum((await places(plain)).values()) == 104
    assert await nothing_is_left(plain)


async def test_a_migration_gives_copies_up(
    settings: Settings,
    database: Database,
    plain: Connection,
    in_batches: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    await stray(plain, 100)
    await break_off(settings, database)
    await upgrade(url)
    assert await plain.fetchval("SELECT to_regnamespace($1) IS NOT NULL", MOVING)
    await plain.execute("UPDATE alembic_version SET version_num = '0001'")
    with monkeypatch.context() as patched:
        patched.setattr(command, "upgrade", lambda *arguments: None)  # which would find its tables there
        await upgrade(url)
    await plain.execute("UPDATE alembic_version SET version_num = $1", head())
    assert await plain.fetchval("SELECT to_regnamespace($1) IS NULL", MOVING)
    await plain.execute(STRAYED, 10)
    await maintain(settings, database)
    assert sum((await places(plain)).values()) == 114
    assert await nothing_is_left(plain)


async def test_no_backup_has_the_copies(
    settings: Settings,
    database: Database,
    plain: Connection,
    tmp_path: Path,
    in_batches: None,
) -> None:
    assert settings.database_url is not None
    await stray(plain, 100)
    await break_off(settings, database)
    assert await plain.fetchval("SELECT count(*) FROM ccgraph_moving.cc_logs") == 104
    url = settings.database_url.get_secret_value()
    manifest, dump = await make_dump(url, tmp_path, None, lambda *told: None)
    assert manifest.tables["public.cc_logs_default"].rows == 104
    assert not any("moving" in name for name in manifest.tables)
    assert "CREATE SCHEMA" not in schema_of(dump).read_text()
