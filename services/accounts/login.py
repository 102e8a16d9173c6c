"""Gives a pair of tokens for a username and a password."""

from datetime import timedelta
from typing import Final

import orjson

from models.enums import TokenType
from services.accounts.login_attempts import count_attempt, forget_attempts
from services.accounts.passwords import hash_password, verify_password
from services.accounts.token_bounds import BEYOND
from services.accounts.token_store import Admit, TokenPair, exchange, prepare_pair
from services.accounts.tokens import TokenPolicy, expired
from services.core.errors import Unauthenticated
from services.core.principal import Principal
from services.writing.action import AnonymousAction, Refused, SingleStatement, Undecided
from services.writing.single_statement import audit_insert
from services.writing.values import require_text

_ACCOUNT: Final = """
SELECT id, hashed_password, is_active, is_admin, resource_quota -> 'api_calls_per_hour' AS quota
FROM users WHERE username = $1
"""

_RECORD: Final = f"""
WITH holder AS (
    UPDATE users SET last_login = now(), login_count = COALESCE(login_count, 0) + 1,
        hashed_password = COALESCE($11, hashed_password)
    WHERE id = $1::int AND is_active AND hashed_password = $12
    RETURNING id
), issued AS (
    INSERT INTO auth_tokens (token_id, user_id, token_type, expires_at, family_id, ip_address, user_agent)
    SELECT token_id, id, token_type, expires_at, family_id, $4::text::inet, $5::text
    FROM holder, unnest($7::uuid[], $8::text[], $9::timestamptz[], $10::uuid[])
        AS pair(token_id, token_type, expires_at, family_id)
), trimmed AS (
    DELETE FROM auth_tokens WHERE id IN ({BEYOND})
), traced AS (
    {audit_insert("holder", "jsonb_build_object('tokenId', $6::uuid)")}
)
SELECT id FROM holder
"""


async def log_in(
    action: AnonymousAction, policy: TokenPolicy, username: str, password: str, admit: Admit | None = None
) -> TokenPair:
    """Tokens for an active account.

    A failed attempt stays counted although nothing else of it is kept, and no transaction is open while the
    password is hashed. `admit` counts it as a call of the account.

    Raises: Unauthenticated without a word on what was wrong, and RateLimited.
    """
    database, origin = action.database, action.origin
    require_text(username, "input.username")
    await count_attempt(database, username, origin)
    async with database.primary.acquire() as connection:
        account = await connection.fetchrow(_ACCOUNT, username)
    hashed = account["hashed_password"] if account else None
    verdict = await verify_password(hashed, password)
    if account is None or not account["is_active"] or not verdict.matches:
        raise _wrong()
    rehashed = await hash_password(password) if verdict.outdated else None
    quota = orjson.loads(account["quota"] or "null")
    calls = quota if isinstance(quota, int) else None
    holder = Principal(account["id"], username, bool(account["is_admin"]), api_calls_per_hour=calls)
    if admit is not None:
        await admit(holder)
    pair, rows = prepare_pair(policy, holder)
    columns = ("token_id", "token_type", "expires_at", "family_id")
    tokens = [[row[column] for row in rows] for column in columns]
    statement: SingleStatement[int] = SingleStatement(
        _RECORD, (pair.access.token_id, *tokens, rehashed, hashed)
    )
    match await action.of(holder).attempt(statement):
        case Refused() | Undecided():  # barred, or its password changed, while this one was looked at
            raise _wrong()
    await forget_attempts(database, username, origin)
    return pair


async def refresh(
    action: AnonymousAction,
    policy: TokenPolicy,
    refresh_token: str,
    admit: Admit | None = None,
    leeway: timedelta = timedelta(0),
) -> TokenPair:
    """The next pair of tokens for a refresh token, which is spent by this, or was within `leeway`.

    Raises: Unauthenticated, and what `admit` does; see `exchange`.
    """
    async with action.transaction() as connection:
        pair = await exchange(connection, policy, refresh_token, action.origin, admit, leeway)
    # Only after the commit: the refusal must not undo that the whole login was ended.
    if pair is None:
        raise expired(TokenType.REFRESH)
    return pair


def _wrong() -> Unauthenticated:
    return Unauthenticated("The username or the password is wrong.", field="input.password")
