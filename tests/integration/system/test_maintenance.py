"""Maintenance does what is due, tells it in numbers, and survives what happens to it."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from app.config.settings import Settings
from app.maintenance import maintenance_of
from models import metadata
from models.enums import MaintenanceOrigin
from models.retention import retention_of
from services.core.database import Connection, Database
from services.system import maintenance_work
from services.system.maintenance import Maintenance, Outcome, keep_maintained
from services.system.maintenance_steps import STEPS
from services.system.maintenance_work import IN_USE, Work
from services.system.retention import PARTITIONED, SWEEPS
from tests.support import factories
from tests.support.background import background
from tests.support.forked import FORKER
from tests.support.maintaining import maintain
from tests.support.waiting import until

PARTITIONS = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'cc_logs'::regclass"
LAST = """
SELECT max(inhrelid::regclass::text) FROM pg_inherits
WHERE inhparent = 'cc_logs'::regclass AND inhrelid <> 'cc_logs_default'::regclass
"""
OLD = datetime(2020, 1, 15, tzinfo=UTC)
LONG = {"text": "x" * 20_000}


@pytest.fixture
def maintenance(settings: Settings, database: Database) -> Maintenance:
    return maintenance_of(settings, database)


async def make_all_due(database: Database) -> None:
    """One of everything that maintenance has to do, but for partitions ahead."""
    now = datetime.now(UTC)
    async with database.transaction() as connection:
        await connection.execute(
            text(
                "SELECT ccgraph_create_partition(parent, parent || '_2019', '2019-01-01', '2020-01-01')"
                " FROM unnest(ARRAY['task_logs', 'file_operations', 'notification_history']) AS parent"
            )
        )
        for moment in (OLD, now):
            await factories.make_cc_log(connection, created_at=moment)
            await factories.make_task_log(connection, created_at=moment)
            await factories.make_mcp_message(connection, params=LONG, created_at=moment)
            await factories.make_auth_token(connection, expires_at=moment + timedelta(minutes=5))
            await factories.make_project(connection, status="archived", archived_at=moment)
            await factories.make_git_worktree(connection, cleanup_scheduled_at=moment + timedelta(hours=1))
            await factories.make_instance(connection, status="RUNNING", last_heartbeat=moment)
            lease = moment + timedelta(hours=1)
            await factories.make_task(connection, status="RUNNING", lease_expires_at=lease)
            await factories.make_websocket_session(
                connection, disconnected_at=moment, last_seen=moment, connected_at=moment
            )
        await factories.make_file_operation(connection, created_at=datetime(2019, 6, 1, tzinfo=UTC))
        await connection.execute(text("UPDATE mcp_messages SET result = '1' WHERE result IS NULL"))


DUE = {
    "partitions_behind": {"task_logs": 1, "file_operations": 1, "notification_history": 1},
    "retention": {"cc_logs": 1, "task_logs": 1},
    "paths": {"file_paths": 1},
    "compaction": {"mcp_messages": 1},
    "archiving": {"projects": 1},
    "tokens": {"auth_tokens": 1},
    "connections": {"websocket_sessions": 1},
    "claims": {"tasks": 1},
    "worktree_cleanup": {"git_worktrees": 1},
    "silent_instances": {"cc_instances": 1},
}


def numbers(outcomes: list[Outcome]) -> dict[str, dict[str, int]]:
    """What each step did that is no matter of course."""
    return {
        outcome.step.name: outcome.done
        for outcome in outcomes
        if outcome.done and outcome.step.name not in ("statistics", "partitions_ahead")
    }


async def everything(connection: Connection) -> dict[str, Any]:
    """All rows of all tables, and the partitions."""
    tables = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    )
    return {
        table: sorted(map(str, await connection.fetch(f'SELECT * FROM "{table}"'))) for (table,) in tables
    }


async def runs(connection: Connection) -> list[str]:
    rows = await connection.fetch("SELECT status FROM maintenance_runs ORDER BY started_at")
    return [row["status"] for row in rows]


@asynccontextmanager
async def holding(settings: Settings, statement: str) -> AsyncIterator[Connection]:
    """A user's transaction that has run a statement and does not end."""
    assert settings.database_url is not None
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        await connection.execute("BEGIN")
        await connection.execute(statement)
        yield connection
    finally:
        await connection.close()


