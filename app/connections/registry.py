"""The live connections of this process: known to others by their id, and ended when their token is."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from uuid_utils.compat import uuid7

from app.connections.session_writer import SessionWriter
from models.enums import WebsocketTransport
from services.accounts.authentication import Authenticator
from services.core.background import Running, repeatedly
from services.core.database import Database
from services.core.principal import Origin, Principal
from services.notifications.websocket_sessions import NewSession

UNAUTHORIZED, SERVICE_RESTART = 4401, 1012
"""Why a connection is to end, as the close codes of a WebSocket say it."""

_CHECK_EVERY = 0.5
"""Seconds: a token that was revoked loses its connections within one."""


class Connection:
    """One client. `id` is its key in websocket_sessions; `end` is called with the reason why it is to end."""

    __slots__ = ("_close", "_expiry", "end", "id", "principal")

    def __init__(self, principal: Principal, end: "Ending", close: "Closing") -> None:
        self.id: UUID = uuid7()
        self.principal = principal
        self.end = end
        self._close = close
        self._expiry: asyncio.TimerHandle | None = None
        if principal.expires_at is not None:
            left = (principal.expires_at - datetime.now(UTC)).total_seconds()
            self._expiry = asyncio.get_running_loop().call_later(left, end, UNAUTHORIZED)

    def close(self, code: int) -> None:
        """The connection ended with this close code."""
        if self._expiry is not None:
            self._expiry.cancel()
        self._close(self, code)


Ending = Callable[[int], None]
Closing = Callable[[Connection, int], None]


class Connections(Running):
    """A context manager around the life of the process."""

    def __init__(self, database: Database, authenticator: Authenticator, lost_after: timedelta) -> None:
        self._authenticator = authenticator
        self._sessions = SessionWriter(database, lost_after)
        self._open: set[Connection] = set()
        self._draining = False
        self._all_ended = asyncio.Event()
        self._by_token: dict[UUID, set[Connection]] = defaultdict(set)

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        checking = partial(repeatedly, self._check_tokens, _CHECK_EVERY, "tokens_not_checked")
        sessions = self._sessions.watched_by(self.supervisor)
        async with sessions, self.supervisor.running(checking, "token-checker"):
            yield

    async def open(
        self,
        principal: Principal,
        origin: Origin,
        transport: WebsocketTransport,
        end: Ending,
    ) -> Connection:
        """A connection that others can address when this returns. It ends when the caller's token expires."""
        connection = Connection(principal, end, self._forget)
        self._open.add(connection)
        try:
            self._note(connection)
            await self._sessions.open(NewSession(connection.id, principal.user_id, transport, origin))
        except BaseException:
            connection.close(1006)
            raise
        if self._draining:
            end(SERVICE_RESTART)
        return connection

    @contextmanager
    def with_token(self, principal: Principal, end: "Ending") -> Iterator[None]:
        """Have a call that takes long end with its caller's token: `end` is called when that has ended."""
        connection = Connection(principal, end, lambda *_: None)
        self._note(connection)
        try:
            yield
        finally:
            self._unnote(connection)
            connection.close(1000)

    async def drain(self, seconds: float) -> None:
        """Ask all connections to end, those of the last moment too, and wait at most `seconds` for that."""
        self._draining = True
        if not self._open:
            return
        for connection in [*self._open]:
            connection.end(SERVICE_RESTART)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._all_ended.wait()

    def _forget(self, connection: Connection, code: int) -> None:
        self._open.discard(connection)
        if self._draining and not self._open:
            self._all_ended.set()
        self._unnote(connection)
        self._sessions.close(connection.id, code)

    def _note(self, connection: Connection) -> None:
        if connection.principal.token_id is not None:
            self._by_token[connection.principal.token_id].add(connection)

    def _unnote(self, connection: Connection) -> None:
        token_id = connection.principal.token_id
        if token_id is not None and token_id in self._by_token:
            self._by_token[token_id].discard(connection)
            if not self._by_token[token_id]:
                del self._by_token[token_id]

    async def _check_tokens(self) -> None:
        """End the connections of tokens that were revoked, and of people whose rights were changed."""
        asked = [*self._by_token]
        if not asked:
            return
        holders = await self._authenticator.holders(asked)
        for token_id in asked:
            holder = holders.get(token_id)
            for connection in [*self._by_token.get(token_id, ())]:
                if holder is None or holder.is_admin != connection.principal.is_admin:
                    connection.end(UNAUTHORIZED)
