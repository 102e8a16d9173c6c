"""A topic: all who asked for the same, so that an event is loaded and encoded once for all of them."""

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias
from uuid import UUID

from models.policy import Viewer
from services.feed.cursors import Cursor, CursorCodec
from services.feed.events import Batch, ChangeEvent
from services.feed.statement_connections import Acquire
from services.feed.subscribers import Subscriber

Ancestry: TypeAlias = Mapping[UUID, Collection[UUID]]
"""For each instance that a batch speaks of, itself and the instances above it in the tree."""


class PositionedEvent:
    """An event in its batch; `cursor` is the place right after it, written when first asked for.

    `past` is the place in the batch of the event before it, empty for the first.
    """

    __slots__ = ("_batch", "_codec", "_cursor", "_past", "event")

    def __init__(self, event: ChangeEvent, batch: Batch, codec: CursorCodec, past: bytes = b"") -> None:
        self.event = event
        self._batch = batch
        self._codec = codec
        self._past = past
        self._cursor = ""

    @property
    def begin(self) -> Cursor:
        """The place right before it."""
        return Cursor(self._batch.before, self._batch.after, self._past)

    @property
    def cursor(self) -> str:
        """Opaque text, the same for every subscriber."""
        if not self._cursor:
            self._cursor = self._codec.encode(self._batch.cursor(self.event))
        return self._cursor


def positioned_events(batch: Batch, codec: CursorCodec, past: bytes) -> list[PositionedEvent]:
    """The events of a batch in order; `past` is the place of the event before the first of them."""
    found = []
    for event in batch.events:
        found.append(PositionedEvent(event, batch, codec, past))
        past = event.place
    return found


class Renderer(Protocol):
    """Turns events into GraphQL responses."""

    def group(self, viewer: Viewer) -> Hashable:
        """Equal for viewers to whom an event that they may see looks the same, down to the last byte."""

    async def warm_up(self, acquire: Acquire, viewer: Viewer) -> None:
        """Load nothing in the way in which an event for `viewer` will be loaded."""

    async def render(
        self, acquire: Acquire, wanted: Sequence[tuple[PositionedEvent, Viewer]]
    ) -> Sequence[str]:
        """A response for each event and viewer, in order; the viewer may see the event."""


@dataclass(frozen=True, slots=True)
class Filter:
    """The events of a topic. `subtree_of`: those of an instance and of everything below it.

    `replays` says of an event that the topic is about whether it still concerns those who resume after it.
    """

    tables: frozenset[str]
    project_id: UUID | None = None
    subtree_of: UUID | None = None
    accepts: Callable[[ChangeEvent], bool] = lambda event: True
    replays: Callable[[ChangeEvent], bool] = lambda event: True

    def matches(self, event: ChangeEvent, ancestry: Ancestry) -> bool:
        """True if subscribers of this topic hear of `event`, if they may see its row."""
        return (
            event.table in self.tables
            and (self.project_id is None or self.project_id == event.project_id)
            and (self.subtree_of is None or self.subtree_of in _line_of(event, ancestry))
            and self.accepts(event)
        )


def _line_of(event: ChangeEvent, ancestry: Ancestry) -> Collection[UUID]:
    return () if event.instance_id is None else ancestry.get(event.instance_id, ())


@dataclass(eq=False, slots=True)
class Topic:
    """`key` is equal for subscriptions that ask for the same: selection, arguments and variables.

    `written` is told of each event that was written to a client, for every client again.
    """

    key: Hashable
    filter: Filter
    renderer: Renderer
    written: Callable[[ChangeEvent], None] | None = None
    subscribers: dict[Viewer, set[Subscriber]] = field(default_factory=dict)


class Topics:
    """The topics in use, found by table and project."""

    def __init__(self) -> None:
        self._by_key: dict[Hashable, Topic] = {}
        self._by_place: dict[tuple[str, UUID | None], dict[Topic, None]] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Topic]:
        return iter([*self._by_key.values()])

    def get(self, key: Hashable) -> Topic | None:
        """The topic in use with this key."""
        return self._by_key.get(key)

    def current(self, topic: Topic) -> Topic:
        """The topic in use with the same key, if there is one."""
        return self._by_key.get(topic.key, topic)

    def join(self, topic: Topic, subscriber: Subscriber) -> None:
        """Add a subscriber to the topic in use with this key."""
        topic = self._by_key.setdefault(topic.key, topic)
        if not topic.subscribers:
            for table in topic.filter.tables:
                self._by_place.setdefault((table, topic.filter.project_id), {})[topic] = None
        topic.subscribers.setdefault(subscriber.viewer, set()).add(subscriber)

    def leave(self, topic: Topic, subscriber: Subscriber) -> None:
        """Take a subscriber out, if it is in; a topic without any is forgotten."""
        topic = self.current(topic)
        alike = topic.subscribers.get(subscriber.viewer, set())
        if subscriber not in alike:
            return
        alike.discard(subscriber)
        if not alike:
            del topic.subscribers[subscriber.viewer]
        if not topic.subscribers:
            del self._by_key[topic.key]
            for table in topic.filter.tables:
                place = self._by_place[table, topic.filter.project_id]
                del place[topic]
                if not place:
                    del self._by_place[table, topic.filter.project_id]

    def about(self, event: ChangeEvent) -> list[Topic]:
        """The topics whose table and project fit; their other conditions are still to be asked."""
        anywhere = self._by_place.get((event.table, None), {})
        here = self._by_place.get((event.table, event.project_id), {}) if event.project_id else {}
        return [*anywhere, *here]