async def test_a_rehearsal_changes_nothing_and_says_the_numbers_of_the_run_after_it(
    maintenance: Maintenance, database: Database, plain: Connection
) -> None:
    await maintain_once(maintenance)
    await make_all_due(database)
    await plain.execute(f"DROP TABLE {await plain.fetchval(LAST)}")
    before = await everything(plain)
    rehearsed = await maintenance.dry_run()
    assert await everything(plain) == before
    done = await maintenance.run(MaintenanceOrigin.COMMAND)
    assert done is not None
    assert [outcome.done for outcome in rehearsed] == [outcome.done for outcome in done]
    assert numbers(done) == DUE
    assert rehearsed[0].done == {"cc_logs": 1}
    assert numbers(await maintenance.dry_run()) == {}


async def maintain_once(maintenance: Maintenance) -> None:
    """The database may have been made yesterday."""
    assert await maintenance.run(MaintenanceOrigin.COMMAND) is not None


async def test_what_a_run_did_is_kept_and_logged(
    maintenance: Maintenance, database: Database, plain: Connection
) -> None:
    await make_all_due(database)
    with capture_logs() as logs:
        await maintenance.run(MaintenanceOrigin.SCHEDULE)
    row = await plain.fetchrow("SELECT * FROM maintenance_runs")
    assert row is not None
    steps = json.loads(row["steps"])
    assert (row["origin"], row["status"], row["failed_steps"]) == ("schedule", "completed", 0)
    assert row["finished_at"] >= row["started_at"]
    assert [step["step"] for step in steps] == [step.name for step in STEPS]
    assert {step["step"]: step["done"] for step in steps if step["step"] in DUE} == DUE
    assert all(step["seconds"] >= 0 and step["error"] is None for step in steps)
    [entry] = [entry for entry in logs if entry["event"] == "maintenance_done"]
    assert entry["steps"] == steps


async def test_of_several_at_once_one_runs(
    settings: Settings,
    maintenance: Maintenance,
    database: Database,
    plain: Connection,
) -> None:
    await make_all_due(database)
    found = await asyncio.gather(
        *(maintenance_of(settings, database).run(MaintenanceOrigin.COMMAND) for _ in range(4))
    )
    worked = [outcomes for outcomes in found if outcomes is not None]
    assert len(worked) == 1
    assert numbers(worked[0]) == DUE
    assert await runs(plain) == ["completed"]


