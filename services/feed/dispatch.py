"""Takes events to subscribers: asks once who may see them, loads and encodes once for all who asked alike."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, zip_longest
from typing import TypeAlias

from models.policy import Viewer
from services.feed.audience import audience
from services.feed.backpressure import Patience
from services.feed.events import ChangeEvent
from services.feed.lineage import ancestry_of
from services.feed.statement_connections import Lend
from services.feed.subscribers import Delivery, Subscriber
from services.feed.topics import Ancestry, Occurrence, Topic

Listeners: TypeAlias = Mapping[Viewer, Collection[Subscriber]]
Sight: TypeAlias = set[tuple[int, int]]
"""Pairs (event number, users.id) that the policies let through."""
Share: TypeAlias = tuple[Sequence[Delivery], Collection[Subscriber]]
"""Deliveries, and the subscribers that get them all."""

_SUBSCRIBERS_IN_A_TURN = 250
"""After so many the connections get a turn to write, and clients begin to read."""
_ROUND = 262_144
"""Bytes for one subscriber before it gets a turn: what is long is no reason to be called slow."""


async def dispatch(
    lend: Lend,
    occurrences: Sequence[Occurrence],
    topics: Callable[[ChangeEvent], Iterable[Topic]],
    listeners: Callable[[Topic], Listeners],
    patience: Patience,
) -> None:
    """Render and push `occurrences`, in order, to whoever listens to one of their `topics` and may see them.

    It waits with `patience` for those who are behind. When it raises, nothing was pushed.
    """
    matched = await _match(lend, occurrences, topics)
    heard = {topic: listeners(topic) for topic in matched}
    sight = await _sight(lend, matched, heard)
    rendered = await asyncio.gather(
        *(_render(lend, topic, found, heard[topic], sight) for topic, found in matched.items())
    )
    for shares in _rounds(chain.from_iterable(rendered)):
        await patience.drain(await _push(shares))


def _rounds(shares: Iterable[Share]) -> Iterator[list[Share]]:
    """Cut what is long for a subscriber into pieces, and take the first of all, then the second of all."""
    cut = [[(piece, subscribers) for piece in _pieces(deliveries)] for deliveries, subscribers in shares]
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
    """Everybody who got something; what they could write at once is written."""
    reached: list[Subscriber] = []
    for deliveries, subscribers in shares:
        for subscriber in subscribers:
            subscriber.push(deliveries)
            reached.append(subscriber)
            if not len(reached) % _SUBSCRIBERS_IN_A_TURN:
                await asyncio.sleep(0)
    await asyncio.sleep(0)
    return reached


async def _match(
    lend: Lend, occurrences: Sequence[Occurrence], topics: Callable[[ChangeEvent], Iterable[Topic]]
) -> dict[Topic, list[Occurrence]]:
    candidates = [(topic, occurrence) for occurrence in occurrences for topic in topics(occurrence.event)]
    instances = {found.event.instance_id for topic, found in candidates if topic.filter.subtree_of}
    ancestry: Ancestry = {}
    if instances:
        async with lend("ancestry") as connection:
            ancestry = await ancestry_of(connection, [instance for instance in instances if instance])
    matched: dict[Topic, list[Occurrence]] = defaultdict(list)
    for topic, occurrence in candidates:
        if topic.filter.matches(occurrence.event, ancestry):
            matched[topic].append(occurrence)
    return matched


async def _sight(
    lend: Lend, matched: Mapping[Topic, Sequence[Occurrence]], heard: Mapping[Topic, Listeners]
) -> Sight:
    wanted: dict[int, set[int]] = defaultdict(set)
    events: dict[int, ChangeEvent] = {}
    for topic, occurrences in matched.items():
        people = {viewer.user_id for viewer in heard[topic] if not viewer.is_admin}
        for occurrence in occurrences if people else ():
            events[occurrence.event.number] = occurrence.event
            wanted[occurrence.event.number] |= people
    if not wanted:
        return set()
    async with lend("audience") as connection:
        return await audience(connection, [*events.values()], wanted)


async def _render(
    lend: Lend, topic: Topic, occurrences: Sequence[Occurrence], listeners: Listeners, sight: Sight
) -> list[Share]:
    """What each viewer's subscribers get; viewers to whom an event looks the same share its rendering."""
    seen = {viewer: [*_visible(occurrences, viewer, sight)] for viewer in listeners}
    wanted: dict[tuple[int, Hashable], tuple[Occurrence, Viewer]] = {}
    for viewer, founds in seen.items():
        group = topic.renderer.group(viewer)
        for found in founds:
            wanted.setdefault((found.event.number, group), (found, viewer))
    if not wanted:
        return []
    payloads = await topic.renderer.render(lend, [*wanted.values()])
    deliveries = {
        key: Delivery(payload.encode(), found.cursor, written=_written(topic, found.event))
        for (key, (found, _)), payload in zip(wanted.items(), payloads, strict=True)
    }
    return [
        (
            [deliveries[found.event.number, topic.renderer.group(viewer)] for found in founds],
            listeners[viewer],
        )
        for viewer, founds in seen.items()
        if founds
    ]


def _written(topic: Topic, event: ChangeEvent) -> Callable[[], None] | None:
    return None if topic.written is None else partial(topic.written, event)


def _visible(occurrences: Iterable[Occurrence], viewer: Viewer, sight: Sight) -> Iterator[Occurrence]:
    for occurrence in occurrences:
        if viewer.is_admin or (occurrence.event.number, viewer.user_id) in sight:
            yield occurrence
