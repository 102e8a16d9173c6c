"""Takes events to subscribers: asks once who may see them, loads and encodes once for all who asked alike."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from models.policy import Viewer
from services.database import Reader
from services.feed.audience import audience
from services.feed.events import ChangeEvent
from services.feed.lineage import ancestry_of
from services.feed.subscribers import Delivery, Subscriber
from services.feed.topics import Ancestry, Occurrence, Topic

Listeners: TypeAlias = Mapping[Viewer, Collection[Subscriber]]
Sight: TypeAlias = set[tuple[int, int]]
"""Pairs (event number, users.id) that the policies let through."""
Share: TypeAlias = tuple[list[Delivery], Collection[Subscriber]]
"""Deliveries, and the subscribers that get them all."""

_PUSHES_IN_A_TURN = 5_000
"""After so many the connections get a turn to write."""
_GLANCE = 0.005


@dataclass(slots=True)
class Reach:
    """How many subscribers a dispatch reached, and which of them are behind."""

    subscribers: int = 0
    behind: list[Subscriber] = field(default_factory=list)

    async def drain(self, patience: float | None) -> None:
        """While most are behind, wait for them: at most `patience` seconds, None without end."""
        started = asyncio.get_running_loop().time()
        while 2 * len(self.behind) > self.subscribers:
            if patience is not None and asyncio.get_running_loop().time() - started > patience:
                return
            await asyncio.sleep(_GLANCE)
            self.behind = [subscriber for subscriber in self.behind if subscriber.congested]


async def dispatch(
    pool: Reader,
    occurrences: Sequence[Occurrence],
    topics: Callable[[ChangeEvent], Iterable[Topic]],
    listeners: Callable[[Topic], Listeners],
) -> Reach:
    """Render and push `occurrences`, in order, to whoever listens to one of their `topics` and may see them.

    When it raises, nothing was pushed.
    """
    matched = await _match(pool, occurrences, topics)
    heard = {topic: listeners(topic) for topic in matched}
    sight = await _sight(pool, matched, heard)
    rendered = await asyncio.gather(
        *(_render(topic, found, heard[topic], sight) for topic, found in matched.items())
    )
    return await _push(share for shares in rendered for share in shares)


async def _push(shares: Iterable[Share]) -> Reach:
    reach = Reach()
    pushed = 0
    for deliveries, subscribers in shares:
        reach.subscribers += len(subscribers)
        for subscriber in subscribers:
            for delivery in deliveries:
                subscriber.push(delivery)
            if subscriber.congested:
                reach.behind.append(subscriber)
            pushed += len(deliveries)
            if pushed >= _PUSHES_IN_A_TURN:
                pushed = 0
                await asyncio.sleep(0)
    return reach


async def _match(
    pool: Reader, occurrences: Sequence[Occurrence], topics: Callable[[ChangeEvent], Iterable[Topic]]
) -> dict[Topic, list[Occurrence]]:
    candidates = [(topic, occurrence) for occurrence in occurrences for topic in topics(occurrence.event)]
    instances = {found.event.instance_id for topic, found in candidates if topic.filter.subtree_of}
    ancestry: Ancestry = {}
    if instances:
        async with pool.acquire() as connection:
            ancestry = await ancestry_of(connection, [instance for instance in instances if instance])
    matched: dict[Topic, list[Occurrence]] = defaultdict(list)
    for topic, occurrence in candidates:
        if topic.filter.matches(occurrence.event, ancestry):
            matched[topic].append(occurrence)
    return matched


async def _sight(
    pool: Reader, matched: Mapping[Topic, Sequence[Occurrence]], heard: Mapping[Topic, Listeners]
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
    async with pool.acquire() as connection:
        return await audience(connection, [*events.values()], wanted)


async def _render(
    topic: Topic, occurrences: Sequence[Occurrence], listeners: Listeners, sight: Sight
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
    payloads = await topic.renderer.render([*wanted.values()])
    deliveries = {
        key: Delivery(payload, found.cursor)
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


def _visible(occurrences: Iterable[Occurrence], viewer: Viewer, sight: Sight) -> Iterator[Occurrence]:
    for occurrence in occurrences:
        if viewer.is_admin or (occurrence.event.number, viewer.user_id) in sight:
            yield occurrence
