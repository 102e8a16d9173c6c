"""Accounts: created, changed, deactivated, deleted; who may do what is decided here."""

import re
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import delete, insert, select, update

from models import AuthToken, User
from services.collaboration import leave_everything
from services.database import WriteConnection
from services.errors import BadInput, Conflict, Forbidden, NotFound
from services.passwords import hash_password, require_acceptable
from services.principal import Principal
from services.token_store import revoke

Changes = Mapping[str, Any]
"""New values by column name of users, and `password`; what is absent stays as it is."""

OWN: Final = frozenset({"email", "preferences"})
"""What people change in their own account; everything else is for administrators."""

QUOTAS: Final = ("max_sessions", "max_worktrees", "storage_limit_gb", "api_calls_per_hour")

_USERNAME = re.compile(r"[A-Za-z0-9_-]{3,50}")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
_MAXIMUM_EMAIL = 100
_MAXIMUM_QUOTA = 2**31 - 1


async def any_administrator(connection: WriteConnection) -> Principal:
    """As whom the command line acts, whose user holds the database anyway; `NotFound` when there is none."""
    found = await connection.execute(
        select(User.id, User.username)
        .where(User.is_admin.is_(True), User.is_active.is_(True))
        .order_by(User.id)
        .limit(1)
    )
    account = found.one_or_none()
    if account is None:
        raise NotFound("There is no administrator yet; `ccgraph create-admin` creates one.")
    return Principal(account.id, account.username, is_admin=True)


async def create_admin(
    connection: WriteConnection, username: str, password: str, email: str | None = None
) -> int:
    """An administrator's account, for `ccgraph create-admin`; gives its users.id."""
    return await add_user(connection, username, password, email=email, is_admin=True)


async def create_user(
    connection: WriteConnection, principal: Principal, username: str, password: str, changes: Changes
) -> int:
    """A new account, by an administrator; gives its users.id."""
    _require_admin(principal, "create accounts")
    return await add_user(connection, username, password, **changes)


async def add_user(connection: WriteConnection, username: str, password: str, **values: Any) -> int:
    """A new account for nobody in particular to have asked for; `values` are by column name.

    `Conflict` when the username or the e-mail address is taken. Gives users.id.
    """
    row = {"username": username, **values}
    _require_valid(row, "input")
    require_acceptable(password, field="input.password", username=username)
    await _require_unique(connection, row, "input")
    row["hashed_password"] = await hash_password(password)
    created = await connection.execute(insert(User).values(row).returning(User.id))
    return created.scalar_one()


async def update_user(
    connection: WriteConnection, principal: Principal, user_id: int, changes: Changes
) -> None:
    """Change an account: one's own e-mail address and preferences, anything as an administrator.

    A new password or a deactivation ends every login and token of the account. The last active
    administrator stays one.
    """
    await _require_user(connection, principal, user_id, "input.id")
    for column in changes:
        if not principal.is_admin and column not in OWN:
            raise Forbidden(
                f"Only administrators change {_camel(column)}; ask one of them.",
                field=f"input.patch.{_camel(column)}",
            )
    _require_valid(changes, "input.patch")
    if changes.get("is_admin", True) is False or changes.get("is_active", True) is False:
        await _require_another_admin(connection, user_id)
    values = {column: value for column, value in changes.items() if column != "password"}
    if "password" in changes:
        require_acceptable(changes["password"], field="input.patch.password")
        values["hashed_password"] = await hash_password(changes["password"])
    if not values:
        return
    await _require_unique(connection, values, "input.patch", but=user_id)
    await connection.execute(update(User).where(User.id == user_id).values(values))
    if "password" in changes or changes.get("is_active", True) is False:
        await revoke(connection, AuthToken.user_id == user_id)


async def deactivate_user(connection: WriteConnection, principal: Principal, user_id: int) -> None:
    """Bar an account, one's own or any as an administrator, and end all its logins and tokens."""
    await _require_user(connection, principal, user_id, "input.id")
    await _require_another_admin(connection, user_id)
    await connection.execute(update(User).where(User.id == user_id).values(is_active=False))
    await revoke(connection, AuthToken.user_id == user_id)


