"""`ccgraph maintenance` as a person runs it, and the schedule that servers and workers keep together."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from services.core.database import Connection
from services.system.maintenance_steps import STEPS
from tests.acceptance.commands.conftest import Run
from tests.support.forked import FORKER
from tests.support.waiting import PATIENCE, until

KEY = "a key that signs nothing outside of the tests"
OLD_LOG = """
INSERT INTO cc_logs (log_level, category, message, created_at)
SELECT 'info', 'system', 'old', now() - INTERVAL '1 day' * days FROM generate_series(31, 33) AS days
"""


async def logs(plain: Connection) -> int:
    found: int = await plain.fetchval("SELECT count(*) FROM cc_logs")
    return found


def test_help_says_what_it_does_and_how_it_ends(ccgraph: Run) -> None:
    shown = ccgraph("maintenance", "--help", COLUMNS="120")
    assert shown.returncode == 0
    for said in ("--dry-run", "retention", "Exit code 0", "maintenanceRuns", "ccgraph maintenance --dry-run"):
        assert said in shown.stdout


async def test_a_dry_run_tells_the_numbers_of_the_run_and_changes_nothing(
    on_database: Run, plain: Connection
) -> None:
    assert on_database("maintenance").returncode == 0  # the database may have been made yesterday
    await plain.execute(OLD_LOG)
    dry = on_database("maintenance", "--dry-run", COLUMNS="140")
    assert (dry.returncode, await logs(plain)) == (0, 3)
    assert "Nothing was changed" in dry.stderr
    done = on_database("maintenance", COLUMNS="140")
    assert (done.returncode, await logs(plain)) == (0, 0)
    assert "Every step was done" in done.stderr
    for shown in (dry, done):
        for step in STEPS:
            assert step.title in shown.stdout
        assert "cc_logs: 3" in shown.stdout
    assert [tuple(row) for row in await plain.fetch("SELECT origin, status FROM maintenance_runs")] == [
        ("command", "completed"),
        ("command", "completed"),
    ]


async def test_a_step_that_fails_is_told_and_the_others_are_done(on_database: Run, plain: Connection) -> None:
    await plain.execute(OLD_LOG)
    await plain.execute("ALTER FUNCTION ccgraph_planned_partitions RENAME TO away")
    failed = on_database("maintenance", COLUMNS="160")
    assert (failed.returncode, await logs(plain)) == (3, 0)
    assert f"1 of {len(STEPS)} steps failed; the others were done" in failed.stderr
    marks = [line.split()[0] for line in failed.stdout.splitlines() if line.split()]
    assert (marks.count("failed"), marks.count("ok")) == (1, len(STEPS) - 1)
    shown = failed.stdout + failed.stderr
    for hidden in ("Traceback", "ccgraph_planned_partitions", "SELECT"):
        assert hidden not in shown
    row = await plain.fetchrow("SELECT status, failed_steps, steps -> 0 ->> 'error' FROM maintenance_runs")
    assert row is not None
    assert tuple(row) == (
        "failed",
        1,
        "It failed for a reason that the server's log names; the next run tries again.",
    )


async def test_two_at_once_are_one_and_a_sentence(on_database: Run, plain: Connection) -> None:
    async with plain.transaction():
        await plain.execute("SELECT pg_advisory_xact_lock(hashtext('ccgraph maintenance'))")
        refused = await asyncio.to_thread(on_database, "maintenance", COLUMNS="200")
        dry = await asyncio.to_thread(on_database, "maintenance", "--dry-run")
    assert refused.returncode == 1
    assert "another process runs maintenance" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert dry.returncode == 0
    assert await plain.fetchval("SELECT count(*) FROM maintenance_runs") == 0


@pytest.mark.parametrize(
    ("arguments", "runs"),
    [(["worker"], True), (["serve", "--port", "0"], True), (["serve", "--port", "0", "--no-worker"], False)],
    ids=["worker", "serve", "serve --no-worker"],
)
async def test_a_process_keeps_the_schedule_unless_it_is_left_to_workers(
    arguments: list[str], runs: bool, database_url: str, plain: Connection, tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "CCGRAPH_SECRET_KEY": KEY,
        "CCGRAPH_MAINTENANCE_EVERY": "0.5",
    }
    process = FORKER.start(arguments, tmp_path, environment)
    completed = "SELECT count(*) FROM maintenance_runs WHERE (origin, status) = ('schedule', 'completed')"
    try:
        if runs:
            await until(lambda: _at_least(plain, completed, 2))
        else:
            ours = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            await until(lambda: _at_least(plain, ours, 3))
            await asyncio.sleep(2)
            assert await plain.fetchval(completed) == 0
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, PATIENCE) in (0, -signal.SIGTERM)
    assert await plain.fetchval("SELECT count(*) FROM maintenance_runs WHERE status = 'running'") == 0


async def _at_least(plain: Connection, query: str, number: int) -> bool:
    found: int = await plain.fetchval(query)
    return found >= number
