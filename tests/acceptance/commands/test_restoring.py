"""A backup read into another server: an older one, of another owner."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.commands.conftest import Run
from tests.support.postgres15 import MISSING, PROGRAMS, Postgres15, postgres15_server

pytestmark = [pytest.mark.skipif(not PROGRAMS.exists(), reason=MISSING), pytest.mark.timeout(600)]

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def older(cluster15: Path) -> Iterator[Postgres15]:
    with postgres15_server(cluster15) as server:
        server.run("createuser", "landlady")
        yield server


@pytest.fixture
def empty(older: Postgres15) -> str:
    """An empty database of another role."""
    name = f"empty_{next(_NUMBERS)}"
    older.run("createdb", "--owner", "landlady", "--template", "template0", name)
    return older.url(name, "landlady")


def test_a_dump_is_read_by_an_older_server_for_another_owner(
    on_database: Run, empty: str, tmp_path: Path
) -> None:
    on_database("psql", "-qc", "INSERT INTO users (username, hashed_password) VALUES ('ada', 'x')")
    assert on_database("pg-dump", "--format=custom", "--file=x.dump").returncode == 0

    for more in ([], ["--jobs=2"]):
        on_database("psql", "-qc", "DROP SCHEMA public CASCADE; CREATE SCHEMA public", DATABASE_URL=empty)
        restored = on_database("pg-restore", *more, "x.dump", DATABASE_URL=empty)
        assert restored.returncode == 0, restored.stderr
        assert "transaction_timeout" not in restored.stderr
        assert "errors ignored" not in restored.stderr

    found = on_database("psql", "-Atc", "SELECT username FROM users", DATABASE_URL=empty)
    assert found.stdout == "ada\n"
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
    assert on_database("psql", "-Atc", owners, DATABASE_URL=empty).stdout == "landlady\n"


def test_what_else_goes_wrong_is_still_told(on_database: Run, empty: str, tmp_path: Path) -> None:
    on_database("pg-dump", "--format=custom", "--file=x.dump")
    on_database("psql", "-qc", "CREATE TABLE users (n int)", DATABASE_URL=empty)
    restored = on_database("pg-restore", "x.dump", DATABASE_URL=empty)
    assert restored.returncode == 1
    assert 'relation "users" already exists' in restored.stderr
    assert "errors ignored on restore" in restored.stderr

    refused = on_database("pg-restore", "--single-transaction", "x.dump", DATABASE_URL=empty)
    assert refused.returncode == 1
    assert "leave out --exit-on-error and --single-transaction" in refused.stderr
