"""`ccgraph backup` and `ccgraph restore` as people run them: round trip, kills, full disks."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from app.config.settings import Settings
from app.database.configuration import SUPERUSER
from app.database.embedded import embedded_server
from app.database.postmaster import STOP_TIMEOUT
from app.main import create_app
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.principal import Origin
from services.system.contents import OBJECTS
from tests.acceptance.commands.conftest import Run
from tests.golden.test_statements import DOCUMENTS, VARIABLES
from tests.support.bridges import CCGRAPH
from tests.support.forked import FORKER, ForkedProcess
from tests.support.holding import QUICK
from tests.support.processes import PATIENCE
from tests.support.server import TestServer

KEY = "a key that signs nothing outside of the tests"


def wait_for(true: Callable[[], object]) -> None:
    """Return when something holds."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def started(*arguments: str, folder: Path, **settings: str) -> Iterator[ForkedProcess]:
    """A command that runs; the block kills it."""
    environment = {**os.environ, "CCGRAPH_SECRET_KEY": KEY, **settings}
    process = FORKER.start(arguments, folder, environment, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def told(process: ForkedProcess) -> str:
    """What a command that should still run wrote, for a failure."""
    assert process.poll() is None, process.communicate()[1]
    return ""


async def ask(url: str, *statements: str) -> Any:
    """The first value of the last statement."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            found = await connection.fetchval(statement)
        return found
    finally:
        await connection.close()


def programs_of(url: str, name: str) -> int:
    """How many connections of a program the database has."""
    sql = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        f" AND application_name = '{name}'"
    )
    return int(asyncio.run(ask(url, sql)))


async def answers(settings: Settings) -> list[Any]:
    """What a server answers to a set of queries, to an ordinary person and to an administrator."""
    app = create_app(settings)
    found: list[Any] = []
    async with app.router.lifespan_context(app):
        database: Database = app.state.database
        policy = TokenPolicy(settings.signing_key())
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://ccgraph.test") as client:
            for name in ("reader", "administrator"):
                async with database.transaction() as connection:
                    issued = await issue_for_username(
                        connection, policy, name, Origin(), timedelta(minutes=5)
                    )
                for document in DOCUMENTS:
                    body = {"query": document.read_text(), "variables": VARIABLES.get(document.stem, {})}
                    headers = {"authorization": f"Bearer {issued.token}"}
                    response = await client.post("/graphql", json=body, headers=headers)
                    found.append((name, document.stem, response.json()))
    return found


def test_a_restored_data_directory_gives_identical_answers(
    embedded_postgres: TestServer, odd_template: str, ccgraph: Run, settings: Settings, tmp_path: Path
) -> None:
    with embedded_postgres.clone(odd_template) as source:
        given = {"DATABASE_URL": source, "CCGRAPH_SECRET_KEY": KEY}
        made = ccgraph("backup", "--to", "kept", **given)
        assert made.returncode == 0, made.stderr
        file = made.stdout.strip()
        before = asyncio.run(answers(settings.model_copy(update={"database_url": SecretStr(source)})))
    assert all("errors" not in answer for _, _, answer in before)

    target = {"CCGRAPH_DATA_DIR": "restored", "CCGRAPH_SECRET_KEY": KEY}
    restored = ccgraph("restore", file, **target)
    # The integrity check speaks of the odd rows, as it would have in the source.
    assert restored.returncode in (0, 3), restored.stderr
    assert "rows in" in restored.stderr
    again = ccgraph("restore", file, **target)
    assert again.returncode == 1
    assert "The database is not empty" in again.stderr
    with embedded_server(tmp_path / "restored", command="pytest", overrides=QUICK) as server:
        after = asyncio.run(answers(settings.model_copy(update={"database_url": SecretStr(server.url())})))
    assert after == before


@pytest.mark.parametrize(
    ("more", "told", "left"),
    [
        ([], "Notifications that wait to be sent: 1. The first worker", "pending"),
        (["--discard-waiting"], "Notifications called off: 1;", "cancelled"),
    ],
)
def test_what_waits_to_be_sent_in_a_restored_database_is_told_and_can_be_called_off(
    on_database: Run, database_url: str, tmp_path: Path, more: list[str], told: str, left: str
) -> None:
    """What was sent after the backup was made waits in it."""
    on_database(
        "psql",
        "-qc",
        "INSERT INTO users (username, hashed_password) VALUES ('ada', 'x');"
        "INSERT INTO notification_history (user_id, notification_type, service_type, title, message) "
        "SELECT id, 'claude_request', 'webhook', 'Done', 'A task is done.' FROM users",
    )
    file = on_database("backup", "--to", str(tmp_path / "kept")).stdout.strip()
    on_database("psql", "-qc", "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    restored = on_database("restore", file, *more)
    assert restored.returncode == 0, restored.stderr
    assert told in restored.stderr
    assert asyncio.run(ask(database_url, "SELECT status FROM notification_history")) == left


def test_a_restore_that_fails_leaves_no_data_directory(
    on_database: Run, ccgraph: Run, tmp_path: Path
) -> None:
    file = Path(on_database("backup", "--to", "kept").stdout.strip())
    file.write_bytes(file.read_bytes()[:-100])
    refused = ccgraph("restore", str(file), CCGRAPH_DATA_DIR="restored", CCGRAPH_SECRET_KEY=KEY)
    assert refused.returncode == 1
    assert "is damaged" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "restored").exists()


def test_a_killed_backup_is_no_backup(on_database: Run, database_url: str, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with held_table(database_url, "users"):
        with started("backup", "--to", "kept", folder=tmp_path, DATABASE_URL=database_url) as process:
            wait_for(lambda: told(process) or programs_of(database_url, "pg_dump"))
            process.kill()
            process.wait()
        assert [path.name[:9] for path in kept.iterdir()] == [".partial-"]
        # pg_dump ends with the process that started it.
        wait_for(lambda: not programs_of(database_url, "pg_dump"))
    made = on_database("backup", "--to", "kept")
    assert made.returncode == 0, made.stderr
    assert not list(kept.glob(".partial-*"))
    assert len(list(kept.glob("*.dump"))) == 1


@contextmanager
def held_table(url: str, table: str) -> Iterator[None]:
    """Hold a table so that nobody reads it."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(url))
        runner.run(connection.execute(f"BEGIN; LOCK TABLE {table}"))
        try:
            yield
        finally:
            runner.run(connection.close())


@pytest.fixture
def empty(embedded_postgres: TestServer) -> Iterator[str]:
    with embedded_postgres.clone("template0") as url:
        yield url


def test_a_killed_restore_leaves_the_database_empty(
    on_database: Run, empty: str, postgres: TestServer, tmp_path: Path
) -> None:
    file = on_database("backup", "--to", "kept").stdout.strip()
    name = urlsplit(empty).path.removeprefix("/")
    slowly = (
        "CREATE FUNCTION pg_temp_slow() RETURNS event_trigger LANGUAGE plpgsql"
        " AS $$ BEGIN PERFORM pg_sleep(0.2); END $$",
        "CREATE EVENT TRIGGER slow ON ddl_command_end WHEN TAG IN ('CREATE INDEX')"
        " EXECUTE FUNCTION pg_temp_slow()",
    )
    asyncio.run(ask(postgres.embedded.url(name, SUPERUSER), *slowly))
    with started("restore", file, folder=tmp_path, DATABASE_URL=empty) as process:
        asleep = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event = 'PgSleep'"
        )
        wait_for(lambda: told(process) or asyncio.run(ask(empty, asleep)))
        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_for(lambda: not programs_of(empty, "psql"))
    assert asyncio.run(ask(empty, OBJECTS)) == 0
    asyncio.run(
        ask(
            postgres.embedded.url(name, SUPERUSER),
            "DROP EVENT TRIGGER slow",
            "DROP FUNCTION pg_temp_slow()",
        )
    )
    restored = on_database("restore", file, DATABASE_URL=empty)
    assert restored.returncode == 0, restored.stderr


