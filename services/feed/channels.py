"""Brings events to the subscribers of a topic, each topic in a task of its own: a slow one delays no other.

A topic begins with one channel for all of its viewers, on the connections for quick statements. When a
statement takes longer than these allow, the topic is divided: each group of viewers to whom an event looks
the same gets a channel of its own, so the data of one person delays no other one. A group that is slow by
itself goes to the connections for slow statements. When all groups are quick again and have nothing to do,
the topic is joined together.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from typing import TypeAlias

import structlog

from models.policy import Viewer
from services.core.errors import ServiceUnavailable
from services.core.retry import retry
from services.feed.backpressure import keep_pace
from services.feed.judging import Seen, described, seen_by
from services.feed.rendering import Rendered, render
from services.feed.statement_connections import QUICK_SECONDS, StatementConnections, TooSlow
from services.feed.subscribers import Delivery, Subscriber
from services.feed.topics import PositionedEvent, Topic

log = structlog.get_logger(__name__)

EVENTS = 100
"""Events that are judged, loaded and pushed together."""
BACKLOG = 6_000
"""Events that wait for a channel: more than a bulk append has. Past it subscribers catch up from the feed."""
BACKLOG_BYTES = 8_388_608
"""Text of log entries that waits for a channel."""
_OLD = 1.0
"""Seconds after which it is asked again who may see an event that waited."""
_FEW, _LONG = 0.5, 2.0
"""Seconds for one statement of a slow topic, between which it loads as many events as before."""

_SUBSCRIBERS_IN_A_TURN = 250
"""After so many the connections get a turn to write, and clients begin to read."""
_ROUND = 262_144
"""Bytes for one subscriber before it gets a turn: what is long is no reason to be called slow."""

Share: TypeAlias = tuple[int, Sequence[Delivery], Collection[Subscriber]]
"""The turn of deliveries, and the subscribers that get them all."""


@dataclass(frozen=True, slots=True)
class Post:
    """Events of the reading with the number `turn` (services/feed/reader.py), judged at the time `at`."""

    turn: int
    at: float
    seen: Seen
    events: int = field(init=False)
    size: int = field(init=False)

    def __post_init__(self) -> None:
        positioned = {found for founds in self.seen.values() for found in founds}
        object.__setattr__(self, "events", len(positioned))
        object.__setattr__(self, "size", sum(map(_text_size, positioned)))


@dataclass(frozen=True, slots=True)
class Outlet:
    """The part of the feed that channels need. `spawn` runs a task for as long as the feed is open."""

    quick: StatementConnections
    slow: StatementConnections
    spawn: Callable[[Coroutine[object, object, None], str], object]


class Course:
    """The channels of one topic."""

    def __init__(self, topic: Topic, outlet: Outlet) -> None:
        self._topic = topic
        self._outlet = outlet
        self._joint = Channel(topic, outlet, self._divide)
        self._apart: dict[Hashable, Channel] = {}

    def post(self, post: Post) -> None:
        """Bring these events after those that came before."""
        if self._apart and all(channel.is_quick for channel in self._apart.values()):
            self._apart.clear()
        if self._apart:
            self._post_apart(post)
        else:
            self._joint.post(post)

    @property
    def is_full(self) -> bool:
        """True if many events wait for a topic that is quick, as they do after a large transaction."""
        return not self._apart and self._joint.waiting > BACKLOG // 2

    def _divide(self, posts: Iterable[Post]) -> None:
        for post in posts:
            self._post_apart(post)

    def _post_apart(self, post: Post) -> None:
        groups: dict[Hashable, dict[Viewer, Sequence[PositionedEvent]]] = {}
        for viewer, founds in post.seen.items():
            groups.setdefault(self._topic.renderer.group(viewer), {})[viewer] = founds
        for group, seen in groups.items():
            channel = self._apart.get(group)
            if channel is None:
                channel = self._apart[group] = Channel(self._topic, self._outlet)
            channel.post(Post(post.turn, post.at, seen))


class Channel:
    """The events that some viewers of a topic are still to get, in order, and the task that brings them.

    `divide` takes over what a channel for all viewers cannot bring quickly.
    """

    def __init__(
        self, topic: Topic, outlet: Outlet, divide: Callable[[Iterable[Post]], None] | None = None
    ) -> None:
        self._topic = topic
        self._outlet = outlet
        self._divide = divide
        self._posts: deque[Post] = deque()
        self._under_way: list[Post] = []
        self._running = False
        self._slow = False
        self._at_once = EVENTS
        self._size = 0
        self.waiting = 0
        """Events that were posted and are not being brought yet."""

    @property
    def is_quick(self) -> bool:
        """True if the topic has nothing to do, and its last work was quick."""
        return not self._running and not self._slow

    def post(self, post: Post) -> None:
        """Bring these events after those that came before."""
        self._posts.append(post)
        self.waiting += post.events
        self._size += post.size
        if self.waiting > BACKLOG or self._size > BACKLOG_BYTES:
            self._give_up()
        elif not self._running:
            self._running = True
            self._outlet.spawn(self._run(), "feed-channel")

    def _give_up(self) -> None:
        """Let all who wait here catch up from the feed, each from its first event that is still to come."""
        posts = [*self._under_way, *self._take_all()]
        log.warning("feed_channel_full", subscribers=sum(map(len, self._topic.subscribers.values())))
        for viewer in {viewer for post in posts for viewer in post.seen}:
            for subscriber in [*self._topic.subscribers.get(viewer, ())]:
                missed = (post for post in posts if viewer in post.seen and subscriber.hears(post.turn))
                if first := next(missed, None):
                    subscriber.fall_behind(first.seen[viewer][0].begin)

    def _take_all(self) -> list[Post]:
        posts = [*self._posts]
        self._posts.clear()
        self.waiting = self._size = 0
        return posts

    async def _run(self) -> None:
        try:
            while self._posts:
                self._under_way = self._next()
                await self._bring()
        except Exception as error:  # a fault of ours: no subscriber is to wait for ever
            log.error("feed_channel_broken", **described(error))  # noqa: TRY400 - it may quote a row
            self._end_all(error)
        except asyncio.CancelledError:
            self._end_all(interrupted())
            raise
        finally:
            self._under_way = []
            self._running = False

    def _end_all(self, error: Exception) -> None:
        for post in (*self._under_way, *self._take_all()):
            _end(self._listeners(post, post.seen), error)

    def _next(self) -> list[Post]:
        """The next posts, as many as are loaded together."""
        posts = [self._posts.popleft()]
        events = posts[0].events
        while self._posts and events + self._posts[0].events <= self._at_once:
            posts.append(self._posts.popleft())
            events += posts[-1].events
        self.waiting -= events
        self._size -= sum(post.size for post in posts)
        return posts

    async def _bring(self) -> None:
        if not self._slow:
            try:
                rendered = await self._render(self._outlet.quick, [post.seen for post in self._under_way])
            except TooSlow:
                if self._divide is not None:
                    self._divide([*self._under_way, *self._take_all()])
                    return
                self._slow = True
                self._at_once = 1
            else:
                await self._push(self._under_way, rendered)
                return
        for post in self._under_way:
            await self._bring_slowly(post)

    async def _bring_slowly(self, post: Post) -> None:
        """Few events at a time, more the quicker it goes, and asking anew who may see what waited."""
        clock = asyncio.get_running_loop().time
        for part in _parts(post.seen, self._at_once):
            if not self._listeners(post, part):
                return
            seen = await self._judged(part) if clock() - post.at > _OLD else part
            started = clock()
            rendered = await self._render(self._outlet.slow, [seen], self._note_time)
            await self._push([post], rendered)
            if clock() - started > _LONG:
                self._at_once = max(1, self._at_once // 2)
            elif clock() - started < _FEW:
                self._at_once = min(EVENTS, 2 * self._at_once)

    def _note_time(self, seconds: float) -> None:
        self._slow = seconds > QUICK_SECONDS / 2

    async def _judged(self, seen: Seen) -> Seen:
        """The events that the viewers may still see."""
        acquire = self._outlet.quick.for_account(self._account([seen]))
        asked = {self._topic: (_positioned(seen), [*seen])}
        judged = await retry(partial(seen_by, acquire, asked, fail), "feed_not_dispatched")
        through = judged.get(self._topic, {})
        return {
            viewer: [found for found in founds if found in through.get(viewer, ())]
            for viewer, founds in seen.items()
        }

    async def _render(
        self,
        connections: StatementConnections,
        seen: Sequence[Seen],
        note: Callable[[float], None] | None = None,
    ) -> list[dict[Viewer, Rendered]]:
        """Rendered, again while the database is away."""
        acquire = connections.for_account(self._account(seen), note)
        return await retry(partial(render, acquire, self._topic, seen), "feed_not_dispatched")

    async def _push(self, posts: Sequence[Post], rendered: Sequence[dict[Viewer, Rendered]]) -> None:
        shares: list[Share] = []
        failed: list[tuple[Collection[Subscriber], Exception]] = []
        for post, by_viewer in zip(posts, rendered, strict=True):
            for viewer, found in by_viewer.items():
                listeners = self._listeners(post, [viewer])
                if found.deliveries and listeners:
                    shares.append((post.turn, found.deliveries, listeners))
                if found.error is not None:
                    failed.append((listeners, found.error))
        for pieces in _rounds(shares):
            await keep_pace(await _push(pieces))
        for concerned, error in failed:
            log.warning("feed_selection_failed", **described(error), subscribers=len(concerned))
            _end(concerned, error)

    def _listeners(self, post: Post, viewers: Iterable[Viewer]) -> list[Subscriber]:
        """The subscribers who are to hear of these events as of now."""
        return [
            subscriber
            for viewer in viewers
            for subscriber in self._topic.subscribers.get(viewer, ())
            if subscriber.hears(post.turn)
        ]

    def _account(self, seen: Iterable[Seen]) -> Hashable:
        """The person whose statement it is: None when several people share it."""
        people = {viewer.user_id for by_viewer in seen for viewer in by_viewer}
        return people.pop() if len(people) == 1 else None


def interrupted() -> ServiceUnavailable:
    """The error for subscribers whose task that brings them events was ended."""
    return ServiceUnavailable(
        "The delivery of events was interrupted. Subscribe again with `after` set to the cursor in "
        "`extensions`: nothing is lost."
    )


def fail(topic: Topic, viewers: Collection[Viewer] | None, error: Exception) -> None:
    """End the subscribers of these viewers of a topic, or all of them."""
    for viewer in [*topic.subscribers] if viewers is None else viewers:
        _end(topic.subscribers.get(viewer, ()), error)


def _end(subscribers: Iterable[Subscriber], error: Exception) -> None:
    for subscriber in [*subscribers]:
        if subscriber.is_live:
            subscriber.end(error)


def _positioned(seen: Seen) -> list[PositionedEvent]:
    """All events, for all viewers, in the order of the reading."""
    found = {found for founds in seen.values() for found in founds}
    return sorted(found, key=lambda found: found.event.number)


def _parts(seen: Seen, events: int) -> Iterator[Seen]:
    positioned = _positioned(seen)
    for start in range(0, len(positioned), events):
        part = {*positioned[start : start + events]}
        yield {
            viewer: mine
            for viewer, founds in seen.items()
            if (mine := [found for found in founds if found in part])
        }


def _text_size(found: PositionedEvent) -> int:
    """The size of a log entry's text in an event, which can be long; the rest of an event is small."""
    return len((found.event.new or {}).get("message") or "")


