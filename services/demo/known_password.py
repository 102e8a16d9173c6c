"""Finds and replaces the password of the demo's accounts, which everybody knows."""

from typing import Final

from sqlalchemy import bindparam, select, update

from models import User
from services.accounts.passwords import hash_password, verify_password
from services.core.database import WriteConnection
from services.demo.loading import PASSWORD
from services.demo.people import ADMINISTRATOR, DEMO_USER

_REPLACE: Final = (
    update(User)
    .where(User.hashed_password.in_(bindparam("known", expanding=True)))
    .values(hashed_password=bindparam("hash"))
)


async def known_hashes(connection: WriteConnection) -> list[str]:
    """The hashes of that password which `admin` and `demo` have; all accounts of one demo share theirs."""
    rows = await connection.execute(
        select(User.hashed_password).where(User.username.in_((ADMINISTRATOR, DEMO_USER))).distinct()
    )
    return [
        hashed for hashed in rows.scalars() if hashed and (await verify_password(hashed, PASSWORD)).matches
    ]


async def replace_known_password(connection: WriteConnection, password: str) -> bool:
    """Give all accounts with the known password this one; False when there are none."""
    hashes = await known_hashes(connection)
    if hashes:
        await connection.execute(_REPLACE, {"known": hashes, "hash": await hash_password(password)})
    return bool(hashes)
