"""Tokens in auth_tokens: issued, exchanged, revoked."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, insert, select, update
from uuid_utils.compat import uuid7

from models import AuthToken, User
from models.enums import TokenType
from services.accounts.tokens import Claims, TokenPolicy, read, sign
from services.core.database import WriteConnection
from services.core.errors import NotFound
from services.core.principal import Origin, Principal
from services.writing.audit import trace


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token. This is the only moment at which the token itself is known.

    `row_id` is auth_tokens.id, given for a token that stands alone.
    """

    token: str
    token_id: UUID
    expires_at: datetime
    row_id: int | None = None


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a login or a refresh gives its holder; both tokens belong to one family."""

    holder: Principal
    access: IssuedToken
    refresh: IssuedToken


async def issue_pair(
    connection: WriteConnection,
    policy: TokenPolicy,
    holder: Principal,
    origin: Origin,
    family_id: UUID | None = None,
) -> TokenPair:
    """An access and a refresh token, of a new family unless they descend from an earlier login."""
    pair, rows = prepare_pair(policy, holder, family_id)
    common = {"ip_address": origin.ip_address, "user_agent": origin.user_agent}
    await connection.execute(insert(AuthToken), [row | common for row in rows])
    return pair


def prepare_pair(
    policy: TokenPolicy, holder: Principal, family_id: UUID | None = None
) -> tuple[TokenPair, list[dict[str, Any]]]:
    """The tokens of `issue_pair` and their rows, which are still to be stored with where they come from."""
    family = {"family_id": family_id or uuid7()}
    access, access_row = _new(policy, holder.user_id, TokenType.ACCESS, policy.access_lifetime)
    refresh, refresh_row = _new(policy, holder.user_id, TokenType.REFRESH, policy.refresh_lifetime)
    pair = TokenPair(replace(holder, token_id=access.token_id), access, refresh)
    return pair, [access_row | family, refresh_row | family]


async def issue_named(
    connection: WriteConnection,
    policy: TokenPolicy,
    user_id: int,
    origin: Origin,
    name: str | None = None,
    lifetime: timedelta | None = None,
) -> IssuedToken:
    """An access token of its own, without a refresh token: for agents, integrators and scripts."""
    issued, row = _new(policy, user_id, TokenType.ACCESS, lifetime or policy.access_lifetime)
    row |= {"name": name, "ip_address": origin.ip_address, "user_agent": origin.user_agent}
    created = await connection.execute(insert(AuthToken).values(row).returning(AuthToken.id))
    return replace(issued, row_id=created.scalar_one())


async def issue_for_username(
    connection: WriteConnection,
    policy: TokenPolicy,
    username: str,
    origin: Origin,
    lifetime: timedelta | None = None,
) -> IssuedToken:
    """An access token for the active account of that name, as `ccgraph token` prints it, or `NotFound`."""
    found = await connection.execute(
        select(User.id).where(User.username == username, User.is_active.is_(True))
    )
    user_id = found.scalar_one_or_none()
    if user_id is None:
        raise NotFound(f"There is no active account named {username}.")
    return await issue_named(connection, policy, user_id, origin, lifetime=lifetime)


async def exchange(
    connection: WriteConnection, policy: TokenPolicy, refresh_token: str, origin: Origin
) -> TokenPair | None:
    """A new pair for a refresh token, which is spent by this; `Unauthenticated` when it is none of ours.

    None when it was spent or revoked before. Then somebody else may hold a copy, so the whole family
    has been revoked (RFC 9700, 4.14.2), and the audit row says so: commit, then refuse.
    """
    claims = read(policy, refresh_token, TokenType.REFRESH)
    spent = await connection.execute(
        update(AuthToken)
        .where(
            AuthToken.token_id == claims.token_id,
            AuthToken.is_active.is_(True),
            AuthToken.user_id == User.id,
            User.is_active.is_(True),
        )
        .values(is_active=False, last_used=func.now())
        .returning(AuthToken.family_id, User.id, User.username, User.is_admin)
    )
    row = spent.one_or_none()
    if row is None:
        ended = await revoke(connection, AuthToken.family_id.in_(family_of(claims.token_id)))
        if ended:
            suspect = Principal(claims.user_id, "", is_admin=False)
            await trace(
                connection, suspect, origin, "refreshToken", {"reused": claims.token_id, "ended": ended}
            )
        return None
    holder = Principal(row.id, row.username, bool(row.is_admin))
    pair = await issue_pair(connection, policy, holder, origin, row.family_id)
    await trace(connection, holder, origin, "refreshToken", {"tokenId": pair.access.token_id})
    return pair


async def revoke_login(connection: WriteConnection, token_id: UUID) -> None:
    """End the login that an access token belongs to: the token itself and its whole family."""
    await revoke(connection, (AuthToken.token_id == token_id) | AuthToken.family_id.in_(family_of(token_id)))


async def revoke(connection: WriteConnection, condition: ColumnElement[bool]) -> int:
    """Revoke every active token that meets the condition; gives their number."""
    revoked = await connection.execute(
        update(AuthToken).where(condition, AuthToken.is_active.is_(True)).values(is_active=False)
    )
    return revoked.rowcount


def family_of(token_id: UUID) -> Select[UUID | None]:
    """The family of a token, for use in a condition; NULL for a named token."""
    return select(AuthToken.family_id).where(AuthToken.token_id == token_id)


def _new(
    policy: TokenPolicy, user_id: int, token_type: TokenType, lifetime: timedelta
) -> tuple[IssuedToken, dict[str, Any]]:
    """The signed token and its row."""
    expires_at = (datetime.now(UTC) + lifetime).replace(microsecond=0)
    claims = Claims(token_id=uuid7(), user_id=user_id, kind=token_type, expires_at=expires_at)
    row = {
        "token_id": claims.token_id,
        "user_id": user_id,
        "token_type": token_type,
        "expires_at": expires_at,
    }
    return IssuedToken(sign(policy, claims), claims.token_id, expires_at), row
