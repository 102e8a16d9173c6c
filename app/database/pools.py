"""The pools: SQLAlchemy on asyncpg for writing transactions, plain asyncpg for planned reads."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from pydantic import SecretStr
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.compat.sqlalchemy_statements import replace_cache
from app.config.errors import StartupError
from app.config.settings import Settings
from app.database.connection_pool import ConnectionPool
from app.database.reaching import unusable
from app.database.replicas import open_replicas
from app.database.statement_cache import LARGE, PlanningConnection, bounded_statements
from services.core.connecting import connect
from services.core.database import Connection, Database
from services.core.fair_shares import MOST_WAITING, FairShares
from services.core.json_codec import read_stored, write_stored
from services.feed.statement_connections import CONNECTIONS

OLDEST_POSTGRESQL = 13
WORKER_CONNECTIONS = 4
CLOSE_TIMEOUT = 5.0
"""Seconds at shutdown for the statements that still run."""

ANSWER_MARGIN = 5.0
"""Seconds after PostgreSQL's own time-out of a statement in which it has to say so, or counts as away."""
LONGEST_LOCK_WAIT = 10.0
"""Seconds that a change waits for a row that another one holds; at most half of a statement's time."""

CHECKS = 2
"""Connections on which tokens are checked and calls are counted."""

FEED_CONNECTIONS = 2 + CONNECTIONS
"""Connections to the primary beside those for queries: the feed's two readers keep one each."""

LIFETIME = 900.0
"""Seconds after which a connection is replaced: what PostgreSQL has gathered for it is free again."""

STATEMENT_CACHE: dict[str, Any] = {
    # A planned statement is long, stays the same and costs as much to prepare as to run.
    "statement_cache_size": 1000,
    "max_cached_statement_lifetime": LIFETIME,
    "max_cacheable_statement_size": LARGE,
}


