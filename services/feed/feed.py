"""The feed of one process: what subscribers join, and what the reader hands its batches to."""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import chain
from uuid import UUID

import structlog

from models.policy import Viewer
from services.core.background import Running, Tasks
from services.core.database import Database
from services.core.database_errors import is_away
from services.core.errors import CursorExpired, CursorInvalid, SlowConsumer
from services.core.retry import retry
from services.feed.catching_up import Replay
from services.feed.channels import EVENTS, Course, Outlet, Post, fail, interrupted
from services.feed.cursors import Cursor, CursorCodec
from services.feed.dedicated_connection import READ_EVENTS
from services.feed.events import Batch, ChangeEvent
from services.feed.judging import described, match, seen_by
from services.feed.reader import Pace, Reader
from services.feed.reading import carried_over, current_snapshot
from services.feed.snapshots import Snapshot
from services.feed.sources import CHANGES, LOGS, Source
from services.feed.statement_connections import (
    QUICK,
    QUICK_SECONDS,
    REPLAYS,
    SLOW,
    Acquire,
    StatementConnections,
    TooSlow,
)
from services.feed.subscribers import Capacity, Subscriber
from services.feed.topics import PositionedEvent, Topic, Topics, positioned_events
from services.feed.wakeup import Wakeup

log = structlog.get_logger(__name__)

Watcher = Callable[[Sequence[ChangeEvent]], None]

STALL_TIMEOUT = 60.0
"""Seconds for which a subscriber is kept whose connection takes nothing."""
_GLANCE = 0.005
_FLOOD = 50
"""Glances for which the reader waits, after a hundred events, for quick topics with thousands to come."""


