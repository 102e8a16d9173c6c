"""`ccgraph serve` from the first start to the last."""

import json
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from app.database.processes import postgres_processes
from tests.acceptance.commands.conftest import Run
from tests.support.bridges import CCGRAPH
from tests.support.processes import PATIENCE, serving


def paste(line: str) -> object:
    """What a shell answers to a command line."""
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.timeout(600)
def test_the_first_start_offers_a_query_and_the_second_goes_on(tmp_path: Path, ccgraph: Run) -> None:
    data = tmp_path / ".data" / "postgres"
    with serving(["serve", "--demo"], tmp_path, program=CCGRAPH) as server:
        answer = paste(server.first_query)
        assert isinstance(answer, dict)
        assert answer["data"]["ccInstances"]["totalCount"] > 0
        assert len(answer["data"]["ccInstances"]["nodes"]) == 3
        assert httpx.get(f"{server.url}/healthz", timeout=PATIENCE).json() == {
            "status": "ok",
            "database": "ok",
        }
        assert ccgraph("psql", "-Atc", "SELECT count(*) > 0 FROM tasks").stdout == "t\n"
        refused = ccgraph("serve")
        assert refused.returncode == 1
        assert f"in use by `ccgraph serve` (process {server.process.pid})" in refused.stderr
        assert server.stop() == 0
    assert postgres_processes(data) == []
    with serving(["serve", "--demo"], tmp_path) as server:
        again = paste(server.first_query)
        assert again == answer
        assert server.stop(signal.SIGINT) == 0
    assert postgres_processes(data) == []


@pytest.mark.timeout(600)
def test_a_killed_server_takes_nothing_with_it(tmp_path: Path) -> None:
    with serving(["serve", "--demo"], tmp_path) as server:
        before = paste(server.first_query)
        server.process.kill()
        server.process.wait()
    with serving(["serve", "--demo"], tmp_path) as server:
        assert paste(server.first_query) == before


def test_a_server_whose_postgresql_dies_ends_with_a_sentence(tmp_path: Path) -> None:
    with serving(["serve"], tmp_path) as server:
        for process in postgres_processes(tmp_path / ".data" / "postgres"):
            subprocess.run(["kill", "-KILL", str(process)], check=False)
        assert server.process.wait(PATIENCE) == 1


def test_on_a_server_of_ours_nothing_embedded_is_made(tmp_path: Path, database_url: str) -> None:
    key = "a key that signs nothing outside of the tests"
    settings = {"DATABASE_URL": database_url, "CCGRAPH_SECRET_KEY": key}
    with serving(["serve"], tmp_path, **settings) as server:
        assert httpx.get(f"{server.url}/healthz", timeout=PATIENCE).status_code == 200
        assert server.stop() == 0
    assert list(tmp_path.iterdir()) == []
