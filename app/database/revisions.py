"""Compares the revision of the database with the one that this release works with."""

import asyncpg
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from app.config.errors import StartupError
from app.database.embedded import Say
from app.database.reaching import reason, unusable
from migrations.run import current, head, upgrade
from services.core.database_errors import driver_error


async def migrate(url: str, say: Say) -> bool:
    """Bring a database to this release's revision, telling each step; False when it was there already."""
    if await _current(url) == head():
        return False
    try:
        await upgrade(url, progress=say)
    except CommandError as error:
        raise StartupError(
            f"The database cannot be migrated ({reason(error)}): if a newer ccgraph has migrated it, "
            "install that one; nothing was changed."
        ) from error
    except (asyncpg.PostgresError, DBAPIError) as error:
        if not isinstance(driver_error(error), asyncpg.LockNotAvailableError):
            raise
        raise StartupError(
            "The database cannot be migrated while others work in it: "
            "stop the servers and workers on it and run `ccgraph migrate` again; it "
            "continues where it stopped."
        ) from error
    return True


async def require_current(url: str) -> None:
    """Check that the database is at this release's revision. Raises: StartupError unless it is."""
    found = await _current(url)
    if found != head():
        raise StartupError(
            f"The database is at revision {found or 'none'} and this ccgraph needs {head()}: "
            "run `ccgraph migrate`, or install the ccgraph that the database belongs to."
        )


async def _current(url: str) -> str | None:
    try:
        return await current(url)
    except Exception as error:
        told = unusable(error)
        if told is None:
            raise
        raise told from error
