"""Accounts: created, changed, deactivated, deleted; who may do what is decided here."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Update, bindparam, delete, insert, select, update
from sqlalchemy.sql.dml import ReturningInsert

from models import AuthToken, User, metadata
from models.names import camel
from services.accounts.email_changes import count_try
from services.accounts.passwords import hash_password, require_acceptable
from services.accounts.token_store import revoke
from services.core.database import WriteConnection
from services.core.errors import BadInput, Conflict, Forbidden, NotFound
from services.core.principal import Principal
from services.sessions.collaboration import leave_everything
from services.writing.action import Action
from services.writing.constraints import explained
from services.writing.values import Unfit, converter

Changes = Mapping[str, Any]
"""New values by column name of users, and `password`; what is absent stays as it is."""

OWN: Final = frozenset({"email", "preferences"})
"""What people change in their own account; everything else is for administrators."""

QUOTAS: Final = ("max_sessions", "max_worktrees", "storage_limit_gb", "api_calls_per_hour")

_MAXIMUM_QUOTA = 2**31 - 1
_DELETE: Final = delete(User).where(User.id == bindparam("key"))
_TABLE: Final = metadata.tables["users"]
_PRIVATE: Final = frozenset(
    f"input.patch.{camel(column.name)}" for column in _TABLE.c if column.info.get("private")
)


async def active_usernames(connection: WriteConnection) -> list[str]:
    """The names of all accounts that can be used, oldest first."""
    found = await connection.execute(select(User.username).where(User.is_active.is_(True)).order_by(User.id))
    return [*found.scalars()]


async def any_administrator(connection: WriteConnection) -> Principal:
    """An administrator, as whom the command line acts: its user holds the database anyway.

    Raises: NotFound.
    """
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


async def create_user(action: Action, username: str, password: str, changes: Changes) -> int:
    """A new account, by an administrator; gives its users.id."""
    async with action.transaction(username=username) as transaction:
        _require_admin(action.principal, "create accounts")
        key = await add_user(transaction.connection, username, password, **changes)
        transaction.details["id"] = key
    return key


async def add_user(connection: WriteConnection, username: str, password: str, **values: Any) -> int:
    """A new account within another use case; `values` are by column name.

    `Conflict` when the username or the e-mail address is taken. Gives users.id.
    """
    row = {"username": username, **values}
    _require_valid(row, "input")
    require_acceptable(password, field="input.password", username=username)
    row["hashed_password"] = await hash_password(password)
    with explained(_TABLE, "input"):
        created = await connection.execute(adding(row))
    return int(created.scalar_one())


def adding(row: Mapping[str, Any]) -> ReturningInsert[int]:
    """The statement that adds an account and gives users.id."""
    return insert(_TABLE).values(row).returning(_TABLE.c.id)


def changing(user_id: int, values: Mapping[str, Any]) -> Update:
    """The statement that changes columns of an account."""
    return update(_TABLE).where(_TABLE.c.id == user_id).values(values)


async def update_user(action: Action, user_id: int, changes: Changes) -> None:
    """Change an account: one's own e-mail address and preferences, anything as an administrator.

    A new password or a deactivation ends every login and token of the account. The last active
    administrator stays one.
    """
    await count_try(action, user_id, changes)
    async with action.transaction(id=user_id, fields=sorted(changes)) as transaction:
        await _require_user(transaction.connection, action.principal, user_id, "input.id")
        for column in changes:
            if not action.principal.is_admin and column not in OWN:
                raise Forbidden(
                    f"Only administrators change {camel(column)}; ask one of them.",
                    field=f"input.patch.{camel(column)}",
                )
        _require_valid(changes, "input.patch")
        if changes.get("is_admin", True) is False or changes.get("is_active", True) is False:
            await _require_another_admin(transaction.connection, user_id)
        values = {column: value for column, value in changes.items() if column != "password"}
        if "password" in changes:
            require_acceptable(changes["password"], field="input.patch.password")
            values["hashed_password"] = await hash_password(changes["password"])
        if not values:
            return
        try:
            with explained(_TABLE, "input.patch"):
                await transaction.connection.execute(changing(user_id, values))
        except (BadInput, Conflict) as refusal:
            if action.principal.is_admin or refusal.field not in _PRIVATE:
                raise
            # Whether the value is malformed or another person's is not told.
            raise BadInput(
                "This cannot be used; check its spelling, or ask an administrator.",
                field=refusal.field,
            ) from None
        if "password" in changes or changes.get("is_active", True) is False:
            await revoke(transaction.connection, AuthToken.user_id == user_id)


async def deactivate_user(action: Action, user_id: int) -> None:
    """Bar an account, one's own or any as an administrator, and end all its logins and tokens."""
    async with action.transaction(id=user_id) as transaction:
        await _require_user(transaction.connection, action.principal, user_id, "input.id")
        await _require_another_admin(transaction.connection, user_id)
        await transaction.connection.execute(changing(user_id, {"is_active": False}))
        await revoke(transaction.connection, AuthToken.user_id == user_id)


async def delete_user(action: Action, user_id: int) -> None:
    """Delete an account with all that belongs to it (client §3), as an administrator."""
    async with action.transaction(id=user_id) as transaction:
        _require_admin(action.principal, "delete accounts")
        await _require_user(transaction.connection, action.principal, user_id, "input.id")
        await _require_another_admin(transaction.connection, user_id)
        await leave_everything(transaction.connection, user_id)
        await transaction.connection.execute(_DELETE, {"key": user_id})


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
    """A person must be left who can make administrators.

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
            "This is the last active administrator; make another person one first.", field="input.id"
        )


def _require_valid(values: Changes, place: str) -> None:
    """Check the values for the columns, and the shape of the JSON ones (client §3.1.1). Raises: BadInput."""
    for column, value in values.items():
        field = f"{place}.{camel(column)}"
        complaint = _complaint(column, value)
        if complaint is not None:
            raise BadInput(complaint, field=field)


def _complaint(column: str, value: Any) -> str | None:
    try:
        if column in _TABLE.c and (value is not None or not _TABLE.c[column].nullable):
            converter(_TABLE.c[column])(value)
    except Unfit as trouble:
        return f"This {trouble}."
    match column:
        case "is_admin" | "is_active" if value is None:
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
