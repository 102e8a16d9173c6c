"""Every command on a database that cannot be used: one sentence on what to do, exit code 1, no trace."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from app.database.configuration import OWNER
from tests.acceptance.commands.conftest import Run
from tests.support.clusters import TEMPLATE
from tests.support.forked import FORKER
from tests.support.postgres15 import MISSING, PROGRAMS, Postgres15, postgres15_server

pytestmark = pytest.mark.skipif(not PROGRAMS.exists(), reason=MISSING)

KEY = "a key that signs nothing outside of the tests"
CONNECTIONS = 6

COMMANDS = {
    "serve": ["serve"],
    "serve --migrate": ["serve", "--migrate"],
    "migrate": ["migrate"],
    "check": ["check"],
    "token": ["token", "--username", "ada"],
    "create-admin": ["create-admin", "--username", "ada"],
    "demo": ["demo", "--scale", "0.001"],
    "import-mcp": ["import-mcp", "lines.jsonl", "--instance", "019a3b77-7587-7945-afe9-8900d58efbe7"],
    "rotate-keys": ["rotate-keys"],
    "psql": ["psql", "-c", "SELECT 1"],
    "pg-dump": ["pg-dump"],
    "pg-restore": ["pg-restore", "lines.jsonl"],
}


@pytest.fixture(scope="module")
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
    return number


@pytest.fixture(scope="module")
def server(cluster15: Path, port: int) -> Iterator[Postgres15]:
    """Over TCP without TLS, with few connections; the role `locked` needs a password."""
    settings = {
        "max_connections": str(CONNECTIONS),
        "superuser_reserved_connections": "1",
        "max_wal_senders": "0",
    }
    hba = "local all locked scram-sha-256\nhost all locked all scram-sha-256\nhostssl all tls all trust\n"
    hba += "host all tls all reject\n"
    with postgres15_server(cluster15, settings, hba=hba, port=port) as running:
        running.run("psql", "-d", "postgres", "-c", "CREATE ROLE locked LOGIN PASSWORD 'right'")
        running.run("psql", "-d", "postgres", "-c", "CREATE ROLE tls LOGIN")
        yield running


@pytest.fixture
def refused(ccgraph: Run, tmp_path: Path, server: Postgres15) -> "Refused":
    (tmp_path / "lines.jsonl").write_text('{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
    return Refused(ccgraph)


class Refused:
    """Runs a command that is to fail, and gives its sentence."""

    def __init__(self, ccgraph: Run) -> None:
        self._ccgraph = ccgraph

    def sentence(self, command: str, url: str, wait: str = "0", **settings: str) -> str:
        given = {"DATABASE_URL": url, "CCGRAPH_SECRET_KEY": KEY, "CCGRAPH_DATABASE_START_TIMEOUT": wait}
        done = self._ccgraph(*COMMANDS[command], text="a long password\n", **given, **settings)
        assert done.returncode == 1, (command, done.stderr)
        assert "Traceback" not in done.stderr + done.stdout
        *_, last = done.stderr.splitlines()
        assert last.startswith("ccgraph: "), done.stderr
        assert last.endswith(".")
        assert "right" not in done.stderr
        return last


def address(port: int, role: str = OWNER, database: str = TEMPLATE, more: str = "") -> str:
    return f"postgresql://{role}@127.0.0.1:{port}/{database}{more}"


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_answers_a_missing_database_with_a_stack_trace(
    command: str, refused: Refused, port: int
) -> None:
    assert '(database "nowhere" does not exist): create that database' in refused.sentence(
        command, address(port, database="nowhere")
    )


TROUBLES = {
    "no role": ({"role": "nobody_known"}, 'role "nobody_known" does not exist.: create that role'),
    "wrong password": (
        {"role": "locked:wrong"},
        "password authentication failed .*correct the user or the pass",
    ),
    "no password": ({"role": "locked"}, "cannot be used .*password"),
    "no TLS": ({"more": "?sslmode=require"}, "correct sslmode in DATABASE_URL"),
    "only TLS": ({"role": "tls"}, "pg_hba.conf"),
    "wrong option": ({"more": "?sslmode=perhaps"}, "correct DATABASE_URL"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_what_the_server_refuses_is_told_with_what_to_do(
    command: str, trouble: str, refused: Refused, port: int
) -> None:
    changes, sentence = TROUBLES[trouble]
    told = refused.sentence(command, address(port, **changes), wait="5")
    assert re.search(sentence, told), told


@pytest.mark.parametrize("command", ["serve", "check"])
def test_an_unknown_host_and_a_closed_port_are_told(command: str, refused: Refused, port: int) -> None:
    assert "correct the host in DATABASE_URL" in refused.sentence(command, "postgresql://a@nowhere.invalid/b")
    assert "start that server, or correct DATABASE_URL" in refused.sentence(
        command, "postgresql://a@127.0.0.1:1/b"
    )
    read = {"DATABASE_READ_URL": "postgresql://a@nowhere.invalid/b"}
    assert "DATABASE_READ_URL" in refused.sentence(command, address(port), **read)


@contextlib.contextmanager
def all_connections_taken(port: int) -> Iterator[None]:
    """For as long as the block lasts."""
    done, taken = threading.Event(), threading.Event()

    async def hold() -> None:
        held = []
        with contextlib.suppress(asyncpg.TooManyConnectionsError):
            while True:
                held.append(await asyncpg.connect(address(port)))
        taken.set()
        await asyncio.to_thread(done.wait)
        for connection in held:
            await connection.close()

    holding = threading.Thread(target=lambda: asyncio.run(hold()))
    holding.start()
    taken.wait()
    try:
        yield
    finally:
        done.set()
        holding.join()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_server_without_a_connection_left_is_told(command: str, refused: Refused, port: int) -> None:
    with all_connections_taken(port):
        assert "raise the server's max_connections" in refused.sentence(command, address(port))


def test_connections_that_run_out_in_the_middle_are_told_too(
    refused: Refused, server: Postgres15, port: int
) -> None:
    server.run("psql", "-d", "postgres", "-c", f"ALTER ROLE {OWNER} CONNECTION LIMIT 1")
    try:
        assert "max_connections" in refused.sentence("token", address(port))
    finally:
        server.run("psql", "-d", "postgres", "-c", f"ALTER ROLE {OWNER} CONNECTION LIMIT -1")


def test_a_start_waits_for_a_server_that_is_full_and_says_so(
    port: int, server: Postgres15, tmp_path: Path
) -> None:
    given = {"DATABASE_URL": address(port), "CCGRAPH_SECRET_KEY": KEY, "CCGRAPH_DATABASE_START_TIMEOUT": "60"}
    with all_connections_taken(port):
        environment = {**os.environ, **given}
        process = FORKER.start(["migrate"], tmp_path, environment, stderr=subprocess.PIPE)
        assert process.stderr is not None
        assert "is not ready (" in process.stderr.readline()
    assert process.wait(60) == 0
    assert "up to date" in process.stderr.read()
    process.close()


def test_a_start_waits_while_the_server_recovers_from_a_crash(cluster15: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    with postgres15_server(cluster15, port=port) as server:
        data = str(server.folder / "data")
        server.run("pg_ctl", "stop", "-m", "immediate", "-D", data)
        given = {"CCGRAPH_SECRET_KEY": KEY, "CCGRAPH_DATABASE_START_TIMEOUT": "120", "CCGRAPH_PORT": "0"}
        environment = {
            **os.environ,
            **given,
            "DATABASE_URL": address(port),
            "CCGRAPH_LOG_FORMAT": "console",
        }
        process = FORKER.start(
            ["serve"], tmp_path, environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stderr is not None
        assert process.stdout is not None
        try:
            assert "The database of DATABASE_URL is not ready" in process.stderr.readline()
            options = (
                f"-c unix_socket_directories={server.folder} -c port={port} -c listen_addresses=127.0.0.1"
            )
            log = str(server.folder / "log")
            server.run("pg_ctl", "start", "-w", "-D", data, "-l", log, "-o", options)
            while "ccgraph serves" not in (line := process.stdout.readline()):
                assert line, process.stderr.read()
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()
            process.close()
            server.run("pg_ctl", "stop", "-m", "immediate", "-D", data)