async def test_one_that_goes_on_without_its_lock_does_nothing_twice(
    settings: Settings, database: Database, plain: Connection
) -> None:
    await make_all_due(database)
    slow, quick = (maintenance_of(settings, database) for _ in range(2))
    running = asyncio.create_task(slow.run(MaintenanceOrigin.COMMAND))
    await until(lambda: plain.fetchval("SELECT EXISTS (SELECT FROM maintenance_runs)"))
    ended = await plain.fetchval(
        "SELECT bool_and(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory'"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    second = await quick.run(MaintenanceOrigin.COMMAND)
    first = (await asyncio.gather(running, return_exceptions=True))[0]
    assert ended
    assert second is not None
    together: dict[str, int] = {}
    for outcomes in (second, *([first] if isinstance(first, list) else [])):
        for step, done in numbers(outcomes).items():
            together[step] = together.get(step, 0) + sum(done.values())
    for step, done in DUE.items():
        assert together.get(step, 0) <= sum(done.values())
    assert numbers(await quick.dry_run()) == {}
    assert "running" not in await runs(plain)


@pytest.mark.parametrize(
    ("statement", "failing", "left"),
    [
        ("SELECT * FROM task_logs_2019", "partitions_behind", {"task_logs": 1}),
        ("UPDATE cc_logs SET message = 'mine' WHERE created_at < '2020-02-01'", "retention", {"cc_logs": 1}),
    ],
)
async def test_what_a_user_holds_is_told_and_left_and_the_others_are_done(
    settings: Settings,
    maintenance: Maintenance,
    database: Database,
    statement: str,
    failing: str,
    left: dict[str, int],
    plain: Connection,
) -> None:
    await maintain_once(maintenance)
    await make_all_due(database)
    async with holding(settings, statement):
        outcomes = await maintenance.run(MaintenanceOrigin.COMMAND)
        assert outcomes is not None
    assert [(outcome.step.name, outcome.error) for outcome in outcomes if outcome.error] == [
        (failing, IN_USE)
    ]
    expected = {
        step: {k: v for k, v in done.items() if (step, k) not in {(failing, key) for key in left}}
        for step, done in DUE.items()
    }
    assert numbers(outcomes) == {step: done for step, done in expected.items() if done}
    assert (await runs(plain))[-1] == "failed"
    rest = await maintenance.run(MaintenanceOrigin.COMMAND)
    assert rest is not None
    assert numbers(rest) == {failing: left}


async def test_a_users_row_lock_is_passed_over_where_rows_are_many(
    settings: Settings, maintenance: Maintenance, database: Database
) -> None:
    await make_all_due(database)
    async with holding(
        settings, "SELECT * FROM auth_tokens, projects, git_worktrees, mcp_messages FOR UPDATE"
    ):
        outcomes = await maintenance.run(MaintenanceOrigin.COMMAND)
    assert outcomes is not None
    assert [outcome.error for outcome in outcomes if outcome.error] == []
    held = {"tokens", "archiving", "compaction", "worktree_cleanup"}
    assert numbers(outcomes) == {step: done for step, done in DUE.items() if step not in held}
    rest = await maintenance.run(MaintenanceOrigin.COMMAND)
    assert rest is not None
    assert numbers(rest) == {step: done for step, done in DUE.items() if step in held}


CRASH = """
import asyncio, os, signal, sys
from dataclasses import replace
import services.system.maintenance as module
from app.config.settings import load_settings
from app.database.pools import open_database
from app.maintenance import maintenance_of
from models.enums import MaintenanceOrigin

wanted, when = sys.argv[1:]

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def fatal(step):
    async def run(work):
        if when == "during":
            execute = work.connection.execute
            async def dying(*arguments, **options):
                found = await execute(*arguments, **options)
                if arguments[0].startswith(("DELETE", "UPDATE", "ANALYZE", "SELECT ccgraph_drop")):
                    die()
                return found
            object.__setattr__(work, "connection", Proxy(work.connection, dying))
            async def upkeep():
                await asyncio.sleep(0.2)
                die()
            asyncio.get_running_loop().create_task(upkeep())
        await step.run(work)
        die()
    return replace(step, run=run)

class Proxy:
    def __init__(self, connection, execute):
        self._connection, self.execute = connection, execute
    def __getattr__(self, name):
        return getattr(self._connection, name)

module.STEPS = tuple(fatal(step) if step.name == wanted else step for step in module.STEPS)

async def main():
    settings = load_settings()
    async with open_database(settings) as database:
        await maintenance_of(settings, database).run(MaintenanceOrigin.COMMAND)

asyncio.run(main())
"""


@pytest.mark.parametrize("when", ["during", "after"])
@pytest.mark.parametrize("step", [step.name for step in STEPS])
async def test_a_kill_in_any_step_loses_nothing_and_the_next_run_goes_on(
    step: str,
    when: str,
    settings: Settings,
    tmp_path: Path,
    maintenance: Maintenance,
    database: Database,
    plain: Connection,
) -> None:
    await make_all_due(database)
    assert settings.database_url is not None
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "CCGRAPH_SECRET_KEY": "a key that signs nothing outside of the tests",
    }
    process = FORKER.start([step, when], tmp_path, environment, code=CRASH, stderr=subprocess.PIPE)
    _, errors = await asyncio.to_thread(process.communicate)
    assert process.returncode == -signal.SIGKILL, errors

    outcomes: list[Outcome] = []

    async def alone() -> bool:
        """PostgreSQL may not have noticed yet that the process has died."""
        found = await maintenance.run(MaintenanceOrigin.COMMAND)
        outcomes.extend(found or ())
        return found is not None

    await until(alone)
    assert [outcome.error for outcome in outcomes if outcome.error] == []
    assert await runs(plain) == ["interrupted", "completed"]
    assert numbers(await maintenance.dry_run()) == {}
    for table, kept in (("cc_logs", 1), ("task_logs", 1), ("auth_tokens", 1), ("mcp_messages", 2)):
        assert await plain.fetchval(f"SELECT count(*) FROM {table}") == kept
    assert await plain.fetchval("SELECT count(*) FROM projects_archive") == 1
    assert await plain.fetchval("SELECT count(*) FROM mcp_messages WHERE params ? 'original_size'") == 1


