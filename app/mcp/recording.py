"""Records what agents and this server say to each other, as any MCP traffic, beside the calls."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import orjson
import structlog

from services.core.background import Running, repeatedly
from services.core.database import Database
from services.core.database_errors import is_away
from services.core.errors import BadInput, DomainError, NotFound
from services.core.principal import Origin, Principal
from services.mcp.messages import MAX_MESSAGES
from services.mcp.recording import record
from services.secrets.vault import Vault
from services.writing.action import Action

log = structlog.get_logger(__name__)

SERVER: Final = "ccgraph"
"""`serverName` of what is recorded here."""

ACTION: Final = "recordMcpMessages"

EVERY: Final = 5.0
"""Seconds between two writings: what an instance says within them is one transaction."""

APPEARS_WITHIN: Final = timedelta(seconds=30)
"""For so long messages wait for their instance, which the very call may be making."""

MOST_BYTES: Final = 4_000_000
"""Bytes of a person's messages that wait to be written; what comes on top is not recorded."""

MOST_WAITING: Final = 64_000_000
"""Bytes of all messages that wait."""


@dataclass(slots=True)
class _Line:
    """Messages of one person's agents that are not written yet."""

    principal: Principal
    messages: defaultdict[UUID, deque[tuple[int, dict[str, Any]]]] = field(
        default_factory=lambda: defaultdict(deque)
    )
    bytes: int = 0
    left_out: int = 0


class TrafficRecorder(Running):
    """Keeps messages in memory for a moment, so that a call waits for no record of it.

    A process that is killed loses those of the last `EVERY` seconds. What cannot be recorded because the
    instance does not appear, or is not the caller's to change, is dropped: the call itself was told so.
    """

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._lines: dict[int, _Line] = {}
        self._bytes = 0
        self._writing = asyncio.Lock()

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        writing = partial(repeatedly, self.write, EVERY, "agents_calls_not_recorded")
        async with self.supervisor.running(writing, "agents-traffic"):
            yield
        await self.write()

    @property
    def waiting(self) -> int:
        """Bytes of the messages that are not written yet."""
        return self._bytes

    def note(self, principal: Principal, instance: UUID, direction: str, message: dict[str, Any]) -> None:
        """Keep a message, sent now by "client" or "server", until it is written."""
        item = {
            "at": datetime.now(UTC).isoformat(),
            "server": SERVER,
            "direction": direction,
            "message": message,
        }
        try:
            size = len(orjson.dumps(item))
        except TypeError:  # numbers past 64 bits, which the reader of messages takes or refuses
            size = 1_000
        line = self._lines.setdefault(principal.user_id, _Line(principal))
        line.principal = principal
        if line.bytes + size > MOST_BYTES or self._bytes + size > MOST_WAITING:
            line.left_out += 1
            return
        line.messages[instance].append((size, item))
        line.bytes += size
        self._bytes += size

    async def write(self) -> None:
        """Write what waits: what an instance has said in one transaction."""
        async with self._writing:
            for user_id, line in [*self._lines.items()]:
                for instance in [*line.messages]:
                    await self._write(line, instance)
                if line.left_out:
                    log.warning("agents_calls_left_out", user=user_id, messages=line.left_out)
                    line.left_out = 0
                if not line.messages:
                    self._lines.pop(user_id, None)

    async def _write(self, line: _Line, instance: UUID) -> None:
        waiting = line.messages[instance]
        some = [*waiting][:MAX_MESSAGES]
        origin = Origin(user_agent="ccgraph /mcp")
        action = Action(self._database, line.principal, origin, ACTION, self._vault)
        try:
            await self._store(action, instance, [item for _, item in some])
        except NotFound:
            if datetime.now(UTC) - datetime.fromisoformat(some[0][1]["at"]) < APPEARS_WITHIN:
                return
            self._dropped(instance, len(some), NotFound.code)
        for size, _ in some:
            waiting.popleft()
            line.bytes -= size
            self._bytes -= size
        if not waiting:
            del line.messages[instance]

    async def _store(self, action: Action, instance: UUID, messages: list[dict[str, Any]]) -> None:
        """Store them, but for those that cannot be: one that is odd takes no others with it.

        Raises: NotFound for the instance, and what says that the database is away.
        """
        try:
            await record(action, instance, messages)
        except Exception as error:
            if is_away(error) or isinstance(error, NotFound):
                raise
            if isinstance(error, BadInput) and len(messages) > 1:
                half = len(messages) // 2
                await self._store(action, instance, messages[:half])
                await self._store(action, instance, messages[half:])
                return
            reason = error.code if isinstance(error, DomainError) else type(error).__qualname__
            self._dropped(instance, len(messages), reason)

    @staticmethod
    def _dropped(instance: UUID, messages: int, reason: str) -> None:
        log.info("agents_calls_dropped", instance=str(instance), reason=reason, messages=messages)