class Feed(Running):
    """A context manager around the life of the process.

    `stall_timeout` is for how many seconds a subscriber is kept whose connection takes nothing.
    """

    def __init__(
        self,
        database: Database,
        wakeup: Wakeup,
        secret: bytes,
        pace: Pace | None = None,
        stall_timeout: float = STALL_TIMEOUT,
    ) -> None:
        self.stall_timeout = stall_timeout
        self._pool = database.primary
        self._secret = secret
        self._epoch: UUID | None = None
        self._cursors = CursorCodec(secret, b"")
        self._changes, self._logs = (
            Reader(
                database.primary,
                wakeup,
                source,
                partial(self._deliver, source),
                partial(self._end_interrupted, source),
                partial(self._lose, source),
                pace or Pace(),
            )
            for source in (CHANGES, LOGS)
        )
        primary = database.primary
        self._judges = {source: StatementConnections(primary, 1, 1) for source in (CHANGES, LOGS)}
        self._quick = StatementConnections(primary, QUICK, QUICK - 1, limit=QUICK_SECONDS)
        self._slow = StatementConnections(primary, SLOW, 1)
        self._replays = StatementConnections(primary, REPLAYS, REPLAYS - 1, setting=READ_EVENTS)
        self._tasks = Tasks()
        self._outlet = Outlet(self._quick, self._slow, self._tasks.start)
        self._topics = Topics()
        self._courses: dict[Topic, Course] = {}
        self._past = {CHANGES: b"", LOGS: b""}
        self._watchers: dict[Source, list[Watcher]] = {CHANGES: [], LOGS: []}

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
            self._tasks.cancel()
            await self._tasks.wait()
            for connections in (*self._judges.values(), self._quick, self._slow, self._replays):
                await connections.release()

    def _begin_epoch(self, epoch: UUID) -> None:
        self._epoch = epoch
        self._cursors = CursorCodec(self._secret, epoch.bytes)

    def topic(self, key: Hashable) -> Topic | None:
        """The topic with this key, if it has subscribers."""
        return self._topics.get(key)

    async def watch(self, source: Source, watcher: Watcher) -> Callable[[], None]:
        """Let `watcher` see all events of a source before subscribers do; call the result to end that."""
        reader = self._logs if source is LOGS else self._changes
        await reader.follow()
        self._watchers[source].append(watcher)

        def end() -> None:
            self._watchers[source].remove(watcher)
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

        "Now" is a point before this returns, so a query that follows misses nothing. `ready` is called when
        there is something to take after there was nothing. Raises: CursorInvalid and CursorExpired.
        """
        cursor = None if after is None else self._cursors.decode(after)
        if self._topics.get(topic.key) is None:
            await self._warm_up(topic, viewer)
        reader = self._reader(topic)
        await reader.follow()
        try:
            if cursor is not None:
                cursor = await self._checked(cursor)
        except BaseException:
            reader.unfollow()
            raise
        position = reader.position
        start = after or self._cursors.encode(Cursor(position, position))
        subscription = Subscription(self, topic, Subscriber(viewer, start, ready, capacity))
        if cursor is None:
            self._join(topic, subscription.subscriber)
        else:
            work = self._catch_up(topic, subscription.subscriber, cursor, topic.filter.replays)
            subscription.catch_up(self._tasks.start(work, "feed-replay"))
        return subscription

    def wait_for(self, topic: Topic, subscriber: Subscriber) -> None:
        """Push no more to a subscriber that fell behind."""
        self._leave_topic(topic, subscriber)

    def go_on(self, topic: Topic, subscriber: Subscriber, cursor: Cursor) -> "asyncio.Task[None]":
        """Bring a subscriber that fell behind what came after `cursor`, and let it go on live from there."""
        work = self._catch_up(topic, subscriber, cursor, lambda event: True, expired=_too_late())
        return self._tasks.start(work, "feed-replay")

    async def _warm_up(self, topic: Topic, viewer: Viewer) -> None:
        """Let its statements be planned before the first event comes; while the database is away, with it."""
        try:
            await topic.renderer.warm_up(self._quick.for_account(viewer.user_id), viewer)
        except TooSlow:
            return
        except Exception as error:
            if not is_away(error):
                raise

    def leave(self, topic: Topic, subscriber: Subscriber) -> None:
        """Remove a subscriber from its topic; a subscription calls it once, when it is closed."""
        self._leave_topic(topic, subscriber)
        self._reader(topic).unfollow()

    def _reader(self, topic: Topic) -> Reader:
        return self._logs if topic.filter.tables <= LOGS.tables else self._changes

    def _join(self, topic: Topic, subscriber: Subscriber) -> None:
        subscriber.join(self._reader(topic).turn)
        self._topics.join(topic, subscriber)

    async def _checked(self, cursor: Cursor) -> Cursor:
        """The cursor as of the server's present start. Raises: CursorInvalid, CursorExpired."""
        async with self._pool.acquire() as connection:
            [state] = await connection.fetch("SELECT epoch, floor FROM feed_state")
            now = await current_snapshot(connection)
            before, batch = cursor.before, cursor.batch
            if batch.start != now.start:
                before, batch = [await carried_over(connection, found) for found in (before, batch)]
        if state["epoch"] != self._epoch:  # a backup was restored while this process runs
            self._begin_epoch(state["epoch"])
            raise CursorInvalid(
                "The database was replaced since. Subscribe without `after`, then query the current state.",
                field="after",
            )
        if not now.includes(batch):
            raise CursorInvalid(
                "This cursor is from a later time than the database, which was set back. "
                "Leave `after` out to start now.",
                field="after",
            )
        _require_kept(before, state["floor"])
        return Cursor(before, batch, cursor.place)

    async def _require_still_kept(self, before: Snapshot) -> None:
        """CursorExpired when retention has removed something that `before` does not see."""
        _require_kept(before, await retry(self._floor, "feed_not_read"))

    async def _floor(self) -> int:
        floor: int = await self._pool.fetchval("SELECT floor FROM feed_state")
        return floor

    async def _deliver(self, source: Source, batch: Batch, turn: int) -> None:
        """Find out who gets what of a batch, and leave it to the channels of the topics."""
        for watcher in self._watchers[source]:
            watcher(batch.events)
        positioned = positioned_events(batch, self._cursors, self._past[source])
        self._past[source] = b"" if batch.complete else batch.events[-1].place
        for start in range(0, len(positioned), EVENTS):
            chunk = positioned[start : start + EVENTS]
            judge = partial(self._post, self._judges[source].for_account(None), chunk, turn)
            try:
                await retry(judge, "feed_not_dispatched")
            except Exception as error:  # a fault of ours: it ends those it concerns, and not the reader
                log.error("feed_broken", **described(error))  # noqa: TRY400 - it may quote a row
                for topic in {topic for found in chunk for topic in self._topics.about(found.event)}:
                    fail(topic, None, error)

    async def _end_interrupted(self, source: Source, batch: Batch, turn: int) -> None:
        """End the subscribers that an interrupted batch concerns: they resume at what they have taken."""
        self._past[source] = b""
        for watcher in self._watchers[source]:
            watcher(batch.events)
        for topic in {topic for event in batch.events for topic in self._topics.about(event)}:
            for subscriber in chain.from_iterable(topic.subscribers.values()):
                if subscriber.hears(turn):
                    subscriber.end(interrupted())

    def _lose(self, source: Source, error: Exception) -> None:
        """Tell all who follow a source that something of it may be lost."""
        log.error("feed_lost", error=type(error).__qualname__)
        self._past[source] = b""
        anything = [ChangeEvent(0, "", table, "UPDATE", "") for table in source.tables]
        for watcher in self._watchers[source]:
            watcher(anything)
        for topic in self._topics:
            if topic.filter.tables & source.tables:
                for subscriber in chain.from_iterable(topic.subscribers.values()):
                    subscriber.end(error)

    async def _post(self, acquire: Acquire, positioned: Sequence[PositionedEvent], turn: int) -> None:
        matched = await match(acquire, positioned, lambda found: self._topics.about(found.event), fail)
        asked = {
            topic: (founds, [*topic.subscribers]) for topic, founds in matched.items() if topic.subscribers
        }
        seen = await seen_by(acquire, asked, fail)
        now = asyncio.get_running_loop().time()
        courses = []
        for topic, by_viewer in seen.items():
            course = self._courses.get(topic)
            if course is None:
                course = self._courses[topic] = Course(topic, self._outlet)
            course.post(Post(turn, now, by_viewer))
            courses.append(course)
        for _ in range(_FLOOD):
            if not any(course.is_full for course in courses):
                break
            await asyncio.sleep(_GLANCE)

    def _leave_topic(self, topic: Topic, subscriber: Subscriber) -> None:
        topic = self._topics.current(topic)
        self._topics.leave(topic, subscriber)
        if not topic.subscribers:
            self._courses.pop(topic, None)

    async def _catch_up(
        self,
        topic: Topic,
        subscriber: Subscriber,
        cursor: Cursor,
        concerns: Callable[[ChangeEvent], bool],
        expired: Exception | None = None,
    ) -> None:
        """Deliver what came after `cursor` up to the reader's position, and go on live from there.

        `expired` is what the subscriber is told when retention was faster.
        """
        replay = Replay(self._replays, topic, subscriber, subscriber.viewer.user_id)
        try:
            if await replay.run(
                self._reader(topic), cursor, self._cursors, self._require_still_kept, concerns
            ):
                self._join(topic, subscriber)
        except CursorExpired as error:
            subscriber.end(expired or error)
        except Exception as error:
            log.error("feed_replay_broken", **described(error))  # noqa: TRY400 - it may quote a row
            subscriber.end(error)