def share(connections: int, percent: int) -> int:
    """The number of these connections that one person may use at a time."""
    return max(1, connections * percent // 100)


def _shares(settings: Settings, connections: int) -> FairShares:
    return FairShares(
        share(connections, settings.person_share),
        most_waiting=MOST_WAITING,
        longest_wait=settings.statement_timeout,
    )


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """The pools on `database_url`, which must be set, and on the replicas of `database_read_url`.

    Raises: StartupError for a server that cannot be used.
    """
    if settings.database_url is None:
        raise StartupError(
            "DATABASE_URL is not set: set it to a PostgreSQL server, or start with `ccgraph serve`."
        )
    async with AsyncExitStack() as stack:
        primary = await stack.enter_async_context(
            _reading(settings, settings.database_url, "DATABASE_URL", kept=FEED_CONNECTIONS)
        )
        replicas = open_replicas(settings, primary, stack, partial(_reading_pool, settings))
        writer = _writing(settings, settings.database_url)
        stack.push_async_callback(writer.dispose)
        single = partial(connect_single, settings, settings.database_url.get_secret_value())
        autocommit = ConnectionPool(
            single, settings.write_pool_size, settings.statement_timeout, lifetime=LIFETIME
        )
        stack.push_async_callback(autocommit.close, CLOSE_TIMEOUT)
        url = settings.database_url.get_secret_value()
        checks = ConnectionPool(
            partial(connect_reader, settings, url, read_only=False),
            CHECKS,
            settings.statement_timeout,
            lifetime=LIFETIME,
        )
        stack.push_async_callback(checks.close, CLOSE_TIMEOUT)
        yield Database(
            writer=writer,
            reader=primary,
            primary=primary,
            autocommit=autocommit,
            time_limit=settings.statement_timeout + ANSWER_MARGIN,
            checks=checks,
            reading=_shares(settings, settings.read_pool_size),
            writing=_shares(settings, settings.write_pool_size),
            replicas=replicas,
        )


@asynccontextmanager
async def _reading(
    settings: Settings, url: SecretStr, variable: str, kept: int
) -> AsyncIterator[ConnectionPool]:
    pool = _reading_pool(settings, url.get_secret_value(), kept)
    try:
        await _require_usable(pool, variable)
        yield pool
    finally:
        await pool.close(CLOSE_TIMEOUT)


def _reading_pool(settings: Settings, url: str, kept: int = 0) -> ConnectionPool:
    reader = partial(connect_reader, settings, url)
    return ConnectionPool(
        reader, settings.read_pool_size + kept, settings.statement_timeout, lifetime=LIFETIME
    )


async def _require_usable(pool: ConnectionPool, variable: str) -> None:
    try:
        async with pool.acquire() as connection:
            version = connection.get_server_version()
    except Exception as error:
        told = unusable(error, variable)
        if told is None:
            raise
        raise told from error
    if version.major < OLDEST_POSTGRESQL:
        raise StartupError(
            f"The server of {variable} is PostgreSQL {version.major}: "
            f"set {variable} to a server of version {OLDEST_POSTGRESQL} or newer."
        )


async def connect_reader(
    settings: Settings,
    url: str,
    connection_class: type[PlanningConnection] = PlanningConnection,
    *,
    read_only: bool = True,
) -> Connection:
    """A connection on which planned statements run."""
    return await connect(
        url,
        connection_class=connection_class,
        settings={
            **_session(settings, "ccgraph read"),
            "default_transaction_read_only": "on" if read_only else "off",
            # The planner of PostgreSQL would plan each run anew, which costs more than the run.
            "plan_cache_mode": "force_generic_plan",
            "jit": "off",
        },
        command_timeout=settings.statement_timeout + ANSWER_MARGIN,
        **STATEMENT_CACHE,
    )


@asynccontextmanager
async def open_worker_pool(settings: Settings) -> AsyncIterator[ConnectionPool]:
    """Connections of the worker that delivers notifications, so that nothing which callers do delays it."""
    if settings.database_url is None:
        raise StartupError("DATABASE_URL is not set: set it to a PostgreSQL server.")
    connection = partial(connect_worker, settings, settings.database_url.get_secret_value())
    pool = ConnectionPool(connection, WORKER_CONNECTIONS, settings.statement_timeout, lifetime=LIFETIME)
    try:
        yield pool
    finally:
        await pool.close(CLOSE_TIMEOUT)


@asynccontextmanager
async def open_ingest_pool(settings: Settings, connections: int) -> AsyncIterator[ConnectionPool]:
    """Connections on which records of Claude Code are stored, so that nothing else delays the answers."""
    if settings.database_url is None:
        raise StartupError("DATABASE_URL is not set: set it to a PostgreSQL server.")
    connection = partial(connect_single, settings, settings.database_url.get_secret_value())
    pool = ConnectionPool(connection, connections, settings.statement_timeout, lifetime=LIFETIME)
    try:
        yield pool
    finally:
        await pool.close(CLOSE_TIMEOUT)


async def connect_worker(settings: Settings, url: str) -> Connection:
    """A connection that looks for what is due and what happened: by indexes, however young a partition is."""
    return await connect(
        url,
        connection_class=PlanningConnection,
        settings={
            **_writing_session(settings),
            "plan_cache_mode": "force_generic_plan",
            "jit": "off",
            "enable_seqscan": "off",
        },
        command_timeout=settings.statement_timeout + ANSWER_MARGIN,
        **STATEMENT_CACHE,
    )


async def connect_maintenance(settings: Settings) -> Connection:
    """A connection of maintenance, which plans each statement anew and keeps none."""
    if settings.database_url is None:
        raise StartupError("DATABASE_URL is not set: set it to a PostgreSQL server.")
    return await connect(
        settings.database_url.get_secret_value(),
        settings={"application_name": "ccgraph maintenance"},
        statement_cache_size=0,
    )


async def connect_single(settings: Settings, url: str) -> Connection:
    """A connection for statements that change something and are a transaction by themselves."""
    return await connect(
        url,
        connection_class=PlanningConnection,
        # There are few of them, and planning one takes longer than running it.
        settings={
            **_writing_session(settings),
            "plan_cache_mode": "force_generic_plan",
            "jit": "off",
        },
        command_timeout=settings.statement_timeout + ANSWER_MARGIN,
        **STATEMENT_CACHE,
    )


def _writing(settings: Settings, url: SecretStr) -> AsyncEngine:
    open_one = partial(
        connect,
        url.get_secret_value(),
        connection_class=PlanningConnection,
        settings={
            **_writing_session(settings),
            # A caller that vanished must not keep rows locked.
            "idle_in_transaction_session_timeout": "60000",
        },
        **STATEMENT_CACHE,
    )
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=open_one,
        pool_size=settings.write_pool_size,
        max_overflow=0,
        pool_recycle=LIFETIME,
        json_serializer=lambda value: write_stored(value).decode(),
        json_deserializer=read_stored,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def bound_statements(dbapi_connection: Any, record: Any) -> None:
        replace_cache(dbapi_connection, bounded_statements())

    @event.listens_for(engine.sync_engine, "checkout")
    def replace_lost_connection(dbapi_connection: Any, record: Any, proxy: Any) -> None:
        # asyncpg knows at once that a connection is lost; asking the server each time costs a round trip.
        if dbapi_connection.driver_connection.is_closed():
            raise DisconnectionError

    return engine


def _session(settings: Settings, name: str) -> dict[str, str]:
    return {
        "application_name": name,
        "statement_timeout": str(int(settings.statement_timeout * 1000)),
        # Pages are in memory or on flash: by the default of 4 a list of 20 rows reads whole tables to find
        # its relations, and a claim all dependencies for each task that is blocked.
        "random_page_cost": "1.1",
    }


def _writing_session(settings: Settings) -> dict[str, str]:
    wait = min(LONGEST_LOCK_WAIT, settings.statement_timeout / 2)
    return {
        **_session(settings, "ccgraph write"),
        "lock_timeout": str(max(1, int(wait * 1000))),
        # Read where a person saves an address that the server is to call (services/writing/declarations/).
        "ccgraph.delivery_allowed": settings.delivery_allowed,
    }
