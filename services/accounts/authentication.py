"""Verifies tokens: the signature, and, at most twice a second for all, whether each is still good."""

import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import asyncpg

from models.enums import TokenType
from services.accounts.tokens import Claims, TokenPolicy, expired, read, require_kind
from services.core.batching import Batcher
from services.core.cache import BoundedCache
from services.core.database import Database
from services.core.json_codec import read_stored
from services.core.principal import Principal
from services.writing.single_statement import ASYNC_COMMIT

# A revoked token is refused everywhere within a second: what is known is trusted for half of one.
_TRUSTED_SECONDS = 0.5
_MAXIMUM_KNOWN = 20_000


@dataclass(slots=True)
class _Known:
    """A token seen before, and the last answer about it. `trusted_until` is on the monotonic clock."""

    claims: Claims
    expires_at: float
    principal: Principal | None = None
    trusted_until: float = -math.inf


class Authenticator:
    """Turns access tokens into principals for every transport of one process.

    The state of all tokens that wait for an answer is read in one statement, and no second one starts
    before the first has answered; so the number of statements does not depend on the number of requests.
    `wall_clock` says when a token has expired, `clock` how long an answer has been known; both in seconds.
    """

    def __init__(
        self,
        database: Database,
        policy: TokenPolicy,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._wall_clock = wall_clock
        self._known = BoundedCache[str, _Known](_MAXIMUM_KNOWN)
        self._batcher = Batcher()

    async def authenticate(self, token: str, kind: TokenType = TokenType.ACCESS) -> Principal:
        """The holder of a token of this kind; `Unauthenticated`: foreign, expired, revoked, deactivated."""
        known = self._known.get(token) or self._remember(token, kind)
        require_kind(known.claims, kind)
        if known.expires_at <= self._wall_clock():
            raise expired(kind)
        asked_at = self._clock()
        if known.trusted_until <= asked_at:
            holder = await self._ask(known.claims.token_id)
            if holder is not None and known.principal is None:
                # The token is new here: a login at another process may have come right before.
                self._database.wrote(holder.user_id)
            known.principal = None if holder is None else replace(holder, expires_at=known.claims.expires_at)
            known.trusted_until = asked_at + _TRUSTED_SECONDS
        if known.principal is None:
            raise expired(kind)
        return known.principal

    def _remember(self, token: str, kind: TokenType) -> _Known:
        claims = read(self._policy, token, kind)
        known = self._known[token] = _Known(claims, claims.expires_at.timestamp())
        return known

    async def _ask(self, token_id: UUID) -> Principal | None:
        return await self._batcher.submit(
            "holders", token_id, self._answer, max_batch=None, separately_after=()
        )

    async def _answer(self, token_ids: Sequence[UUID]) -> list[Principal | None]:
        principals = await self.holders({*token_ids})
        return [principals.get(token_id) for token_id in token_ids]

    async def holders(self, token_ids: Collection[UUID]) -> dict[UUID, Principal]:
        """The holders of those tokens that are still good, from the primary: a replica lags."""
        async with self._database.checks.acquire() as connection:
            rows = await connection.fetch(_HOLDERS, list(token_ids))
            used = [row["token_id"] for row in rows if row["to_note"]]
            if used:
                await connection.execute(_NOTE_USE, used)
        return {row["token_id"]: _principal(row) for row in rows}


# Asked for each active person twice a second at most, and still too often for what SQLAlchemy takes.
_HOLDERS = """
SELECT token.token_id, holder.id, holder.username, holder.is_admin,
  holder.resource_quota -> 'api_calls_per_hour' AS quota,
  coalesce(token.last_used < now() - interval '1 minute', true) AS to_note
FROM auth_tokens AS token JOIN users AS holder ON holder.id = token.user_id
WHERE token.token_id = ANY($1::uuid[]) AND token.is_active AND token.expires_at > now() AND holder.is_active
"""

# Keeps auth_tokens.last_used true to the minute.
_NOTE_USE = f"""
UPDATE auth_tokens SET last_used = now() FROM {ASYNC_COMMIT}
WHERE setting IS NOT NULL AND token_id = ANY($1::uuid[])
"""


def _principal(row: asyncpg.Record) -> Principal:
    quota = read_stored(row["quota"] or "null")
    return Principal(
        user_id=row["id"],
        username=row["username"],
        is_admin=bool(row["is_admin"]),
        token_id=row["token_id"],
        api_calls_per_hour=quota if isinstance(quota, int) else None,
    )
