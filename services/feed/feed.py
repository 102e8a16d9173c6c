"""The feed of one process: what subscribers join, and what the reader hands its batches to."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from uuid import UUID

import structlog

from models.policy import Viewer
from services.core.background import Running
from services.core.database import Connection, Database
from services.core.database_errors import is_away
from services.core.errors import CursorExpired, CursorInvalid, ServiceUnavailable
from services.core.retry import retry
from services.feed.backpressure import Patience
from services.feed.cursors import Cursor, CursorCodec
from services.feed.dedicated_connection import READ_EVENTS, Line
from services.feed.dispatch import Listeners, dispatch
from services.feed.events import Batch, ChangeEvent
from services.feed.reader import Pace, Reader
from services.feed.replay import since
from services.feed.snapshots import Snapshot
from services.feed.sources import CHANGES, LOGS, Flow
from services.feed.statement_connections import Lanes, Lend
from services.feed.subscribers import Capacity, Subscriber
from services.feed.topics import Occurrence, Topic, Topics
from services.feed.wakeup import Wakeup

log = structlog.get_logger(__name__)

Watcher = Callable[[Sequence[ChangeEvent]], None]

_CHUNK = 100
"""Events that are judged, loaded and pushed together."""
_PATIENCE = 5.0
"""Seconds for which those who are behind are waited for, as services/feed/backpressure.py says."""


class Feed(Running):
    """A context manager around the life of the process."""

    def __init__(self, database: Database, wakeup: Wakeup, secret: bytes, pace: Pace | None = None) -> None:
        self._pool = database.primary
        self._secret = secret
        self._epoch: UUID | None = None
        self._cursors = CursorCodec(secret, b"")
        self._changes, self._logs = (
            Reader(
                database.primary,
                wakeup,
                flow,
                partial(self._deliver, flow),
                partial(self._end_interrupted, flow),
                pace or Pace(),
            )
            for flow in (CHANGES, LOGS)
        )
        self._replay = Line(database.primary, READ_EVENTS)
        self._lanes = Lanes(database.primary)
        self._topics = Topics()
        self._watchers: dict[Flow, list[Watcher]] = {CHANGES: [], LOGS: []}

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        self._begin_epoch(await self._pool.fetchval("SELECT epoch FROM feed_state"))
        try:
            async with (
                self.supervisor.running(self._changes.run, "feed-reader"),
                self.supervisor.running(self._logs.run, "log-reader"),
            ):
                yield
        finally:
            await self._replay.release()
            await self._lanes.release()

    def _begin_epoch(self, epoch: UUID) -> None:
        self._epoch = epoch
        self._cursors = CursorCodec(self._secret, epoch.bytes)

    def topic(self, key: Hashable) -> Topic | None:
        """The topic with this key, if anybody is subscribed to it."""
        return self._topics.get(key)

    async def watch(self, flow: Flow, watcher: Watcher) -> Callable[[], None]:
        """Let `watcher` see all events of a flow before subscribers do; call the result to end that."""
        reader = self._logs if flow is LOGS else self._changes
        await reader.follow()
        self._watchers[flow].append(watcher)

        def end() -> None:
            self._watchers[flow].remove(watcher)
            reader.unfollow()

        return end

    async def subscribe(
        self,
        topic: Topic,
        viewer: Viewer,
        ready: Callable[[], None],
        *,
        after: str | None = None,
        capacity: Capacity | None = None,
    ) -> "Subscription":
        """Events of `topic` from now on; or from the cursor `after` on, first the past and then live.

        "Now" is a point before this returns, so whoever queries next misses nothing. `ready` is called when
        there is something to take after there was nothing. Raises CursorInvalid and CursorExpired.
        """
        cursor = None if after is None else self._cursors.decode(after)
        if self._topics.get(topic.key) is None:
            await self._rehearse(topic, viewer)
        reader = self._reader(topic)
        await reader.follow()
        try:
            if cursor is not None:
                await self._check(cursor)
        except BaseException:
            reader.unfollow()
            raise
        position = reader.position
        start = after or self._cursors.encode(Cursor(position, position))
        subscription = Subscription(self, topic, Subscriber(viewer, start, ready, capacity))
        if cursor is None:
            self._join(topic, subscription.subscriber)
        else:
            subscription.catch_up(self._catch_up(topic, subscription.subscriber, cursor))
        return subscription

    async def _rehearse(self, topic: Topic, viewer: Viewer) -> None:
        """Let its statements be planned before the first event comes; while the database is away, with it."""
        try:
            await topic.renderer.rehearse(self._lanes.lend, viewer)
        except Exception as error:
            if not is_away(error):
                raise

    def leave(self, topic: Topic, subscriber: Subscriber) -> None:
        """What a subscription calls when it is closed, once."""
        self._topics.leave(topic, subscriber)
        self._reader(topic).unfollow()

    def _reader(self, topic: Topic) -> Reader:
        return self._logs if topic.filter.tables <= LOGS.tables else self._changes

    def _join(self, topic: Topic, subscriber: Subscriber) -> None:
        subscriber.joined = self._reader(topic).turn
        self._topics.join(topic, subscriber)

    async def _check(self, cursor: Cursor) -> None:
        async with self._replay.connection() as connection:
            [state] = await connection.fetch(
                "SELECT epoch, floor, pg_current_snapshot() AS now FROM feed_state"
            )
        if state["epoch"] != self._epoch:  # a backup was restored while this process runs
            self._begin_epoch(state["epoch"])
            raise CursorInvalid(
                "The database was replaced since. Subscribe without `after`, then query the current state.",
                field="after",
            )
        if not Snapshot.of(state["now"]).includes(cursor.batch):
            raise CursorInvalid(
                "This cursor is from a later time than the database, which was set back. "
                "Leave `after` out to start now.",
                field="after",
            )
        _require_kept(cursor.before, state["floor"])

    async def _require_still_kept(self, before: Snapshot) -> None:
        """CursorExpired when retention has removed something that `before` does not see."""
        _require_kept(before, await self._replay.insist(_floor))

    async def _deliver(self, flow: Flow, batch: Batch, turn: int) -> None:
        for watcher in self._watchers[flow]:
            watcher(batch.events)
        patience = Patience(_PATIENCE, self._topics.population)

        def listeners(topic: Topic) -> Listeners:
            return {
                viewer: [subscriber for subscriber in alike if subscriber.joined < turn]
                for viewer, alike in topic.subscribers.items()
            }

        for occurrences in self._chunks(batch):
            await self._push(self._lanes.lend, occurrences, self._topics.about, listeners, patience)

    async def _end_interrupted(self, flow: Flow, batch: Batch, turn: int) -> None:
        """End the subscribers that an interrupted batch concerns: they resume at what they have taken."""
        for watcher in self._watchers[flow]:
            watcher(batch.events)
        for topic in {topic for event in batch.events for topic in self._topics.about(event)}:
            for alike in topic.subscribers.values():
                for subscriber in alike:
                    if subscriber.joined < turn:
                        subscriber.end(_interrupted())

    async def _catch_up(self, topic: Topic, subscriber: Subscriber, cursor: Cursor) -> None:
        """Deliver what came after `cursor` up to the reader's position, and go on live from there."""
        reader = self._reader(topic)
        try:
            async for batch in since(self._replay, reader, cursor, self._require_still_kept):
                for occurrences in self._chunks(batch):
                    await self._push(
                        lambda _: self._pool.acquire(),  # not to be in the way of what is live
                        occurrences,
                        lambda event: [topic] if topic.filter.replays(event) else [],
                        lambda _: {subscriber.viewer: [subscriber]},
                        Patience(None),
                    )
            self._join(topic, subscriber)
        except Exception as error:
            subscriber.end(error)

    def _chunks(self, batch: Batch) -> Iterator[list[Occurrence]]:
        for start in range(0, len(batch.events), _CHUNK):
            events = batch.events[start : start + _CHUNK]
            yield [Occurrence(event, batch, self._cursors) for event in events]

    async def _push(
        self,
        lend: Lend,
        occurrences: Sequence[Occurrence],
        topics: Callable[[ChangeEvent], Iterable[Topic]],
        listeners: Callable[[Topic], Listeners],
        patience: Patience,
    ) -> None:
        """Dispatch, again while the database is away; another error ends the subscribers it concerns."""
        try:
            await retry(
                partial(dispatch, lend, occurrences, topics, listeners, patience), "feed_not_dispatched"
            )
        except Exception as error:
            _end_all(occurrences, topics, listeners, error)


