"""Accounts: created, changed, deactivated."""

from sqlalchemy import insert, select

from models import User
from services.database import WriteConnection
from services.errors import Conflict
from services.passwords import hash_password, require_acceptable


async def create_admin(
    connection: WriteConnection, username: str, password: str, email: str | None = None
) -> int:
    """An administrator's account, for `ccgraph create-admin`; gives its users.id."""
    return await add_user(connection, username, password, email=email, is_admin=True)


async def add_user(
    connection: WriteConnection,
    username: str,
    password: str,
    *,
    email: str | None = None,
    is_admin: bool = False,
) -> int:
    """A new account, or `Conflict` when the username is taken; gives its users.id."""
    require_acceptable(password, field="input.password", username=username)
    taken = await connection.execute(select(User.id).where(User.username == username))
    if taken.scalar_one_or_none() is not None:
        raise Conflict(f"The username {username} is taken; choose another.", field="input.username")
    row = {
        "username": username,
        "email": email,
        "hashed_password": await hash_password(password),
        "is_admin": is_admin,
    }
    created = await connection.execute(insert(User).values(row).returning(User.id))
    return created.scalar_one()