async def delete_user(connection: WriteConnection, principal: Principal, user_id: int) -> None:
    """Delete an account with all that belongs to it (client §3), as an administrator."""
    _require_admin(principal, "delete accounts")
    await _require_user(connection, principal, user_id, "input.id")
    await _require_another_admin(connection, user_id)
    await leave_everything(connection, user_id)
    await connection.execute(delete(User).where(User.id == user_id))


def _require_admin(principal: Principal, what: str) -> None:
    if not principal.is_admin:
        raise Forbidden(f"Only administrators {what}; ask one of them.")


async def _require_user(connection: WriteConnection, principal: Principal, user_id: int, field: str) -> None:
    """The account exists, and is the caller's own or the caller is an administrator."""
    found = await connection.execute(select(User.id).where(User.id == user_id))
    if found.scalar_one_or_none() is None:
        raise NotFound(f"There is no user with the id {user_id}.", field=field)
    if user_id != principal.user_id and not principal.is_admin:
        raise Forbidden("Only administrators change the accounts of others; ask one of them.", field=field)


async def _require_another_admin(connection: WriteConnection, user_id: int) -> None:
    """Somebody must be left who can make administrators.

    All of them are locked, in one order, so that two who step down at once do not both succeed.
    """
    rows = await connection.execute(
        select(User.id)
        .where(User.is_admin.is_(True), User.is_active.is_(True))
        .order_by(User.id)
        .with_for_update()
    )
    admins = {row.id for row in rows}
    if admins == {user_id}:
        raise Conflict(
            "This is the last active administrator; make somebody else one first.", field="input.id"
        )


async def _require_unique(
    connection: WriteConnection, values: Changes, place: str, but: int | None = None
) -> None:
    for column in ("username", "email"):
        value = values.get(column)
        if value is None:
            continue
        taken = await connection.execute(
            select(User.id).where(User.__table__.c[column] == value, User.id.is_distinct_from(but))
        )
        if taken.scalar_one_or_none() is not None:
            raise Conflict(f"The {column} {value} is taken; choose another.", field=f"{place}.{column}")


def _require_valid(values: Changes, place: str) -> None:
    """The rules of client §3.1.1 and §5.1, and the shape of the JSON columns."""
    for column, value in values.items():
        complaint = _complaint(column, value)
        if complaint is not None:
            raise BadInput(complaint, field=f"{place}.{_camel(column)}")


def _complaint(column: str, value: Any) -> str | None:
    match column:
        case "username" if not (isinstance(value, str) and _USERNAME.fullmatch(value)):
            return "A username has 3 to 50 letters, digits, _ and -."
        case "email" if value is not None and not (len(value) <= _MAXIMUM_EMAIL and _EMAIL.fullmatch(value)):
            return "This is not an e-mail address of at most 100 characters."
        case "is_admin" | "is_active" if not isinstance(value, bool):
            return "This is true or false."
        case "preferences" if not isinstance(value, dict):
            return "Preferences are a JSON object."
        case "resource_quota":
            return _complaint_about_quota(value)
        case _:
            return None


def _complaint_about_quota(quota: Any) -> str | None:
    if not isinstance(quota, dict):
        return "A quota is a JSON object."
    for name, value in quota.items():
        if name not in QUOTAS:
            return f"{name} is no quota; the quotas are {', '.join(QUOTAS)}."
        number = isinstance(value, int) or (name == "storage_limit_gb" and isinstance(value, float))
        if isinstance(value, bool) or not number or not 0 <= value <= _MAXIMUM_QUOTA:
            return f"{name} is a whole number from 0 to {_MAXIMUM_QUOTA}."
    return None


def _camel(column: str) -> str:
    head, *rest = column.split("_")
    return head + "".join(part.capitalize() for part in rest)
