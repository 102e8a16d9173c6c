"""What the holder of an account does with its own password and tokens."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, select, update

from models import AuthToken, User
from models.enums import TokenType
from services.accounts.login_attempts import count_attempt, forget_attempts
from services.accounts.passwords import hash_password, require_acceptable, verify_password
from services.accounts.token_store import (
    IssuedToken,
    family_of,
    issue_named,
    lineage_of,
    revoke,
    revoke_login,
)
from services.accounts.tokens import TokenPolicy, expired
from services.core.database import Database, WriteConnection
from services.core.errors import BadInput, NotFound, QuotaExceeded
from services.core.principal import Origin, Principal
from services.writing.audit import trace
from services.writing.values import require_text

LONGEST_LIFE = timedelta(days=366)
MOST_GENERATIONS = 8
"""How often a token may be made with a token that was made with one."""

_MAXIMUM_NAME = 100
_HASH = "SELECT hashed_password FROM users WHERE id = $1"


@dataclass(frozen=True, slots=True)
class NamedToken:
    """A long-lived token that a person wants: what it is called, until when, and the person's password."""

    name: str
    expires_at: datetime
    password: str


async def change_password(
    database: Database, principal: Principal, origin: Origin, current: str, new: str
) -> None:
    """Set a new password and end every other login and every named token of the account.

    It takes the database and not a connection for the reasons of `log_in`: guesses at the current password
    count as attempts to log in.
    """
    require_acceptable(new, field="input.newPassword", username=principal.username)
    hashed = await _confirmed(database, principal, origin, current, "input.currentPassword")
    new_hash = await hash_password(new)
    async with database.transaction() as connection:
        await _hold_person(connection, principal, hashed, "input.currentPassword")
        await connection.execute(
            update(User).where(User.id == principal.user_id).values(hashed_password=new_hash)
        )
        await revoke(connection, _others(principal))
        await trace(connection, principal, origin, "changePassword", {})
    await forget_attempts(database, principal.username, origin)


async def create_access_token(
    database: Database,
    policy: TokenPolicy,
    principal: Principal,
    origin: Origin,
    wanted: NamedToken,
) -> IssuedToken:
    """A long-lived access token under a name, for an agent or an integration; at most 366 days.

    The account's password is asked for, so that a stolen token makes no others, and guesses at it count as
    attempts to log in. The new token ends with the login or the token that it is made with.
    """
    require_text(wanted.name, "input.name")
    if not 0 < len(wanted.name.strip()) <= _MAXIMUM_NAME:
        raise BadInput("Name the token in 1 to 100 characters.", field="input.name")
    lifetime = wanted.expires_at - datetime.now(UTC)
    if not timedelta(0) < lifetime <= LONGEST_LIFE:
        raise BadInput(f"Choose an expiry within the next {LONGEST_LIFE.days} days.", field="input.expiresAt")
    hashed = await _confirmed(database, principal, origin, wanted.password, "input.password")
    async with database.transaction() as connection:
        await _hold_person(connection, principal, hashed, "input.password")
        lineage: list[UUID] | None = []
        if principal.token_id is not None:
            lineage = await lineage_of(connection, principal.token_id)
        if lineage is None:
            raise expired(TokenType.ACCESS)
        if len(lineage) > MOST_GENERATIONS:
            raise QuotaExceeded(
                "This token was made by tokens that were made by tokens, too often; log in to make another.",
                limit=MOST_GENERATIONS,
            )
        name = wanted.name.strip()
        issued = await issue_named(
            connection, policy, principal.user_id, origin, name, lifetime, lineage=lineage
        )
        details = {"name": name, "tokenId": issued.token_id}
        await trace(connection, principal, origin, "createAccessToken", details)
    await forget_attempts(database, principal.username, origin)
    return issued


async def _confirmed(
    database: Database, principal: Principal, origin: Origin, password: str, field: str
) -> str:
    """The stored hash of the caller's password, which this one is; `BadInput` or `RateLimited` otherwise."""
    await count_attempt(database, principal.username, origin)
    hashed: str = await database.primary.fetchval(_HASH, principal.user_id)
    if not (await verify_password(hashed, password)).matches:
        raise BadInput("This is not the current password.", field=field)
    return hashed


async def _hold_person(connection: WriteConnection, principal: Principal, hashed: str, field: str) -> None:
    """Keep the account as it is until the commit; `BadInput` when its password has just changed."""
    held = await connection.execute(
        select(User.id)
        .where(User.id == principal.user_id, User.hashed_password == hashed, User.is_active.is_(True))
        .with_for_update(key_share=True)
    )
    if held.first() is None:
        raise BadInput("This is not the current password.", field=field)


async def revoke_token(connection: WriteConnection, principal: Principal, token_id: UUID) -> None:
    """Revoke a token of one's own, or of anybody as an administrator, with its login and what it has made."""
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
    return mine & (AuthToken.token_id != principal.token_id) & AuthToken.family_id.is_distinct_from(family)
