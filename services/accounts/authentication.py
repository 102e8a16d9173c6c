"""Who holds a token: its signature, and whether it is still good, asked at most twice a second for all."""

import asyncio
import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from models.enums import TokenType
from services.accounts.tokens import Claims, TokenPolicy, expired, read
from services.core.cache import BoundedCache
from services.core.database import Database
from services.core.json_codec import read_stored
from services.core.principal import Principal
from services.writing.single_statement import UNFLUSHED

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
        self._waiting: dict[UUID, asyncio.Future[Principal | None]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def authenticate(self, token: str) -> Principal:
        """The holder of an access token, or `Unauthenticated`: foreign, expired, revoked, deactivated."""
        known = self._known.get(token) or self._remember(token)
        if known.expires_at <= self._wall_clock():
            raise expired(TokenType.ACCESS)
        asked_at = self._clock()
        if known.trusted_until <= asked_at:
            known.principal = await self._ask(known.claims.token_id)
            known.trusted_until = asked_at + _TRUSTED_SECONDS
        if known.principal is None:
            raise expired(TokenType.ACCESS)
        return known.principal

    def _remember(self, token: str) -> _Known:
        claims = read(self._policy, token, TokenType.ACCESS)
        known = self._known[token] = _Known(claims, claims.expires_at.timestamp())
        return known

    async def _ask(self, token_id: UUID) -> Principal | None:
        answer = self._waiting.get(token_id)
        if answer is None:
            answer = self._waiting[token_id] = asyncio.get_running_loop().create_future()
        if self._reading is None:
            self._reading = asyncio.create_task(self._answer_all(), name="token states")
        # The answer is shared: one caller that goes away must not take it from the others.
        return await asyncio.shield(answer)

    async def _answer_all(self) -> None:
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, {}
                await self._answer(waiting)
        finally:
            self._reading = None

    async def _answer(self, waiting: dict[UUID, asyncio.Future[Principal | None]]) -> None:
        try:
            principals = await self.holders(waiting.keys())
        except Exception as error:
            _fail(waiting, error)
            return
        except BaseException:
            _fail({**waiting, **self._waiting}, ConnectionAbortedError("the reading of tokens was ended"))
            self._waiting = {}
            raise
        for token_id, answer in waiting.items():
            answer.set_result(principals.get(token_id))

    async def holders(self, token_ids: Collection[UUID]) -> dict[UUID, Principal]:
        """The holders of those tokens that are still good, from the primary: a replica lags."""
        async with self._database.checks.acquire() as connection:
            rows = await connection.fetch(_HOLDERS, list(token_ids))
            used = [row["token_id"] for row in rows if row["to_note"]]
            if used:
                await connection.execute(_NOTE_USE, used)
        return {row["token_id"]: _principal(row) for row in rows}


def _fail(waiting: Mapping[UUID, "asyncio.Future[Principal | None]"], error: Exception) -> None:
    for answer in waiting.values():
        answer.set_exception(error)


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
UPDATE auth_tokens SET last_used = now() FROM {UNFLUSHED}
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
