"""Translates errors of PostgreSQL into the words of the API; this is the only place."""

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from services.core.errors import BadInput, Conflict, DomainError, QueryTooComplex, ServiceUnavailable

_AWAY = (
    OSError,
    asyncpg.InterfaceError,
    # A connection whose server has said that it ends, and is about to close it.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,
    # No connection of the pool became free in time.
    PoolTimeoutError,
)


_STOPPED = (
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.TransactionRollbackError,
)


def is_away(error: BaseException) -> bool:
    """True when the database is restarting or cannot be reached, so that trying again helps."""
    error = driver_error(error)
    # Those of asyncpg's interface errors that are ValueErrors are our mistakes.
    return isinstance(error, _AWAY) and not isinstance(error, ValueError)


def is_transient(error: BaseException) -> bool:
    """True also when the database has stopped a statement for the sake of others: another try may help."""
    return is_away(error) or isinstance(driver_error(error), _STOPPED)


def translate(error: BaseException) -> DomainError | None:
    """The domain error behind an exception of asyncpg or SQLAlchemy; None when it is a fault of ours.

    No SQL, no constraint name and no value of a row gets into the message.
    """
    match driver_error(error):
        case asyncpg.DiskFullError():
            return ServiceUnavailable(
                "The database has no space left on its disk. Nothing was changed; try again when the "
                "operator has made room."
            )
        case asyncpg.TooManyConnectionsError():
            return ServiceUnavailable(
                "The database takes no more connections at the moment. Nothing was changed; try again."
            )
        case asyncpg.OutOfMemoryError():
            return ServiceUnavailable(
                "The database is out of memory at the moment. Nothing was changed; try again."
            )
        case asyncpg.ReadOnlySQLTransactionError():
            return ServiceUnavailable(
                "The database takes no changes at the moment. Nothing was changed; try again."
            )
        case away if is_away(away):
            return ServiceUnavailable(
                "The database cannot be reached at the moment. Try again; "
                "a change that was under way may have been made or not."
            )
        case asyncpg.LockNotAvailableError():
            return _held_too_long()
        case asyncpg.QueryCanceledError() as canceled if _waited_for_a_row(canceled):
            return _held_too_long()
        case asyncpg.UniqueViolationError():
            return Conflict("Another row already has this value; choose a different one.")
        case asyncpg.ForeignKeyViolationError():
            return Conflict("A row that this one refers to does not exist, or rows still refer to this one.")
        case asyncpg.NotNullViolationError():
            return BadInput("A value is missing that must be given.")
        case asyncpg.CheckViolationError() | asyncpg.ExclusionViolationError():
            return BadInput("A value is outside of what this field allows.")
        case asyncpg.DataError():
            return BadInput("A value is too long, out of range, or holds characters that cannot be stored.")
        case asyncpg.QueryCanceledError():
            return QueryTooComplex(
                "This took too long and was stopped, and nothing was changed; ask for fewer rows or filter "
                "more."
            )
        case asyncpg.DeadlockDetectedError() | asyncpg.SerializationError():
            return Conflict("Another change was made to the same rows at the same moment; try again.")
        case _:
            return None


def _held_too_long() -> Conflict:
    return Conflict(
        "Another change holds a row that this one needs, and did not end in time. Nothing was changed; "
        "try again."
    )


def _waited_for_a_row(error: asyncpg.QueryCanceledError) -> bool:
    """PostgreSQL says in the context what a statement did: `while updating tuple (0,1) in relation ...`."""
    context: str = getattr(error, "context", None) or ""
    return " tuple (" in context


def driver_error(error: BaseException) -> BaseException:
    """SQLAlchemy wraps asyncpg's exception twice; its original is the cause of the inner one."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error
    return error
