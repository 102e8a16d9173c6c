"""Waiting for work: calls that are held open until a task of a project changes."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

from app.connections.registry import Connections
from models.enums import TokenType
from services.accounts.subscription_quota import Allowance
from services.accounts.tokens import expired
from services.core.principal import Principal
from services.feed.events import ChangeEvent
from services.feed.feed import Feed
from services.feed.sources import CHANGES
from services.feed.wakeup import WakeupEvent

_TABLES: Final = frozenset({"tasks", "task_dependencies"})


class TaskSignal:
    """One call that waits."""

    __slots__ = ("_event", "_refused", "_waits")

    def __init__(self, waits: "TaskWaits") -> None:
        self._event = WakeupEvent()
        self._refused = False
        self._waits = waits

    @property
    def ending(self) -> bool:
        """True if the server stops, so that nothing is waited for any more."""
        return self._waits.ending

    def set(self) -> None:
        """Note a change."""
        self._event.set()

    def refuse(self) -> None:
        """The token of the caller has ended."""
        self._refused = True
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Wait for a change; False when the time is over, or when the server stops.

        Raises: Unauthenticated when the caller's token has ended.
        """
        if self._waits.ending:
            return False
        if not await self._event.wait(seconds):
            return False
        if self._refused:
            raise expired(TokenType.ACCESS)
        return not self._waits.ending


class TaskWaits:
    """All calls of the process that wait for tasks; each counts as a subscription of its person.

    The feed is watched once for all of them, and only while there is one.
    """

    def __init__(self, feed: Feed, allowance: Allowance, connections: Connections) -> None:
        self.ending = False
        self._feed = feed
        self._allowance = allowance
        self._connections = connections
        self._signals: dict[UUID | None, set[TaskSignal]] = defaultdict(set)
        self._unwatch: Callable[[], None] | None = None
        self._opening = asyncio.Lock()

    def end(self) -> None:
        """Let all calls return: the server stops."""
        self.ending = True
        for signals in self._signals.values():
            for signal in signals:
                signal.set()

    @asynccontextmanager
    async def listening(self, principal: Principal, project_id: UUID | None) -> AsyncIterator[TaskSignal]:
        """A signal that is set by whatever is committed from now on. Raises: QuotaExceeded."""
        give_back = self._allowance.take(principal.user_id)
        signal = TaskSignal(self)
        try:
            async with self._opening:
                if self._unwatch is None:
                    self._unwatch = await self._feed.watch(CHANGES, self._notice)
                self._signals[project_id].add(signal)
            with self._connections.with_token(principal, lambda _: signal.refuse()):
                yield signal
        finally:
            self._signals[project_id].discard(signal)
            if not self._signals[project_id]:
                del self._signals[project_id]
            if not self._signals and self._unwatch is not None and not self._opening.locked():
                self._unwatch()
                self._unwatch = None
            give_back()

    def _notice(self, events: Sequence[ChangeEvent]) -> None:
        for project_id in {event.project_id for event in events if event.table in _TABLES}:
            for signal in self._signals.get(project_id, ()):
                signal.set()
