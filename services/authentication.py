"""Who holds a token: its signature, and whether it is still good, asked at most twice a second for all."""

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Row, Uuid, any_, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import AuthToken, User
from models.enums import TokenType
from services.database import Database
from services.principal import Principal
from services.tokens import Claims, TokenPolicy, expired, read

# A revoked token is refused everywhere within a second: what is known is trusted for half of one.
_TRUSTED_SECONDS = 0.5
_MAXIMUM_KNOWN = 20_000


@dataclass(slots=True)
class _Known:
    """A token seen before, and the last answer about it. `trusted_until` is on the monotonic clock."""

    claims: Claims
    expires_at: float
    principal: Principal | None = None
    trusted_until: float = 0.0


class Authenticator:
    """Turns access tokens into principals for every transport of one process.

    The state of all tokens that wait for an answer is read in one statement, and no second one starts
    before the first has answered; so the number of statements does not depend on the number of requests.
    """

    def __init__(self, database: Database, policy: TokenPolicy) -> None:
        self._database = database
        self._policy = policy
        self._known: dict[str, _Known] = {}
        self._waiting: dict[UUID, asyncio.Future[Principal | None]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def authenticate(self, token: str) -> Principal:
        """The holder of an access token, or `Unauthenticated`: foreign, expired, revoked, deactivated."""
        known = self._known.get(token) or self._remember(token)
        if known.expires_at <= time.time():
            raise expired(TokenType.ACCESS)
        if known.trusted_until <= time.monotonic():
            asked_at = time.monotonic()
            known.principal = await self._ask(known.claims.token_id)
            known.trusted_until = asked_at + _TRUSTED_SECONDS
        if known.principal is None:
            raise expired(TokenType.ACCESS)
        return known.principal

    def _remember(self, token: str) -> _Known:
        claims = read(self._policy, token, TokenType.ACCESS)
        if len(self._known) >= _MAXIMUM_KNOWN:
            self._known.clear()
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
            for answer in waiting.values():
                answer.set_exception(error)
            return
        for token_id, answer in waiting.items():
            answer.set_result(principals.get(token_id))

    async def holders(self, token_ids: Collection[UUID]) -> dict[UUID, Principal]:
        """The holders of those tokens that are still good, from the primary: a replica lags."""
        statement = (
            select(
                AuthToken.token_id,
                AuthToken.last_used,
                User.id,
                User.username,
                User.is_admin,
                User.resource_quota,
            )
            .join(User, User.id == AuthToken.user_id)
            .where(
                _is_one_of(token_ids),
                AuthToken.is_active.is_(True),
                AuthToken.expires_at > func.now(),
                User.is_active.is_(True),
            )
        )
        async with self._database.writer.begin() as connection:
            rows = (await connection.execute(statement)).all()
            await _note_use(connection, rows)
        return {row.token_id: _principal(row) for row in rows}


async def _note_use(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> None:
    """Keep auth_tokens.last_used true to the minute."""
    a_minute_ago = datetime.now(UTC) - timedelta(minutes=1)
    used = [row.token_id for row in rows if row.last_used is None or row.last_used < a_minute_ago]
    if used:
        await connection.execute(update(AuthToken).where(_is_one_of(used)).values(last_used=func.now()))


def _is_one_of(token_ids: Collection[UUID]) -> ColumnElement[bool]:
    # One array and not a list of parameters: the statement stays the same however many there are.
    return AuthToken.token_id == any_(literal(list(token_ids), ARRAY(Uuid)))


def _principal(row: Row[Any]) -> Principal:
    quota = (row.resource_quota or {}).get("api_calls_per_hour")
    return Principal(
        user_id=row.id,
        username=row.username,
        is_admin=bool(row.is_admin),
        token_id=row.token_id,
        api_calls_per_hour=quota if isinstance(quota, int) else None,
    )
