"""Tokens in auth_tokens: issued, exchanged, revoked."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, Update, bindparam, func, insert, select, update
from sqlalchemy.orm import aliased
from uuid_utils.compat import uuid7

from models import AuthToken, User
from models.enums import TokenType
from services.accounts.token_bounds import trim_tokens
from services.accounts.tokens import Claims, TokenPolicy, read, sign
from services.core.database import WriteConnection
from services.core.errors import NotFound
from services.core.principal import Origin, Principal
from services.writing.audit import trace

# Named tokens that were made before families were given to them are taken by their id.
_FAMILY: Final = func.coalesce(AuthToken.family_id, AuthToken.token_id).label("family")

_HOLDER: Final = (AuthToken.family_id, User.id, User.username, User.is_admin, User.resource_quota)
_STORE: Final = insert(AuthToken)
_SPEND: Final = (
    update(AuthToken)
    .where(
        AuthToken.token_id == bindparam("token"),
        AuthToken.is_active.is_(True),
        AuthToken.user_id == User.id,
        User.is_active.is_(True),
    )
    .values(is_active=False, last_used=func.now())
    .returning(*_HOLDER)
)

Admit: TypeAlias = Callable[[Principal], Awaitable[None]]
"""Counts a call of an account, or raises `RateLimited`."""


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
    """The tokens that a login or a refresh gives its holder; both belong to one family."""

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
    await connection.execute(_STORE, [row | common for row in rows])
    await trim_tokens(connection, holder.user_id)
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
    lineage: Sequence[UUID] = (),
    kind: TokenType = TokenType.ACCESS,
) -> IssuedToken:
    """A token of its own, without a refresh token: for agents, integrators and scripts, or to ingest with.

    `lineage` are the families of what made it; it ends with each of them. It is the first of its own.
    """
    issued, row = _new(policy, user_id, kind, lifetime or policy.access_lifetime)
    row |= {"name": name, "ip_address": origin.ip_address, "user_agent": origin.user_agent}
    row |= {"family_id": issued.token_id, "lineage": list(lineage) or None}
    created = await connection.execute(_STORE.returning(AuthToken.id), row)
    await trim_tokens(connection, user_id)
    return replace(issued, row_id=created.scalar_one())


async def issue_for_username(
    connection: WriteConnection,
    policy: TokenPolicy,
    username: str,
    origin: Origin,
    lifetime: timedelta | None = None,
    kind: TokenType = TokenType.ACCESS,
    name: str | None = None,
) -> IssuedToken:
    """A token, called `name`, for the active account of a username. Raises: NotFound."""
    found = await connection.execute(
        select(User.id).where(User.username == username, User.is_active.is_(True))
    )
    user_id = found.scalar_one_or_none()
    if user_id is None:
        raise NotFound(f"There is no active account named {username}.")
    return await issue_named(connection, policy, user_id, origin, name, lifetime, kind=kind)


async def exchange(
    connection: WriteConnection,
    policy: TokenPolicy,
    refresh_token: str,
    origin: Origin,
    admit: Admit | None = None,
    leeway: timedelta = timedelta(0),
) -> TokenPair | None:
    """A new pair for a refresh token, which is spent by this; `Unauthenticated` when it is none of ours.

    None when it was spent or revoked before. Then a stranger may hold a copy, so the whole family and
    what it made has been revoked (RFC 9700, 4.14.2), and the audit row says so: commit, then refuse. `admit`
    counts it as a call of the account; when that raises, the token is not spent. One that was spent less than
    `leeway` ago, in a login that goes on, gives another pair of that login.
    """
    claims = read(policy, refresh_token, TokenType.REFRESH)
    spent = await connection.execute(_SPEND, {"token": claims.token_id})
    row = spent.one_or_none()
    if row is None and leeway:
        row = await _just_spent(connection, claims.token_id, leeway)
    if row is None:
        ended = await revoke_login(connection, claims.token_id)
        if ended:
            suspect = Principal(claims.user_id, "", is_admin=False)
            await trace(
                connection, suspect, origin, "refreshToken", {"reused": claims.token_id, "ended": ended}
            )
        return None
    quota = (row.resource_quota or {}).get("api_calls_per_hour")
    calls = quota if isinstance(quota, int) else None
    holder = Principal(row.id, row.username, bool(row.is_admin), api_calls_per_hour=calls)
    if admit is not None:
        await admit(holder)
    pair = await issue_pair(connection, policy, holder, origin, row.family_id)
    await trace(connection, holder, origin, "refreshToken", {"tokenId": pair.access.token_id})
    return pair


async def _just_spent(connection: WriteConnection, token_id: UUID, leeway: timedelta) -> Row[Any] | None:
    """The holder of a refresh token that was spent within `leeway`; None where the login has ended.

    What is still good of the login is held until the commit, so that whatever ends it meanwhile finds the new
    tokens, too.
    """
    live = aliased(AuthToken)
    found = await connection.execute(
        select(*_HOLDER)
        .join(User, User.id == AuthToken.user_id)
        .join(live, live.family_id == AuthToken.family_id)
        .where(
            AuthToken.token_id == token_id,
            AuthToken.last_used > func.now() - leeway,
            live.token_type == TokenType.REFRESH,
            live.is_active.is_(True),
            User.is_active.is_(True),
        )
        .limit(1)
        .with_for_update(read=True, of=live)
    )
    return found.one_or_none()


async def lineage_of(connection: WriteConnection, token_id: UUID) -> list[UUID] | None:
    """The tokens that one made with this token descends from; None when this one is no longer valid.

    The token is held until the commit, so that whatever revokes it meanwhile finds the new one, too.
    """
    found = await connection.execute(
        select(_FAMILY, AuthToken.lineage)
        .where(AuthToken.token_id == token_id, AuthToken.is_active.is_(True))
        .with_for_update(read=True)
    )
    row = found.one_or_none()
    return None if row is None else [*(row.lineage or ()), row.family]


async def revoke_login(connection: WriteConnection, token_id: UUID) -> int:
    """End what a token belongs to: its login, or itself where it has a name, and all tokens made with it."""
    found = await connection.execute(select(_FAMILY).where(AuthToken.token_id == token_id))
    family = found.scalar_one_or_none()
    if family is None:
        return 0
    return await revoke(
        connection,
        (AuthToken.token_id == token_id)
        | (AuthToken.family_id == family)
        | AuthToken.lineage.contains([family]),
    )


async def revoke(connection: WriteConnection, condition: ColumnElement[bool]) -> int:
    """Revoke every active token that meets the condition; gives their number.

    It is asked again until there is none: a token that was being made while the first statement waited for
    its maker is not among what that statement sees.
    """
    statement = revoking(condition)
    ended = 0
    while True:
        revoked = await connection.execute(statement)
        if not revoked.rowcount:
            return ended
        ended += revoked.rowcount


def revoking(condition: ColumnElement[bool]) -> Update:
    """The statement that revokes the active tokens that meet the condition, in the order of their keys."""
    in_order = (
        select(AuthToken.id).where(condition, AuthToken.is_active.is_(True)).order_by(AuthToken.id)
    ).with_for_update(key_share=True)
    return update(AuthToken).where(AuthToken.id.in_(in_order)).values(is_active=False)


def family_of(token_id: UUID) -> Select[UUID]:
    """The family of a token, for use in a condition."""
    return select(_FAMILY).where(AuthToken.token_id == token_id)


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
