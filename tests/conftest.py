"""Fixtures that every test can ask for; docs in tests/support/."""

import functools
import gc
import os
import time
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import asyncpg
import httpx
import hypothesis
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

from app.config.settings import PREFIX, UNPREFIXED, Settings
from app.dashboard import pages
from app.dashboard.files import built_files
from app.database.pools import open_database
from app.main import create_app
from services.core.database import Connection, Database
from tests.support.cheap_passwords import hash_cheaply, hashed_as_always
from tests.support.clusters import migrated
from tests.support.forked import FORKER
from tests.support.memory import ROOT, in_memory
from tests.support.odd_world import fill
from tests.support.postgres15 import MISSING, PROGRAMS, migrated15
from tests.support.server import TestServer, shared_server
from tests.support.serving import LiveServer, served
from tests.support.statements import Statements, recorded

# How long an example takes is the machine's affair.
hypothesis.settings.register_profile(
    "any machine",
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    database=None,
    print_blob=True,
)
hypothesis.settings.load_profile("any machine")


# Of what is imported and collected nothing is garbage, and to look for it takes a fifth of that time.
gc.disable()

_AUTHORITY = Path(__file__).parent / "data" / "authority.pem"
_LONG = ("xdist_group", "timeout", "long")
"""Marks of tests that are begun first: those that one worker runs, and those that take ten seconds."""

_ZONES = ("UTC", "Asia/Tokyo", "America/St_Johns", "Pacific/Kiritimati")


@pytest.hookimpl(trylast=True)  # pytest-randomly has chosen the seed by then
def pytest_configure(config: pytest.Config) -> None:
    """Keep temporary folders in memory, unless a place was chosen for them, be somewhere in the world, and
    know one authority only, which has signed nothing.

    Workers inherit all of it from the process that starts them, and programs that tests run do, too.
    """
    hash_cheaply()
    # Each application reads the built pages, which are the same for all: 9 ms of a processor's time.
    vars(pages)["built_files"] = functools.cache(built_files)
    # Each server and each client loads all authorities, and the usual ones take 40 ms of a processor's time.
    os.environ["SSL_CERT_FILE"] = str(_AUTHORITY)
    seed = config.getoption("randomly_seed", 0)
    os.environ.setdefault("TZ", _ZONES[seed % len(_ZONES) if isinstance(seed, int) else 0])
    time.tzset()
    chosen = config.option.basetemp or os.environ.get(ROOT) or os.environ.get("TMPDIR")
    memory = None if chosen else in_memory()
    if memory is not None:
        os.environ[ROOT] = str(memory)


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are cores: a test waits for a quarter of its time, and uses none then."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.hookimpl(trylast=True)  # pytest-randomly has shuffled them by then
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that in the end no worker is left alone with it."""
    items.sort(key=lambda item: not any(map(item.get_closest_marker, _LONG)))


def pytest_collection_finish() -> None:
    """Keep the garbage collector off what all tests share: above all the schema and the tests themselves."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Let it look again, also where nothing was collected: in the process that gives tests to workers."""
    gc.enable()


def pytest_unconfigure() -> None:
    """End what processes were forked from."""
    FORKER.close()


def pytest_report_header() -> str:
    """The time zone, which the seed decides where TZ does not."""
    return f"time zone: {os.environ['TZ']}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what PostgreSQL wrote; what servers of ours write is captured as it is."""
    report = yield
    server = getattr(item, "funcargs", {}).get("postgres")
    if report.failed and isinstance(server, TestServer):
        report.sections.append((f"PostgreSQL log {report.when}", server.log(since=call.start)))
    return report


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own settings must not decide how a test ends."""
    for name in list(os.environ):
        if name.startswith(PREFIX) or name.lower() in UNPREFIXED:
            monkeypatch.delenv(name)


@pytest.fixture
def real_passwords() -> Iterator[None]:
    """Hash passwords as servers do, for tests of that."""
    with hashed_as_always():
        yield


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of a run share."""
    folder = tmp_path_factory.getbasetemp()
    # In a worker the base is the worker's own, below that of the run.
    return folder.parent if os.environ.get("PYTEST_XDIST_WORKER") else folder


@pytest.fixture(scope="session")
def embedded_postgres(run_folder: Path) -> Iterator[TestServer]:
    """The embedded PostgreSQL of the run, with a migrated template database."""
    with shared_server(run_folder) as server:
        yield server


@pytest.fixture(scope="session")
def migrated_cluster(run_folder: Path) -> Path:
    """A stopped data directory of the embedded PostgreSQL with a migrated template database."""
    return migrated(run_folder)


@pytest.fixture(scope="session")
def cluster15(run_folder: Path) -> Path:
    """A stopped cluster of PostgreSQL 15; the test is skipped where that is not installed."""
    if not PROGRAMS.exists():
        pytest.skip(MISSING)
    return migrated15(run_folder)


@pytest.fixture(scope="session")
def postgres(embedded_postgres: TestServer) -> TestServer:
    """The server that a test runs on. Folders may choose another one by a parameter of this name; the server
    itself has another name, because pytest would stop and start it whenever the parameter changes.
    """
    return embedded_postgres


@pytest.fixture(scope="session")
def odd_template(embedded_postgres: TestServer) -> str:
    """A template for databases that a test changes."""
    return embedded_postgres.template("ccgraph_odd", fill)


@pytest.fixture(scope="session")
def odd_url(embedded_postgres: TestServer, odd_template: str) -> Iterator[str]:
    """A database that all tests of a worker read, and none changes."""
    with embedded_postgres.clone(odd_template) as url:
        yield url


@pytest.fixture
def database_url(postgres: TestServer) -> Iterator[str]:
    """A migrated database of the test's own."""
    with postgres.clone() as url:
        yield url


@pytest.fixture
async def plain(database_url: str) -> AsyncIterator[Connection]:
    """A connection to the test's own database, outside of any transaction, as a user's program has one."""
    connection = await asyncpg.connect(database_url)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """The settings of a server on the test's database, on any free port of the loopback address.

    What happens by itself after some seconds happens in no test that does not ask for it.
    """
    own = {"database_url": SecretStr(database_url), "data_dir": tmp_path / "data"}
    return _read_settings().model_copy(update=own)


@functools.cache
def _read_settings() -> Settings:
    """What is the same in all tests: to read them takes 2 ms, to copy them next to nothing."""
    return Settings(
        _env_file=None,
        port=0,
        secret_key=SecretStr("a key that signs nothing outside of the tests"),
        read_pool_size=4,
        write_pool_size=4,
        shutdown_timeout=2,
        keep_alive=3600,
        request_timeout=600,
        confirmation_timeout=3600,
        worker=False,
    )


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[Statements]:
    """The statements that planned reads of this test sent."""
    with recorded(monkeypatch) as found:
        yield found


@pytest.fixture
async def database(settings: Settings, statements: Statements) -> AsyncIterator[Database]:
    """The pools on the test's database."""
    async with open_database(settings) as opened:
        yield opened


@pytest.fixture
async def app(settings: Settings, statements: Statements) -> AsyncIterator[Starlette]:
    """The application with its lifespan running."""
    created = create_app(settings)
    async with created.router.lifespan_context(created):
        yield created


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A client that calls the application without a socket."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://ccgraph.test") as opened:
        yield opened


@pytest.fixture
def live_server(settings: Settings, statements: Statements) -> Iterator[LiveServer]:
    """The server on a socket."""
    with served(settings) as server:
        yield server