async def test_a_round_makes_missing_partitions_and_drops_expired_ones(
    settings: Settings, database: Database
) -> None:
    await maintain(settings, database)  # the database may have been made yesterday
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
    await maintain(settings, database)
    async with database.transaction() as connection:
        assert await connection.scalar(text(PARTITIONS)) == before
        place = await connection.scalar(text("SELECT tableoid::regclass::text FROM cc_logs"))
        assert place == partition
        assert await connection.scalar(text("SELECT id FROM cc_logs")) == log.id


async def test_rows_go_in_batches_wherever_they_lie(
    settings: Settings, database: Database, plain: Connection
) -> None:
    """Old rows in the DEFAULT partition and beside new ones, in no order; the floor of the feed rises."""
    await plain.execute(
        "INSERT INTO system_logs (level, category, module, message, created_at)"
        " SELECT 'INFO', 'c', 'm', repeat('x', 200), now() - INTERVAL '1 day' * (1 + number * 7919 % 400)"
        " FROM generate_series(1, 30000) AS number"
    )
    expected = await plain.fetchval(
        "SELECT count(*) FROM system_logs WHERE created_at >= now() - INTERVAL '90 days'"
    )
    outcome = (await maintain(settings, database))["retention"]
    assert outcome.done["system_logs"] == 30_000 - expected
    assert await plain.fetchval("SELECT count(*) FROM system_logs") == expected
    assert await plain.fetchval("SELECT floor::text <> '0' FROM feed_state")


async def test_a_round_that_fails_is_made_up_for_by_the_next_one(
    maintenance: Maintenance, database: Database, plain: Connection
) -> None:
    partition = await plain.fetchval("SELECT 'cc_logs' || to_char(now() AT TIME ZONE 'UTC', '_YYYY_MM')")
    await plain.execute("ALTER FUNCTION ccgraph_planned_partitions RENAME TO away")
    await plain.execute(f"DROP TABLE {partition}")
    async with background(keep_maintained(maintenance, 0.2, first=0.01), "maintenance"):
        await until(
            lambda: plain.fetchval("SELECT EXISTS (SELECT FROM maintenance_runs WHERE status = 'failed')")
        )
        assert await plain.fetchval("SELECT to_regclass($1) IS NULL", partition)
        await plain.execute("ALTER FUNCTION away RENAME TO ccgraph_planned_partitions")
        await until(lambda: plain.fetchval("SELECT to_regclass($1) IS NOT NULL", partition))
    error = await plain.fetchval(
        "SELECT steps -> 0 ->> 'error' FROM maintenance_runs WHERE status = 'failed' LIMIT 1"
    )
    assert error == "It failed for a reason that the server's log names; the next run tries again."


async def test_several_schedules_run_as_often_as_one(
    settings: Settings, database: Database, plain: Connection
) -> None:
    async def schedule() -> None:
        await keep_maintained(maintenance_of(settings, database), 3600, first=0.01)

    async with background(schedule(), "one"), background(schedule(), "two"), background(schedule(), "three"):
        await until(
            lambda: plain.fetchval("SELECT EXISTS (SELECT FROM maintenance_runs WHERE status = 'completed')")
        )
        await asyncio.sleep(0.3)
    assert await runs(plain) == ["completed"]