def _rounds(shares: Iterable[Share]) -> Iterator[list[Share]]:
    """Cut what is long for a subscriber into pieces, and take the first of all, then the second of all."""
    cut = [[(turn, piece, heard) for piece in _pieces(deliveries)] for turn, deliveries, heard in shares]
    for pieces in zip_longest(*cut):
        yield [piece for piece in pieces if piece is not None]


def _pieces(deliveries: Sequence[Delivery]) -> Iterator[Sequence[Delivery]]:
    start = size = 0
    for place, delivery in enumerate(deliveries):
        if size and size + len(delivery.payload) > _ROUND:
            yield deliveries[start:place]
            start, size = place, 0
        size += len(delivery.payload)
    yield deliveries[start:]


async def _push(shares: Iterable[Share]) -> list[Subscriber]:
    """All who got something; what they could write at once is written."""
    reached: list[Subscriber] = []
    for turn, deliveries, listeners in shares:
        for subscriber in listeners:
            if not subscriber.hears(turn):  # it fell behind meanwhile, and may have caught up
                continue
            subscriber.push(deliveries)
            reached.append(subscriber)
            if not len(reached) % _SUBSCRIBERS_IN_A_TURN:
                await asyncio.sleep(0)
    await asyncio.sleep(0)
    return reached
