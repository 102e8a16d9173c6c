"""From a username and a password to a pair of tokens."""

from typing import Final

import orjson

from services.accounts.login_attempts import count_attempt, forget_attempts
from services.accounts.passwords import hash_password, verify_password
from services.accounts.token_bounds import BEYOND
from services.accounts.token_store import Admit, TokenPair, prepare_pair
from services.accounts.tokens import TokenPolicy
from services.core.database import Database
from services.core.errors import Unauthenticated
from services.core.principal import Origin, Principal
from services.writing.single_statement import Caller, traced
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
    {traced("holder", "jsonb_build_object('tokenId', $6::uuid)")}
)
SELECT id FROM holder
"""


async def log_in(
    database: Database,
    policy: TokenPolicy,
    origin: Origin,
    username: str,
    password: str,
    admit: Admit | None = None,
) -> TokenPair:
    """Tokens for an active account, `Unauthenticated` without a word on what was wrong, or `RateLimited`.

    It takes the database and not a connection: a failed attempt stays counted although nothing else of it
    is kept, and no transaction is open while the password is hashed. `admit` counts it as a call of the
    account.
    """
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
    recorded = await Caller(database, holder, origin, "login").change(
        _RECORD, pair.access.token_id, *tokens, rehashed, hashed
    )
    if recorded is None:  # barred, or its password changed, while this one was looked at
        raise _wrong()
    await forget_attempts(database, username, origin)
    return pair


def _wrong() -> Unauthenticated:
    return Unauthenticated("The username or the password is wrong.", field="input.password")
