"""What a pooler in transaction mode takes from a connection, and that a start through one is refused."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from app.config.errors import StartupError
from app.config.settings import Settings
from app.database import located
from app.database.configuration import OWNER
from tests.support.clusters import TEMPLATE
from tests.support.postgres15 import MISSING, PROGRAMS, Postgres15, postgres15_server
from tests.support.waiting import until

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
PORT = 6432
pytestmark = [
    pytest.mark.xdist_group("replicas"),
    pytest.mark.skipif(not PROGRAMS.exists(), reason=MISSING),
    pytest.mark.skipif(
        PGBOUNCER is None, reason="PgBouncer is not installed here; the Debian package pgbouncer brings it"
    ),
]


@pytest.fixture(scope="module")
def server(cluster15: Path) -> Iterator[Postgres15]:
    """PostgreSQL itself."""
    with postgres15_server(cluster15) as running:
        yield running


@asynccontextmanager
async def pgbouncer(server: Postgres15, folder: Path, ignored: str) -> AsyncIterator[str]:
    """The URL through one in transaction mode, which keeps a connection or two to the server."""
    assert PGBOUNCER is not None
    user = "nobody" if os.geteuid() == 0 else None
    settings = {
        "listen_port": PORT,
        "unix_socket_dir": folder,
        "auth_type": "any",
        "pool_mode": "transaction",
        "default_pool_size": 2,
        "ignore_startup_parameters": ignored,
    }
    file = folder / "pgbouncer.ini"
    lines = [f"{name} = {value}" for name, value in settings.items()]
    place = f"* = host={server.folder} port={server.port} user={OWNER}"
    file.write_text("\n".join(["[databases]", place, "[pgbouncer]", *lines, ""]))
    if user is not None:
        shutil.chown(folder, user)
    process = await asyncio.create_subprocess_exec(
        PGBOUNCER, "--quiet", str(file), user=user, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await until((folder / f".s.PGSQL.{PORT}").exists)
        yield f"postgresql://{OWNER}@/{TEMPLATE}?host={quote(str(folder), safe='')}&port={PORT}"
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
def folder(server: Postgres15) -> Iterator[Path]:
    """One that the user of PgBouncer reaches."""
    made = server.folder / "pgbouncer"
    made.mkdir()
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize("ignored", ["extra_float_digits", "ccgraph.direct"])
@pytest.mark.parametrize("variable", ["DATABASE_URL", "DATABASE_READ_URL"])
async def test_a_start_through_a_pooler_is_refused(
    variable: str, ignored: str, server: Postgres15, folder: Path, tmp_path: Path
) -> None:
    """One that refuses what a connection sets, and one that ignores it."""
    async with pgbouncer(server, folder, ignored) as url:
        urls = {"DATABASE_URL": server.url(TEMPLATE), variable: url}
        settings = Settings.model_validate({"data_dir": tmp_path, **urls})

        def start() -> None:
            with located(settings, command="serve"):
                pass

        with pytest.raises(StartupError, match=f"PgBouncer.*set {variable} to PostgreSQL itself"):
            await asyncio.to_thread(start)


async def test_in_transaction_mode_nothing_of_a_session_stays(server: Postgres15, folder: Path) -> None:
    """What docs/operations.md says of it."""
    async with pgbouncer(server, folder, "extra_float_digits") as url, AsyncExitStack() as stack:
        one, other = [await asyncpg.connect(url, statement_cache_size=0) for _ in range(2)]
        for connection in (one, other):
            stack.push_async_callback(connection.close)
        await one.execute("SET jit = off; PREPARE kept AS SELECT 1; LISTEN said")
        assert await one.fetchval("SELECT pg_try_advisory_lock(1)")
        assert await other.fetchval("SELECT pg_try_advisory_lock(1)"), "the lock is of the other client, too"
        heard: list[object] = []
        with suppress(asyncpg.InterfaceError):
            await one.add_listener("said", lambda *said: heard.append(said))
        async with other.transaction():  # it holds what `one` has used so far
            await other.execute("NOTIFY said")
            assert await other.fetchval("SHOW jit") == "off", "the setting is of the other client now"
            assert await one.fetchval("SHOW jit") == "on"
            with pytest.raises(asyncpg.InvalidSQLStatementNameError):
                await one.execute("EXECUTE kept")
            # What ends with the transaction is as it is without a pooler.
            async with one.transaction():
                await one.execute("SET LOCAL jit = off")
                assert await one.fetchval("SHOW jit") == "off"
                assert await one.fetchval("SELECT $1::int + 1", 1) == 2
                assert await one.fetchval("SELECT pg_try_advisory_xact_lock(2)")
                assert not await other.fetchval("SELECT pg_try_advisory_xact_lock(2)")
        await one.fetchval("SELECT 1")  # what came for it before has come by then
        assert not heard
