"""Finds the topics of events and which of their viewers may see them: one statement for all of them.

Where the statement fails, it is taken apart until what fails is known, so an error concerns no other event.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import asyncpg
import structlog

from models.policy import Viewer
from services.core.database_errors import is_away
from services.feed.audience import audience
from services.feed.lineage import ancestry_of
from services.feed.statement_connections import Acquire, TooSlow
from services.feed.topics import Ancestry, PositionedEvent, Topic

log = structlog.get_logger(__name__)

Matched: TypeAlias = Mapping[Topic, Sequence[PositionedEvent]]
Seen: TypeAlias = Mapping[Viewer, Sequence[PositionedEvent]]
"""What each viewer gets, in order."""
Fail: TypeAlias = Callable[[Topic, Collection[Viewer] | None, Exception], None]
"""Told of an error that concerns these viewers of a topic, or all of them."""


@dataclass(slots=True)
class Visible:
    """Pairs (event, users.id) that the policies let through, and those of which it is not known."""

    through: set[tuple[PositionedEvent, int]] = field(default_factory=set)
    unknown: dict[tuple[PositionedEvent, int], Exception] = field(default_factory=dict)

    def sees(self, found: PositionedEvent, viewer: Viewer) -> bool:
        """True if `viewer` gets the event."""
        return viewer.is_admin or (found, viewer.user_id) in self.through


async def match(
    acquire: Acquire,
    positioned: Sequence[PositionedEvent],
    about: Callable[[PositionedEvent], Iterable[Topic]],
    fail: Fail,
) -> Matched:
    """The events that each topic is about, out of those whose table and project fit."""
    candidates: dict[Topic, list[PositionedEvent]] = defaultdict(list)
    for found in positioned:
        for topic in about(found):
            candidates[topic].append(found)
    ancestry: Ancestry = {}
    nested = [topic for topic in candidates if topic.filter.subtree_of]
    if instances := {found.event.instance_id for topic in nested for found in candidates[topic]} - {None}:
        try:
            async with acquire("ancestry") as connection:
                ancestry = await ancestry_of(connection, [instance for instance in instances if instance])
        except Exception as error:
            if is_away(error):
                raise
            for topic in nested:
                fail(topic, None, error)
                del candidates[topic]
    matched = {}
    for topic, founds in candidates.items():
        try:
            fitting = [found for found in founds if topic.filter.matches(found.event, ancestry)]
        except Exception as error:
            fail(topic, None, error)
            continue
        if fitting:
            matched[topic] = fitting
    return matched


async def judge(acquire: Acquire, wanted: Mapping[PositionedEvent, Collection[int]]) -> Visible:
    """The people of `wanted`, by id, who may see each event; all events are of one reading."""
    visible = Visible()
    pairs = [(found, user_id) for found, people in wanted.items() for user_id in sorted(people)]
    await _judge(acquire, pairs, visible)
    return visible


async def _judge(acquire: Acquire, pairs: Sequence[tuple[PositionedEvent, int]], visible: Visible) -> None:
    if not pairs:
        return
    asked: dict[int, set[int]] = defaultdict(set)
    events = {found.event.number: found for found, _ in pairs}
    for found, user_id in pairs:
        asked[found.event.number].add(user_id)
    try:
        async with acquire("audience") as connection:
            through = await audience(connection, [found.event for found in events.values()], asked)
    except Exception as error:
        if is_away(error):
            raise
        if len(pairs) == 1:
            log.error("event_not_judged", **described(error))  # noqa: TRY400 - it may quote a row
            visible.unknown[pairs[0]] = error
            return
        half = len(pairs) // 2
        await _judge(acquire, pairs[:half], visible)
        await _judge(acquire, pairs[half:], visible)
    else:
        visible.through |= {(events[number], user_id) for number, user_id in through}


async def seen_by(
    acquire: Acquire, topics: Mapping[Topic, tuple[Sequence[PositionedEvent], Collection[Viewer]]], fail: Fail
) -> dict[Topic, Seen]:
    """The events that each viewer of each topic gets; viewers of whom that cannot be found out fail."""
    wanted: dict[PositionedEvent, set[int]] = defaultdict(set)
    for positioned, viewers in topics.values():
        if people := {viewer.user_id for viewer in viewers if not viewer.is_admin}:
            for found in positioned:
                wanted[found] |= people
    visible = await judge(acquire, wanted)
    seen: dict[Topic, Seen] = {}
    for topic, (positioned, viewers) in topics.items():
        for viewer in viewers if visible.unknown else ():
            for found in positioned:
                if not viewer.is_admin and (error := visible.unknown.get((found, viewer.user_id))):
                    fail(topic, [viewer], error)
        by_viewer = {
            viewer: [found for found in positioned if visible.sees(found, viewer)] for viewer in viewers
        }
        if by_viewer := {viewer: founds for viewer, founds in by_viewer.items() if founds}:
            seen[topic] = by_viewer
    return seen


def described(error: Exception) -> dict[str, object]:
    """The fields by which a log tells an error: no value of a row."""
    state = error.sqlstate if isinstance(error, asyncpg.PostgresError) else None
    return {"error": type(error).__qualname__, "sqlstate": state, "slow": isinstance(error, TooSlow)}
