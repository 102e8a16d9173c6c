"""How often one may try to log in: counted for each account and each address, by all processes together."""

import hashlib
import ipaddress
import math
from datetime import timedelta

from sqlalchemy import case, delete, extract, func, update
from sqlalchemy.dialects.postgresql import insert

from models import login_attempts
from services.database import WriteConnection
from services.errors import RateLimited
from services.principal import Origin

WINDOW = timedelta(minutes=15)
PER_ACCOUNT = 10
# An address may stand for everybody behind one router.
PER_ADDRESS = 100


async def count_attempt(connection: WriteConnection, username: str, origin: Origin) -> None:
    """Count an attempt before its password is looked at, or `RateLimited` with `retryAfter` in seconds.

    Commit before the password is verified: attempts that run at the same time must see each other.
    """
    limits = {_account(username): PER_ACCOUNT}
    if origin.ip_address:
        limits[_address(origin.ip_address)] = PER_ADDRESS
    table = login_attempts.c
    new = insert(login_attempts)
    expired = table.window_started_at < func.now() - WINDOW
    # Sorted, so that two attempts with the same subjects lock them in the same order.
    counted = new.values(
        [{"subject": subject, "attempts": 1, "window_started_at": func.now()} for subject in sorted(limits)]
    ).on_conflict_do_update(
        index_elements=[table.subject],
        set_={
            "attempts": case((expired, 1), else_=table.attempts + 1),
            "window_started_at": case((expired, func.now()), else_=table.window_started_at),
        },
    )
    remaining = extract("epoch", table.window_started_at + WINDOW - func.now())
    rows = await connection.execute(
        counted.returning(table.subject, table.attempts, remaining.label("remaining"))
    )
    waits = [row.remaining for row in rows if row.attempts > limits[row.subject]]
    if waits:
        seconds = max(1, math.ceil(max(waits)))
        raise RateLimited(
            f"Too many attempts to log in; try again in {math.ceil(seconds / 60)} minutes.",
            retryAfter=seconds,
        )


async def forget_attempts(connection: WriteConnection, username: str, origin: Origin) -> None:
    """After a login: the account starts anew, the address gets this one attempt back."""
    table = login_attempts.c
    await connection.execute(delete(login_attempts).where(table.subject == _account(username)))
    if origin.ip_address:
        await connection.execute(
            update(login_attempts)
            .where(table.subject == _address(origin.ip_address), table.attempts > 0)
            .values(attempts=table.attempts - 1)
        )


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
