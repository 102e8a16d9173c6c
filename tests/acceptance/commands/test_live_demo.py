"""`ccgraph demo --live` and `ccgraph serve --demo --live`, from outside."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.acceptance.commands.conftest import Run
from tests.support import small_demo
from tests.support.forked import FORKER, ForkedProcess
from tests.support.processes import PATIENCE, serving
from tests.support.server import TestServer
from tests.support.waiting import until

KEY = "a key that signs nothing outside of the tests"
LIVE = (
    "SELECT id FROM cc_instances WHERE project_id IN"
    " (SELECT project_id FROM projects WHERE hold_permission_requests)"
)
RUNNING = f"SELECT count(*) FROM mcp_tool_calls WHERE status = 'running' AND cc_instance_id IN ({LIVE})"
ALIVE = f"SELECT count(*) FROM cc_instances WHERE id IN ({LIVE}) AND status <> 'STOPPED'"


@pytest.fixture
def demo_url(embedded_postgres: TestServer) -> Iterator[str]:
    """A database that holds the demo."""
    template = embedded_postgres.template(small_demo.TEMPLATE, small_demo.fill)
    with embedded_postgres.clone(template) as url:
        yield url


def found(url: str, sql: str) -> int:
    async def ask() -> int:
        connection = await asyncpg.connect(url)
        try:
            return int(await connection.fetchval(sql))
        finally:
            await connection.close()

    return asyncio.run(ask())


def wait_for(url: str, sql: str) -> None:
    """Until a statement counts something."""

    async def wait() -> None:
        connection = await asyncpg.connect(url)

        async def some() -> bool:
            return bool(await connection.fetchval(sql))

        try:
            await until(some)
        finally:
            await connection.close()

    asyncio.run(wait())


@contextmanager
def playing(url: str, folder: Path, speed: str) -> Iterator[ForkedProcess]:
    """The command at work; what is left of it is killed."""
    environment = {**os.environ, "DATABASE_URL": url, "CCGRAPH_SECRET_KEY": KEY}
    arguments = ["demo", "--live", "--speed", speed]
    process = FORKER.start(arguments, folder, environment, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_signal_ends_what_it_began_also_after_an_earlier_one_was_killed(
    demo_url: str, tmp_path: Path
) -> None:
    with playing(demo_url, tmp_path, "50") as process:
        wait_for(demo_url, RUNNING)
        process.kill()
        process.wait()
    assert found(demo_url, ALIVE) > 0
    before = found(demo_url, f"SELECT count(*) FROM ({LIVE}) AS live")

    with playing(demo_url, tmp_path, "50") as process:
        wait_for(demo_url, f"SELECT count(*) - {before} FROM ({LIVE}) AS live")
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=PATIENCE)

    assert process.returncode == 0, said
    assert "The demo moves at speed 50; Ctrl-C ends it." in said
    assert found(demo_url, RUNNING) == 0
    assert found(demo_url, ALIVE) == 0


def test_a_database_with_other_data_is_refused_with_a_sentence(database_url: str, on_database: Run) -> None:
    found(database_url, "INSERT INTO users (username, hashed_password) VALUES ('boss', 'x') RETURNING id")
    refused = on_database("demo", "--live")

    assert refused.returncode == 1
    assert "a live demo runs on no other data" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert found(database_url, "SELECT count(*) FROM projects") == 0


def test_a_server_plays_the_demo_and_ends_it_when_it_stops(demo_url: str, tmp_path: Path) -> None:
    command = ["serve", "--demo", "--live", "--speed", "20"]
    with serving(command, tmp_path, DATABASE_URL=demo_url, CCGRAPH_SECRET_KEY=KEY) as server:
        wait_for(demo_url, RUNNING)
        assert server.stop() == 0
    assert found(demo_url, RUNNING) == 0
    assert found(demo_url, ALIVE) == 0


def test_a_server_serves_a_demo_that_cannot_be_played_as_it_stands(demo_url: str, tmp_path: Path) -> None:
    found(demo_url, "WITH gone AS (DELETE FROM system_settings WHERE setting_key = 'demo.loaded') SELECT 1")
    command = ["serve", "--demo", "--live"]
    with serving(command, tmp_path, DATABASE_URL=demo_url, CCGRAPH_SECRET_KEY=KEY) as server:
        assert "dashboard" in server.welcome
        assert server.stop() == 0
    assert found(demo_url, f"SELECT count(*) FROM ({LIVE}) AS live") == 0
