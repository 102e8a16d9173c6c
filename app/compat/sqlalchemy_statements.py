"""SQLAlchemy's cache of prepared statements, which its adapter of an asyncpg connection has."""

from collections.abc import MutableMapping
from typing import Any


def replace_cache(dbapi_connection: Any, cache: MutableMapping[str, tuple[Any, ...]]) -> None:
    """Keep what is prepared on the connection, by the text of the statement, in this mapping."""
    dbapi_connection._prepared_statement_cache = cache
