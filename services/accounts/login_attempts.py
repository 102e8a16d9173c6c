"""Limits attempts to log in: counted for each account and each address, by all processes together."""

import hashlib
import ipaddress
import math
from datetime import timedelta
from typing import Final

from services.core.database import Database
from services.core.errors import RateLimited
from services.core.principal import Origin
from services.writing.single_statement import ASYNC_COMMIT

WINDOW = timedelta(minutes=15)
# For an account from one address: it closes the account for itself, and it takes several to close it for all.
PER_ACCOUNT = 10
PER_ACCOUNT_IN_ALL = 50
# An address may stand for everybody behind one router.
PER_ADDRESS = 100


# Both statements lock the row of the address first, so that none waits for another in a circle. All who come
# from an address lock its row in turn, so none keeps it until the disk has answered. An address past its
# limit stores nothing else, and one that has tried an account too often counts for the account no more.
_COUNTED: Final = """
ON CONFLICT (subject) DO UPDATE SET
    attempts = CASE WHEN counted.window_started_at < now() - $4::interval THEN 1
                    ELSE counted.attempts + 1 END,
    window_started_at = CASE WHEN counted.window_started_at < now() - $4::interval THEN now()
                             ELSE counted.window_started_at END
RETURNING attempts, extract(epoch FROM window_started_at + $4::interval - now()) AS remaining
"""
_COUNT: Final = f"""
WITH address AS (
    INSERT INTO login_attempts AS counted (subject, attempts, window_started_at)
    SELECT $1::bytea, 1, now() FROM {ASYNC_COMMIT} WHERE setting IS NOT NULL AND $1 IS NOT NULL
    {_COUNTED}
), pair AS (
    INSERT INTO login_attempts AS counted (subject, attempts, window_started_at)
    SELECT $2::bytea, 1, now() FROM address WHERE attempts <= $5::int
    {_COUNTED}
), account AS (
    INSERT INTO login_attempts AS counted (subject, attempts, window_started_at)
    SELECT $3::bytea, 1, now() FROM {ASYNC_COMMIT} WHERE setting IS NOT NULL
        AND ($1 IS NULL OR EXISTS (SELECT FROM pair WHERE attempts <= $6::int))
    {_COUNTED}
)
SELECT remaining FROM address WHERE attempts > $5::int
UNION ALL SELECT remaining FROM pair WHERE attempts > $6::int
UNION ALL SELECT remaining FROM account WHERE attempts > $7::int
"""


async def count_attempt(database: Database, username: str, origin: Origin) -> None:
    """Count an attempt before its password is looked at, or `RateLimited` with `retryAfter` in seconds.

    The count is committed when this returns: attempts that run at the same time must see each other.
    """
    subjects = _address(origin.ip_address), _pair(username, origin.ip_address), _account(username)
    limits = (
        PER_ADDRESS,
        PER_ACCOUNT,
        PER_ACCOUNT_IN_ALL if origin.ip_address else PER_ACCOUNT,
    )
    async with database.autocommit.acquire() as connection:
        rows = await connection.fetch(_COUNT, *subjects, WINDOW, *limits)
    if rows:
        seconds = max(1, *(math.ceil(row["remaining"]) for row in rows))
        raise RateLimited(
            f"Too many attempts to log in; try again in {math.ceil(seconds / 60)} minutes.",
            retryAfter=seconds,
        )


_FORGET: Final = f"""
WITH held AS MATERIALIZED (
    SELECT subject FROM login_attempts, {ASYNC_COMMIT}
    WHERE setting IS NOT NULL AND subject IN ($1, $2, $3)
    ORDER BY subject = $1 DESC, subject = $2 DESC FOR UPDATE OF login_attempts
), forgotten AS (
    DELETE FROM login_attempts USING held
    WHERE login_attempts.subject = held.subject AND held.subject IN ($2, $3)
)
UPDATE login_attempts SET attempts = attempts - 1 FROM held
WHERE login_attempts.subject = held.subject AND held.subject = $1 AND attempts > 0
"""


async def forget_attempts(database: Database, username: str, origin: Origin) -> None:
    """Reset the count after a login: the account starts anew, the address gets this one attempt back."""
    subjects = _address(origin.ip_address), _pair(username, origin.ip_address), _account(username)
    async with database.autocommit.acquire() as connection:
        await connection.execute(_FORGET, *subjects)


def _account(username: str) -> bytes:
    return hashlib.sha256(b"account:" + username.casefold().encode("utf-8", "surrogatepass")).digest()


def _pair(username: str, ip_address: str | None) -> bytes:
    return hashlib.sha256(b"pair:" + _account(username) + (_address(ip_address) or b"")).digest()


def _address(ip_address: str | None) -> bytes | None:
    """One IPv4 address, or the /64 network that an IPv6 subscriber chooses from; None without one."""
    if not ip_address:
        return None
    address = ipaddress.ip_address(ip_address)
    if address.version == 6:
        address = ipaddress.ip_network((address, 64), strict=False).network_address
    return hashlib.sha256(b"address:" + address.packed).digest()