def test_a_dump_is_tried_and_a_killed_trial_leaves_nothing_for_long(
    on_database: Run, database_url: str, tmp_path: Path
) -> None:
    file = on_database("backup", "--to", "kept").stdout.strip()
    given = {"DATABASE_URL": database_url, "CCGRAPH_BACKUP_DIR": "scratch"}
    with started("backup", "--verify", file, folder=tmp_path, **given) as process:
        wait_for(
            lambda: told(process) or list((tmp_path / "scratch").glob(".scratch-*/postgres/postmaster.pid"))
        )
        process.kill()
        process.wait()
    left = list((tmp_path / "scratch").iterdir())
    assert len(left) == 1
    wait_for(lambda: not (left[0] / "postgres/postmaster.pid").exists())  # PostgreSQL ends with it
    good = on_database("backup", "--verify", file, CCGRAPH_BACKUP_DIR="scratch")
    assert good.returncode == 0, good.stderr
    assert "is good" in good.stderr
    assert list((tmp_path / "scratch").iterdir()) == []
    assert asyncio.run(ask(database_url, "SELECT is_verified FROM backup_runs")) is True


ON_A_SMALL_DISK = (
    "mount -t tmpfs -o size={size},mode=755 tmpfs {disk} && {command}; code=$?; ls -A {disk}; exit $code"
)
MUCH = """
INSERT INTO system_logs (level, category, module, message)
SELECT 'INFO', 'c', 'm', (
    SELECT string_agg(md5(random()::text || n || part), '') FROM generate_series(1, 200) AS part
)
FROM generate_series(1, 12000) AS n
"""
"""Some 80 MB that cannot be compressed much."""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_leaves_no_backup(database_url: str, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = f"{CCGRAPH} backup --to {disk}"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", ON_A_SMALL_DISK.format(size="300k", disk=disk, command=command)],
        env={**os.environ, "DATABASE_URL": database_url, "CCGRAPH_SECRET_KEY": KEY},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "There is no room left for the backup" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
@pytest.mark.long
@pytest.mark.parametrize("command", ["restore {file}", "backup --verify {file}"])
def test_a_disk_that_becomes_full_while_a_dump_is_read_is_told(
    on_database: Run, database_url: str, tmp_path: Path, command: str
) -> None:
    """PostgreSQL cannot write its log then, and ends without a word to those who are connected.

    It recovers then, and would not end before it is told to end at once.
    """
    asyncio.run(ask(database_url, MUCH))
    file = on_database("backup", "--to", str(tmp_path / "kept")).stdout.strip()
    disk = tmp_path / "disk"
    disk.mkdir()
    line = f"{CCGRAPH} {command.format(file=file)}"
    began = time.monotonic()
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", ON_A_SMALL_DISK.format(size="100m", disk=disk, command=line)],
        env={
            **environment,
            "CCGRAPH_SECRET_KEY": KEY,
            "CCGRAPH_DATA_DIR": f"{disk}/data",
            "CCGRAPH_BACKUP_DIR": f"{disk}/backups",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert f"There is no room for {file} on the disk of the database" in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began < STOP_TIMEOUT


def test_a_folder_that_cannot_be_made_is_named(on_database: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = on_database("backup", "--to", "file/kept")
    assert refused.returncode == 1
    assert f"{tmp_path}/file/kept cannot be used (Not a directory)" in refused.stderr


@pytest.mark.parametrize("below", ["", "/kept/here"])
def test_no_backup_lies_within_what_it_is_of(on_database: Run, tmp_path: Path, below: str) -> None:
    (tmp_path / "data/postgres").mkdir(parents=True)
    (tmp_path / "data/postgres/PG_VERSION").write_text("18\n")
    (tmp_path / "link").symlink_to(tmp_path / "data/postgres")
    refused = on_database("backup", "--to", f"link{below}")
    assert refused.returncode == 1
    assert "is within" in refused.stderr
    assert [path.name for path in (tmp_path / "data/postgres").iterdir()] == ["PG_VERSION"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["backup", "--base"], 1, "use pgBackRest for that one"),
        (["restore", "--at", "2026-01-31T12:00:00Z"], 1, "use pgBackRest for that one"),
        (["restore"], 2, "give either a file or --at"),
        (["backup", "--base", "--verify", "x"], 2, "it cannot be combined with"),
    ],
)
def test_what_does_not_go_together_is_told(
    on_database: Run, arguments: list[str], code: int, sentence: str
) -> None:
    refused = on_database(*arguments)
    assert refused.returncode == code
    assert sentence in " ".join(refused.stderr.replace("│", "").split())


def test_a_moment_that_no_backup_reaches_leaves_no_folder(ccgraph: Run, tmp_path: Path) -> None:
    at = ("restore", "--at", "latest", "--from", str(tmp_path))
    refused = ccgraph(*at, CCGRAPH_DATA_DIR="restored", CCGRAPH_SECRET_KEY=KEY)
    assert refused.returncode == 1
    assert "There is no base backup in" in refused.stderr
    assert not (tmp_path / "restored").exists()


def test_a_time_without_an_offset_is_refused(ccgraph: Run) -> None:
    refused = ccgraph("restore", "--at", "2026-01-31 12:00:00", CCGRAPH_SECRET_KEY=KEY)
    assert refused.returncode == 1
    assert "must be a time with an offset" in refused.stderr
