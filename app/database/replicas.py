"""The replicas of DATABASE_READ_URL, with a pool for each."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

from app.config.settings import Settings
from app.database.connection_pool import ConnectionPool
from services.core.connecting import connect
from services.core.database import Connection, ReadPool
from services.core.hosts import each_host
from services.core.replicas import CHECK_TIMEOUT, Connect, Replica, Replicas, Server


def open_replicas(
    settings: Settings,
    primary: ReadPool,
    stack: AsyncExitStack,
    pool_on: Callable[[str], ConnectionPool],
) -> Replicas | None:
    """The replicas, of which none needs to be there; None where the settings name none.

    `pool_on` makes a pool on a URL, which is closed with `stack`.
    """
    if settings.database_read_url is None or settings.database_url is None:
        return None
    replicas = []
    for name, url in each_host(settings.database_read_url.get_secret_value()).items():
        pool = pool_on(url)
        stack.push_async_callback(pool.close)
        replicas.append(Replica(name, _checking(url), pool))
    server = Server("primary", _checking(settings.database_url.get_secret_value()))
    return Replicas(server, primary, replicas, settings.replica_lag)


def _checking(url: str) -> Connect:
    return partial(_connect, url)


async def _connect(url: str) -> Connection:
    return await connect(
        url,
        within=CHECK_TIMEOUT,
        settings={"application_name": "ccgraph position", "default_transaction_read_only": "on"},
    )
