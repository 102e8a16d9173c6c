"""Opens connections to PostgreSQL that mean the same whatever the defaults of the server are."""

from typing import Any

import asyncpg

from models.session import SESSION
from services.core.database import Connection
from services.core.tcp_keepalive import WatchedConnection
from services.core.timestamps import from_postgres, to_postgres

CONNECT_TIMEOUT = 10.0
"""Seconds for one connection."""


async def connect(
    url: str,
    *,
    settings: dict[str, str] | None = None,
    connection_class: type[WatchedConnection] = WatchedConnection,
    within: float | None = None,
    **options: Any,
) -> Connection:
    """A connection with the settings of models/session.py and further ones, on which every time is exact.

    `within` is in seconds, CONNECT_TIMEOUT unless given; `options` are those of `asyncpg.connect`. asyncpg
    itself writes the first moment of the year 1 and the last one of 9999 as infinity, and fails outside.
    """
    connection = await asyncpg.connect(
        url,
        timeout=CONNECT_TIMEOUT if within is None else within,
        connection_class=connection_class,
        server_settings={**SESSION, **(settings or {})},
        **options,
    )
    try:
        await connection.set_type_codec(
            "timestamptz", schema="pg_catalog", encoder=to_postgres, decoder=from_postgres, format="tuple"
        )
    except BaseException:
        connection.terminate()
        raise
    return connection
