"""Brings a subscriber what it missed, out of the feed and at its own pace, and lets it go on live from there.

So one who resumes at a cursor is served, and one whose connection took its events too slowly. Nothing is read
for a connection before it takes something, and few events are held for it: a hundred that were read, and as
many responses as fit in `_ENOUGH` bytes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from contextlib import aclosing
from functools import partial
from typing import TypeVar

from models.policy import Viewer
from services.core.database import PrimaryConnection
from services.core.retry import retry
from services.feed.cursors import Cursor, CursorCodec
from services.feed.events import ChangeEvent
from services.feed.judging import match, seen_by
from services.feed.reader import Reader
from services.feed.rendering import Rendered, render
from services.feed.replay import since
from services.feed.snapshots import Snapshot
from services.feed.statement_connections import Acquire, StatementConnections
from services.feed.subscribers import Subscriber
from services.feed.topics import PositionedEvent, Topic, positioned_events

T = TypeVar("T")

_FIRST, _MOST = 4, 100
"""Events that are rendered together: at first, and when they turn out to be small."""
_ENOUGH = 262_144
"""Bytes of responses that are rendered together."""
STANDSTILL = 10.0
"""Seconds after which a connection that has taken nothing costs nothing any more."""


class Replay:
    """The events that one subscriber missed. `account` bounds how many of one person's are at work."""

    def __init__(
        self,
        connections: StatementConnections,
        topic: Topic,
        subscriber: Subscriber,
        account: Hashable,
    ) -> None:
        self._acquire: Acquire = connections.for_account(account)
        self._topic = topic
        self._subscriber = subscriber
        self._at_once = _FIRST

    async def retry(self, read: Callable[[PrimaryConnection], Awaitable[T]]) -> T:
        """The result of `read` over a connection, tried until the database is there."""

        async def once() -> T:
            async with self._acquire("replay") as connection:
                return await read(connection)

        return await retry(once, "feed_not_read")

    async def run(
        self,
        reader: Reader,
        cursor: Cursor,
        codec: CursorCodec,
        require_kept: Callable[[Snapshot], Awaitable[None]],
        concerns: Callable[[ChangeEvent], bool],
    ) -> bool:
        """Bring what came after `cursor` and `concerns` this subscriber, up to the reader's position.

        Whether it arrived there, and nothing was awaited since: otherwise the subscriber has ended, or fell
        behind again. Raises: CursorExpired.
        """
        async with aclosing(since(self, reader, cursor, require_kept)) as batches:
            async for batch, past in batches:
                about = partial(self._about, concerns)
                positioned = positioned_events(batch, codec, past)
                find = partial(match, self._acquire, positioned, about, self._fail)
                matched = await retry(find, "feed_not_read")
                if not await self._bring(matched.get(self._topic, ())):
                    return False
        return not self._subscriber.ended

    def _about(self, concerns: Callable[[ChangeEvent], bool], found: PositionedEvent) -> list[Topic]:
        return [self._topic] if concerns(found.event) else []

    async def _bring(self, positioned: Sequence[PositionedEvent]) -> bool:
        """Render and queue some events; False when that came to an end before them."""
        start = 0
        while start < len(positioned):
            if not await self._emptied():
                return False
            part = positioned[start : start + self._at_once]
            start += len(part)
            found = await self._rendered(part)
            rest = self._subscriber.fill(found.deliveries)
            while rest:
                if not await self._emptied():
                    return False
                rest = self._subscriber.fill(rest)
            if found.error is not None:
                self._subscriber.end(found.error)
            if self._subscriber.ended:
                return False
            if found.deliveries:
                size = sum(len(delivery.payload) for delivery in found.deliveries) // len(found.deliveries)
                self._at_once = max(1, min(_MOST, 2 * self._at_once, _ENOUGH // size))
        return not self._subscriber.ended

    async def _rendered(self, part: Sequence[PositionedEvent]) -> Rendered:
        viewer = self._subscriber.viewer

        async def once() -> Rendered:
            seen = await seen_by(self._acquire, {self._topic: (part, [viewer])}, self._fail)
            if self._topic not in seen:
                return Rendered([])
            [rendered] = await render(self._acquire, self._topic, [seen[self._topic]])
            return rendered[viewer]

        return await retry(once, "feed_not_read")

    async def _emptied(self) -> bool:
        """Wait until the connection has taken all; False when it stands still, and so falls behind."""
        while waiting := self._subscriber.waiting:
            try:
                async with asyncio.timeout(STANDSTILL):
                    await self._subscriber.until_empty()
            except TimeoutError:
                if self._subscriber.waiting == waiting:
                    self._subscriber.fall_behind(None)
                    return False
        return not self._subscriber.ended

    def _fail(self, topic: Topic, viewers: Collection[Viewer] | None, error: Exception) -> None:
        self._subscriber.end(error)
