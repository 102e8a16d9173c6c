"""Reaches the server of a URL at the start: waits while time mends what is wrong, or says what to do."""

import socket
import ssl
from collections.abc import Callable
from functools import partial

import asyncpg

from app.config.errors import StartupError
from services.core.connecting import CONNECT_TIMEOUT
from services.core.database_errors import driver_error
from services.core.retry import Backoff, retry

_PAUSES = Backoff(first=0.2, longest=2.0)
_WAIT = "wait and try again; CCGRAPH_DATABASE_START_TIMEOUT says how many seconds a start waits"

_DIRECT = "ccgraph.direct"
"""A setting that only a connection has which reaches PostgreSQL with what it asked for."""

_REFUSALS: tuple[tuple[type[BaseException], str], ...] = (
    (asyncpg.InvalidCatalogNameError, "create that database (`createdb`), or correct the name in {variable}"),
    (asyncpg.InvalidPasswordError, "correct the user or the password in {variable}"),
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        "create that role (`createuser`) or let the server's pg_hba.conf admit it, or correct {variable}",
    ),
    (
        asyncpg.TooManyConnectionsError,
        "end other clients, raise the server's max_connections, or lower CCGRAPH_READ_POOL_SIZE and "
        "CCGRAPH_WRITE_POOL_SIZE",
    ),
    (asyncpg.CannotConnectNowError, _WAIT),
    (
        asyncpg.InsufficientPrivilegeError,
        "let the database belong to the role of {variable}, or grant it what it lacks",
    ),
    (
        asyncpg.TargetServerAttributeNotMatched,
        "promote one of its servers, or name the primary in {variable}",
    ),
    (
        asyncpg.ProtocolViolationError,
        "a pooler such as PgBouncer, which keeps no settings of a connection, must not stand in between: "
        "set {variable} to PostgreSQL itself",
    ),
    (asyncpg.ReadOnlySQLTransactionError, "set {variable} to the primary server, which takes changes"),
    (asyncpg.DiskFullError, "make room on the server's disk"),
    (ssl.SSLError, "correct sslmode and certificates in {variable}, or those of the server"),
    (socket.gaierror, "correct the host in {variable}"),
    (ValueError, "correct {variable}"),
    (OSError, "start that server, or correct {variable}"),
    (asyncpg.PostgresError, "start that server, or correct {variable}"),
    (asyncpg.InterfaceError, "start that server, or correct {variable}"),
)
"""What a server or the way to it can say, the narrower kinds first, and what to do about it."""


async def reach(url: str, variable: str, within: float, say: Callable[[str], None]) -> None:
    """Return when the server of `url` takes a connection.

    For `within` seconds it waits for a server that starts, recovers or has no connection left, and says so.
    Raises: StartupError with a sentence on what to do.
    """
    told: set[str] = set()

    def tell(error: Exception) -> None:
        if (why := reason(error)) not in told:
            told.add(why)
            say(f"The database of {variable} is not ready ({why}); waiting up to {within:g} s for it")

    try:
        await retry(partial(_connect, url), "", helps=_passes, backoff=_PAUSES, within=within, tell=tell)
    except Exception as error:
        told_error = unusable(error, variable)
        if told_error is None:
            raise
        raise told_error from error


async def look_at_replica(url: str, name: str, say: Callable[[str], None]) -> None:
    """Say that a replica is away, without which a start goes on.

    Raises: StartupError where time mends nothing, such as a wrong password.
    """
    try:
        await _connect(url)
    except Exception as error:
        if _passes(error) and not isinstance(error, socket.gaierror):
            say(f"The replica {name} of DATABASE_READ_URL is away ({reason(error)}); queries go elsewhere")
            return
        told = unusable(error, "DATABASE_READ_URL")
        if told is None:
            raise
        raise told from error


async def _connect(url: str) -> None:
    connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT, server_settings={_DIRECT: "on"})
    try:
        # Not prepared, for a pooler may bring each message to another connection.
        await connection.execute(f"SELECT current_setting('{_DIRECT}')", timeout=CONNECT_TIMEOUT)
    except asyncpg.UndefinedObjectError as error:
        raise asyncpg.ProtocolViolationError("what a connection sets is ignored") from error
    finally:
        await connection.close(timeout=CONNECT_TIMEOUT)


def unusable(error: BaseException, variable: str = "DATABASE_URL") -> StartupError | None:
    """The sentence about a database that cannot be used; None for an error of another kind."""
    error = driver_error(error)
    for kind, advice in _REFUSALS:
        if isinstance(error, kind):
            if _is_about_tls(error):
                advice = "correct sslmode in {variable}, or let the server offer TLS"
            advice = advice.format(variable=variable)
            return StartupError(f"The database of {variable} cannot be used ({reason(error)}): {advice}.")
    return None


def reason(error: BaseException) -> str:
    """The first line of what a driver or the system says; asyncpg names no password in it."""
    error = driver_error(error)
    if isinstance(error, TimeoutError) and not str(error):
        return f"it did not answer in {CONNECT_TIMEOUT:.0f} seconds"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def _passes(error: Exception) -> bool:
    """True if time may mend the error: the server starts, recovers, restarts, or has no connection left."""
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_AGAIN
    if isinstance(error, ssl.SSLError) or _is_about_tls(error):
        return False
    return isinstance(
        error,
        (
            OSError,
            asyncpg.CannotConnectNowError,
            asyncpg.TooManyConnectionsError,
            asyncpg.AdminShutdownError,
            asyncpg.CrashShutdownError,
            asyncpg.PostgresConnectionError,
            asyncpg.TargetServerAttributeNotMatched,
        ),
    ) and not isinstance(error, asyncpg.ProtocolViolationError)


def _is_about_tls(error: BaseException) -> bool:
    """asyncpg has no type of its own for a server that does not offer TLS."""
    return isinstance(error, ConnectionError) and "SSL" in str(error)