class Subscription:
    """A subscriber's place in the feed; close it when its connection or operation ends."""

    __slots__ = ("_feed", "_replay", "_stalled", "_topic", "subscriber")

    def __init__(self, feed: Feed, topic: Topic, subscriber: Subscriber) -> None:
        self.subscriber = subscriber
        self._feed: Feed | None = feed
        self._topic = topic
        self._replay: asyncio.Task[None] | None = None
        self._stalled: asyncio.TimerHandle | None = None
        subscriber.fell_behind = self._fell_behind
        subscriber.resume = self._go_on

    def catch_up(self, replay: "asyncio.Task[None]") -> None:
        """The task that brings what was missed, until it is done or the subscription closed."""
        self._replay = replay
        # Unless the subscription was closed, which has ended the subscriber by then.
        replay.add_done_callback(
            lambda task: self.subscriber.end(interrupted()) if task.cancelled() else None
        )

    def close(self) -> None:
        """Get nothing more; safe to call twice."""
        feed, self._feed = self._feed, None
        if feed is None:
            return
        if self._replay is not None:
            self._replay.cancel()
        self._stop_timer()
        self.subscriber.end()
        feed.leave(self._topic, self.subscriber)

    def _fell_behind(self) -> None:
        """Leave the others alone, and be waited for until the connection takes again."""
        if self._feed is not None:
            self._feed.wait_for(self._topic, self.subscriber)
            loop = asyncio.get_running_loop()
            self._stop_timer()
            self._stalled = loop.call_later(self._feed.stall_timeout, self.subscriber.end, _stands_still())

    def _go_on(self, cursor: Cursor) -> None:
        """The connection takes again: bring it what it missed."""
        self._stop_timer()
        if self._feed is not None:
            self.catch_up(self._feed.go_on(self._topic, self.subscriber, cursor))

    def _stop_timer(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


def _too_late() -> SlowConsumer:
    return SlowConsumer(
        "This connection took its events so slowly that those which were still to come are no longer kept. "
        "Subscribe without `after`, then query the current state."
    )


def _stands_still() -> SlowConsumer:
    return SlowConsumer(
        "This connection took no events for so long that the subscription was ended. Subscribe again with "
        "`after` set to the cursor in `extensions`: nothing is lost."
    )


def _require_kept(before: Snapshot, floor: int) -> None:
    if before.xmin <= floor:
        raise CursorExpired(
            "The events after this cursor are no longer kept. Subscribe without `after`, then query the "
            "current state.",
            field="after",
        )
