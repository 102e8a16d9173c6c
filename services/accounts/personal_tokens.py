"""What the holder of an account does with its own password and tokens."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, select, update

from models import AuthToken, User
from services.accounts.login_attempts import count_attempt, forget_attempts
from services.accounts.passwords import hash_password, require_acceptable, verify_password
from services.accounts.token_store import IssuedToken, family_of, issue_named, revoke, revoke_login
from services.accounts.tokens import TokenPolicy
from services.core.database import Database, WriteConnection
from services.core.errors import BadInput, NotFound
from services.core.principal import Origin, Principal
from services.writing.audit import trace

LONGEST_LIFE = timedelta(days=366)
_MAXIMUM_NAME = 100
_HASH = "SELECT hashed_password FROM users WHERE id = $1"


async def change_password(
    database: Database, principal: Principal, origin: Origin, current: str, new: str
) -> None:
    """Set a new password and end every other login and every named token of the account.

    It takes the database and not a connection for the reasons of `log_in`: guesses at the current password
    count as attempts to log in.
    """
    require_acceptable(new, field="input.newPassword", username=principal.username)
    await count_attempt(database, principal.username, origin)
    hashed = await database.primary.fetchval(_HASH, principal.user_id)
    if not (await verify_password(hashed, current)).matches:
        raise BadInput("This is not the current password.", field="input.currentPassword")
    new_hash = await hash_password(new)
    async with database.transaction() as connection:
        await connection.execute(
            update(User).where(User.id == principal.user_id).values(hashed_password=new_hash)
        )
        await revoke(connection, _others(principal))
        await trace(connection, principal, origin, "changePassword", {})
    await forget_attempts(database, principal.username, origin)


async def create_access_token(
    connection: WriteConnection,
    policy: TokenPolicy,
    principal: Principal,
    origin: Origin,
    name: str,
    expires_at: datetime,
) -> IssuedToken:
    """A long-lived access token under a name, for an agent or an integration; at most 366 days."""
    if not 0 < len(name.strip()) <= _MAXIMUM_NAME:
        raise BadInput("Name the token in 1 to 100 characters.", field="input.name")
    lifetime = expires_at - datetime.now(UTC)
    if not timedelta(0) < lifetime <= LONGEST_LIFE:
        raise BadInput(f"Choose an expiry within the next {LONGEST_LIFE.days} days.", field="input.expiresAt")
    return await issue_named(connection, policy, principal.user_id, origin, name.strip(), lifetime)


async def revoke_token(connection: WriteConnection, principal: Principal, token_id: UUID) -> None:
    """Revoke a token of one's own, or of anybody as an administrator, with the login that it belongs to."""
    found = await connection.execute(select(AuthToken.user_id).where(AuthToken.token_id == token_id))
    holder = found.scalar_one_or_none()
    if holder is None or (holder != principal.user_id and not principal.is_admin):
        raise NotFound("There is no token with this id that you may revoke.", field="input.tokenId")
    await revoke_login(connection, token_id)


def _others(principal: Principal) -> ColumnElement[bool]:
    """Every token of the account but those of the login that asks."""
    mine = AuthToken.user_id == principal.user_id
    if principal.token_id is None:
        return mine
    family = family_of(principal.token_id).scalar_subquery()
    # A named token has no family, and NULL is not distinct from NULL.
    elsewhere = AuthToken.family_id.is_(None) | AuthToken.family_id.is_distinct_from(family)
    return mine & (AuthToken.token_id != principal.token_id) & elsewhere
