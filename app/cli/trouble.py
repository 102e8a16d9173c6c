"""The message of a command whose database fails in the middle of its work."""

import asyncpg
from sqlalchemy.exc import DBAPIError

from app.database.reaching import unusable
from services.core.database_errors import driver_error, is_away

_ABOUT_THE_SERVER = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.ReadOnlySQLTransactionError,
)


def sentence_about(error: Exception) -> str | None:
    """One sentence when the database is behind it; None for what is a fault of ours, or a file's."""
    from_database = isinstance(error, (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError))
    if not from_database and not isinstance(error, (ConnectionError, TimeoutError)):
        return None
    if not is_away(error) and not isinstance(driver_error(error), _ABOUT_THE_SERVER):
        return None
    told = unusable(error)
    return None if told is None else str(told)
