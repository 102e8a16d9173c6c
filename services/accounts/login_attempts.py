"""How often one may try to log in: counted for each account and each address, by all processes together."""

import hashlib
import ipaddress
import math
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, func

from models import login_attempts
from services.core.database import Database, WriteConnection
from services.core.errors import RateLimited
from services.core.principal import Origin
from services.writing.single_statement import UNFLUSHED

WINDOW = timedelta(minutes=15)
PER_ACCOUNT = 10
# An address may stand for everybody behind one router.
PER_ADDRESS = 100


# Both statements lock their rows in the order of the subjects, so that none waits for another in a circle.
# All who come from an address lock its row in turn, so nobody keeps it until the disk has answered.
_COUNT: Final = f"""
INSERT INTO login_attempts AS counted (subject, attempts, window_started_at)
SELECT subject, 1, now() FROM unnest($1::bytea[]) AS subject, {UNFLUSHED}
WHERE setting IS NOT NULL ORDER BY subject
ON CONFLICT (subject) DO UPDATE SET
    attempts = CASE WHEN counted.window_started_at < now() - $2::interval THEN 1
                    ELSE counted.attempts + 1 END,
    window_started_at = CASE WHEN counted.window_started_at < now() - $2::interval THEN now()
                             ELSE counted.window_started_at END
RETURNING subject, attempts, extract(epoch FROM window_started_at + $2::interval - now()) AS remaining
"""


async def count_attempt(database: Database, username: str, origin: Origin) -> None:
    """Count an attempt before its password is looked at, or `RateLimited` with `retryAfter` in seconds.

    The count is committed when this returns: attempts that run at the same time must see each other.
    """
    limits = {_account(username): PER_ACCOUNT}
    if origin.ip_address:
        limits[_address(origin.ip_address)] = PER_ADDRESS
    async with database.at_once.acquire() as connection:
        rows = await connection.fetch(_COUNT, list(limits), WINDOW)
    waits = [row["remaining"] for row in rows if row["attempts"] > limits[row["subject"]]]
    if waits:
        seconds = max(1, math.ceil(max(waits)))
        raise RateLimited(
            f"Too many attempts to log in; try again in {math.ceil(seconds / 60)} minutes.",
            retryAfter=seconds,
        )


_FORGET: Final = f"""
WITH held AS MATERIALIZED (
    SELECT subject FROM login_attempts, {UNFLUSHED}
    WHERE setting IS NOT NULL AND subject IN ($1, $2) ORDER BY subject FOR UPDATE OF login_attempts
), forgotten AS (
    DELETE FROM login_attempts USING held
    WHERE login_attempts.subject = held.subject AND held.subject = $1
)
UPDATE login_attempts SET attempts = attempts - 1 FROM held
WHERE login_attempts.subject = held.subject AND held.subject = $2 AND attempts > 0
"""


async def forget_attempts(database: Database, username: str, origin: Origin) -> None:
    """After a login: the account starts anew, the address gets this one attempt back."""
    address = _address(origin.ip_address) if origin.ip_address else None
    async with database.at_once.acquire() as connection:
        await connection.execute(_FORGET, _account(username), address)


async def purge_attempts(connection: WriteConnection) -> None:
    """Delete what no longer counts; for maintenance."""
    await connection.execute(
        delete(login_attempts).where(login_attempts.c.window_started_at < func.now() - WINDOW)
    )


def _account(username: str) -> bytes:
    return hashlib.sha256(b"account:" + username.casefold().encode("utf-8", "surrogatepass")).digest()


def _address(ip_address: str) -> bytes:
    """One IPv4 address, or the /64 network that an IPv6 subscriber chooses addresses from."""
    address = ipaddress.ip_address(ip_address)
    if address.version == 6:
        address = ipaddress.ip_network((address, 64), strict=False).network_address
    return hashlib.sha256(b"address:" + address.packed).digest()