async def test_one_that_is_stopped_says_so_at_once(
    maintenance: Maintenance, plain: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def endless(work: Work) -> None:
        begun.set()
        await work.connection.execute("SELECT pg_sleep(600)")

    monkeypatch.setattr("services.system.maintenance.STEPS", (replace(STEPS[0], run=endless),))
    running = asyncio.create_task(maintenance.run(MaintenanceOrigin.COMMAND))
    await begun.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await runs(plain) == ["interrupted"]


@pytest.mark.parametrize(
    "value", ['"x"', "-1", "1e10", "1e308", "2147483647", "[]", "{}", "true", "0.5", '"30"', '"-1"', "0"]
)
async def test_an_odd_figure_removes_nothing_new_and_stops_no_other_table(
    settings: Settings, database: Database, value: str
) -> None:
    await maintain(settings, database)
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
        log = await factories.make_cc_log(connection, created_at=datetime.now(UTC) + timedelta(minutes=5))
        await factories.make_mcp_message(connection, params={"a": 1}, result={"b": 2}, created_at=OLD)
    await maintain(settings, database)
    await maintain(settings, database)  # which compacts nothing a second time
    async with database.transaction() as connection:
        assert await connection.scalar(text("SELECT id FROM cc_logs")) == log.id
        size = await connection.scalar(text("SELECT params ->> 'original_size' FROM mcp_messages"))
        assert size == ("8" if value in ("0", "0.5") else None)
        gone = await connection.scalar(text("SELECT to_regclass('task_logs_2020') IS NULL"))
    assert gone


async def test_every_figure_of_retention_is_one_that_a_table_says(plain: Connection) -> None:
    """A new table with a figure in system_settings and no word of it in the models would grow for ever."""
    figures = {
        key.removeprefix("retention.").removesuffix("_days")
        for (key,) in await plain.fetch(
            "SELECT setting_key FROM system_settings"
            " WHERE setting_key LIKE 'retention.%' AND setting_key LIKE '%_days'"
        )
    }
    said = {found.setting for table in metadata.sorted_tables if (found := retention_of(table)) is not None}
    assert figures == {*said, *PARTITIONED, "mcp_payload"}


@pytest.mark.parametrize("table", sorted(SWEEPS))
async def test_what_a_table_says_is_sql_that_finds_nothing_in_an_empty_one(
    table: str, plain: Connection
) -> None:
    query = f"SELECT count(*) FROM {table} WHERE {SWEEPS[table]}"
    assert await plain.fetchval(query, datetime.now(UTC)) == 0


@pytest.mark.parametrize(("dead", "vacuumed"), [(50, True), (10**6, False)])
async def test_what_many_removed_rows_have_left_is_freed_at_once(
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    database: Database,
    plain: Connection,
    dead: int,
    *,
    vacuumed: bool,
) -> None:
    monkeypatch.setattr(maintenance_work, "MOST_DEAD", dead)
    async with database.transaction() as connection:
        instance = await factories.make_instance(connection)
    await plain.execute(
        "INSERT INTO cc_logs (cc_instance_id, log_level, category, message, created_at)"
        " SELECT $1, 'info', 'task', 'm', '2020-01-15'::timestamptz + n * interval '1 s'"
        " FROM generate_series(1, 300) AS n",
        instance.id,
    )
    user = await plain.fetchval(
        "INSERT INTO users (username, hashed_password) VALUES ('somebody', 'x') RETURNING id"
    )
    await plain.execute(
        "INSERT INTO auth_tokens (user_id, token_type, expires_at)"
        " SELECT $1, 'access', now() - INTERVAL '1 year' FROM generate_series(1, 300)",
        user,
    )
    project = await plain.fetchval(
        "INSERT INTO projects (name, owner_id, status, archived_at)"
        " VALUES ('alpha', $1, 'archived', now() - INTERVAL '1 year') RETURNING project_id",
        user,
    )
    await plain.execute(
        "INSERT INTO tasks (project_id, name, task_type)"
        " SELECT $1, 'x', 'testing' FROM generate_series(1, 300)",
        project,
    )
    done = await maintain(settings, database)
    assert done["retention"].done["cc_logs"] == 300
    assert done["tokens"].done["auth_tokens"] == 300
    assert done["archiving"].done["projects"] == 1
    await plain.execute("SELECT pg_stat_clear_snapshot()")
    for tables in ("cc\\_logs\\_%", "auth\\_tokens", "tasks"):
        runs = await plain.fetchval(
            "SELECT sum(vacuum_count)::int FROM pg_stat_user_tables WHERE relname LIKE $1", tables
        )
        assert (runs > 0) is vacuumed, tables


async def test_the_lock_of_a_run_keeps_nothing_of_what_is_removed(
    settings: Settings, database: Database, plain: Connection
) -> None:
    """A snapshot that lasts as long as the run would have each vacuum leave all that the run removed."""
    maintenance = maintenance_of(settings, database)
    async with maintenance.only_one() as free:
        assert free
        assert await maintenance.run(MaintenanceOrigin.COMMAND) is None
        held = await plain.fetch(
            "SELECT query FROM pg_stat_activity WHERE datname = current_database()"
            " AND state = 'idle in transaction' AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)"
        )
    assert held == []