class Subscription:
    """A subscriber's place in the feed; close it when its connection or operation ends."""

    __slots__ = ("_feed", "_replay", "_topic", "subscriber")

    def __init__(self, feed: Feed, topic: Topic, subscriber: Subscriber) -> None:
        self.subscriber = subscriber
        self._feed: Feed | None = feed
        self._topic = topic
        self._replay: asyncio.Task[None] | None = None

    def catch_up(self, replay: Coroutine[object, object, None]) -> None:
        """Run the replay until it is done or the subscription closed."""
        self._replay = asyncio.create_task(replay, name="feed-replay")
        # Unless the subscription was closed, which has ended the subscriber by then.
        self._replay.add_done_callback(
            lambda task: self.subscriber.end(_interrupted()) if task.cancelled() else None
        )

    def close(self) -> None:
        """Get nothing more; safe to call twice."""
        feed, self._feed = self._feed, None
        if feed is None:
            return
        if self._replay is not None:
            self._replay.cancel()
        self.subscriber.end()
        feed.leave(self._topic, self.subscriber)


async def _floor(connection: Connection) -> int:
    floor: int = await connection.fetchval("SELECT floor FROM feed_state")
    return floor


def _require_kept(before: Snapshot, floor: int) -> None:
    if before.xmin <= floor:
        raise CursorExpired(
            "The events after this cursor are no longer kept. Subscribe without `after`, then query the "
            "current state.",
            field="after",
        )


def _interrupted() -> ServiceUnavailable:
    return ServiceUnavailable(
        "The delivery of events was interrupted. Subscribe again with `after` set to the cursor in "
        "`extensions`: nothing is lost."
    )


def _end_all(
    occurrences: Sequence[Occurrence],
    topics: Callable[[ChangeEvent], Iterable[Topic]],
    listeners: Callable[[Topic], Listeners],
    error: Exception,
) -> None:
    concerned = {topic for occurrence in occurrences for topic in topics(occurrence.event)}
    log.error(
        "feed_broken",
        error=type(error).__qualname__,
        sqlstate=getattr(error, "sqlstate", None),
        topics=len(concerned),
    )
    for topic in concerned:
        for alike in listeners(topic).values():
            for subscriber in alike:
                subscriber.end(error)
