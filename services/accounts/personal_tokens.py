"""Use cases of an account's holder: its own password and tokens."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, select, update

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
from services.core.database import WriteConnection
from services.core.errors import BadInput, NotFound, QuotaExceeded
from services.core.principal import Principal
from services.writing.action import Action
from services.writing.values import require_text

LONGEST_LIFE = timedelta(days=366)
MOST_GENERATIONS = 8
"""How often a token may be made with a token that was made with one."""

_MAXIMUM_NAME = 100
_SET_PASSWORD: Final = (
    update(User).where(User.id == bindparam("key")).values(hashed_password=bindparam("hash"))
)
_HASH = "SELECT hashed_password FROM users WHERE id = $1"


@dataclass(frozen=True, slots=True)
class NamedToken:
    """A long-lived token that a person wants: what it is called, until when, and the person's password.

    `kind` is ACCESS for one that opens the API, or INGEST for one that can only ingest.
    """

    name: str
    expires_at: datetime
    password: str
    kind: TokenType = TokenType.ACCESS


async def change_password(action: Action, current: str, new: str) -> None:
    """Set a new password and end every other login and every named token of the account.

    Guesses at the current password count as attempts to log in, and stay counted.

    Raises: BadInput and RateLimited.
    """
    principal = action.principal
    require_acceptable(new, field="input.newPassword", username=principal.username)
    hashed = await _confirmed(action, current, "input.currentPassword")
    new_hash = await hash_password(new)
    async with action.transaction() as transaction:
        connection = transaction.connection
        await _lock_person(connection, principal, hashed, "input.currentPassword")
        await connection.execute(_SET_PASSWORD, {"key": principal.user_id, "hash": new_hash})
        await revoke(connection, _others(principal))
    await forget_attempts(action.database, principal.username, action.origin)


async def create_access_token(action: Action, policy: TokenPolicy, wanted: NamedToken) -> IssuedToken:
    """A long-lived token under a name, for an agent or an integration, or to ingest with; at most 366 days.

    The account's password is asked for, so that a stolen token makes no others, and guesses at it count as
    attempts to log in. The new token ends with the login or the token that it is made with.

    Raises: BadInput, RateLimited, Unauthenticated when the token in use has ended, and QuotaExceeded when it
    descends from too many others.
    """
    principal = action.principal
    require_text(wanted.name, "input.name")
    if not 0 < len(wanted.name.strip()) <= _MAXIMUM_NAME:
        raise BadInput("Name the token in 1 to 100 characters.", field="input.name")
    lifetime = wanted.expires_at - datetime.now(UTC)
    if not timedelta(0) < lifetime <= LONGEST_LIFE:
        raise BadInput(f"Choose an expiry within the next {LONGEST_LIFE.days} days.", field="input.expiresAt")
    hashed = await _confirmed(action, wanted.password, "input.password")
    name = wanted.name.strip()
    async with action.transaction(name=name) as transaction:
        connection = transaction.connection
        await _lock_person(connection, principal, hashed, "input.password")
        lineage: list[UUID] | None = []
        if principal.token_id is not None:
            lineage = await lineage_of(connection, principal.token_id)
        if lineage is None:
            raise expired(TokenType.ACCESS)
        if len(lineage) > MOST_GENERATIONS:
            raise QuotaExceeded(
                "Too many tokens were made from one another before this one; log in to make another.",
                limit=MOST_GENERATIONS,
            )
        issued = await issue_named(
            connection,
            policy,
            principal.user_id,
            action.origin,
            name,
            lifetime,
            lineage=lineage,
            kind=wanted.kind,
        )
        transaction.details["tokenId"] = issued.token_id
    await forget_attempts(action.database, principal.username, action.origin)
    return issued


async def _confirmed(action: Action, password: str, field: str) -> str:
    """The stored hash of the caller's password, which this one is; `BadInput` or `RateLimited` otherwise."""
    await count_attempt(action.database, action.principal.username, action.origin)
    hashed: str = await action.database.primary.fetchval(_HASH, action.principal.user_id)
    if not (await verify_password(hashed, password)).matches:
        raise BadInput("This is not the current password.", field=field)
    return hashed


async def _lock_person(connection: WriteConnection, principal: Principal, hashed: str, field: str) -> None:
    """Keep the account as it is until the commit; `BadInput` when its password has just changed."""
    found = await connection.execute(
        select(User.id)
        .where(User.id == principal.user_id, User.hashed_password == hashed, User.is_active.is_(True))
        .with_for_update(key_share=True)
    )
    if found.first() is None:
        raise BadInput("This is not the current password.", field=field)


async def revoke_token(action: Action, token_id: UUID) -> None:
    """Revoke a token of one's own, or a person's as an administrator, with its login and what it has made."""
    async with action.transaction(tokenId=token_id) as transaction:
        found = await transaction.connection.execute(
            select(AuthToken.user_id).where(AuthToken.token_id == token_id)
        )
        holder = found.scalar_one_or_none()
        if holder is None or (holder != action.principal.user_id and not action.principal.is_admin):
            raise NotFound("There is no token with this id that you may revoke.", field="input.tokenId")
        await revoke_login(transaction.connection, token_id)


async def log_out(action: Action) -> None:
    """End the login that the access token in use belongs to, and all tokens made with it."""
    async with action.transaction() as transaction:
        if action.principal.token_id is not None:
            await revoke_login(transaction.connection, action.principal.token_id)


async def log_out_everywhere(action: Action) -> None:
    """End every login of the caller's account, and all tokens made with them.

    A named token that no login has made goes on, such as one that `ccgraph token` printed.
    """
    mine = AuthToken.user_id == action.principal.user_id
    logins = select(AuthToken.family_id).where(
        mine, AuthToken.token_type == TokenType.REFRESH, AuthToken.is_active.is_(True)
    )
    async with action.transaction() as transaction:
        found = await transaction.connection.execute(logins)
        families = [family for family in found.scalars() if family is not None]
        condition = AuthToken.family_id.in_(families) | AuthToken.lineage.overlap(families)
        await revoke(transaction.connection, mine & condition)


def _others(principal: Principal) -> ColumnElement[bool]:
    """Every token of the account but those of the login that asks."""
    mine = AuthToken.user_id == principal.user_id
    if principal.token_id is None:
        return mine
    family = family_of(principal.token_id).scalar_subquery()
    return mine & (AuthToken.token_id != principal.token_id) & AuthToken.family_id.is_distinct_from(family)
