"""Renders what viewers see, once for all to whom it looks the same; finds whom errors concern."""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from models.policy import Viewer
from services.core.database_errors import is_away
from services.feed.events import ChangeEvent
from services.feed.judging import Seen
from services.feed.statement_connections import Acquire, TooSlow
from services.feed.subscribers import Delivery
from services.feed.topics import PositionedEvent, Topic

Key: TypeAlias = tuple[PositionedEvent, Hashable]
"""An event, and the group of viewers to whom it looks the same."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The deliveries for one viewer; with `error` the subscription ends after these."""

    deliveries: Sequence[Delivery]
    error: Exception | None = None


async def render(acquire: Acquire, topic: Topic, seen: Collection[Seen]) -> list[dict[Viewer, Rendered]]:
    """The deliveries of each viewer, for each of `seen`.

    Events that cannot be rendered are found by halves; they concern only who sees them. Raises: TooSlow, and
    what the database raises while it is away.
    """
    wanted: dict[Key, tuple[PositionedEvent, Viewer]] = {}
    for by_viewer in seen:
        for viewer, founds in by_viewer.items():
            group = topic.renderer.group(viewer)
            for found in founds:
                wanted.setdefault((found, group), (found, viewer))
    results: dict[Key, Delivery | Exception] = {}
    await _render(acquire, topic, [*wanted.items()], results)
    return [
        {viewer: _of_viewer(topic, viewer, founds, results) for viewer, founds in by_viewer.items()}
        for by_viewer in seen
    ]


async def _render(
    acquire: Acquire,
    topic: Topic,
    wanted: Sequence[tuple[Key, tuple[PositionedEvent, Viewer]]],
    results: dict[Key, Delivery | Exception],
) -> None:
    if not wanted:
        return
    try:
        payloads = await topic.renderer.render(acquire, [pair for _, pair in wanted])
    except TooSlow:
        raise
    except Exception as error:
        if is_away(error):
            raise
        if len(wanted) == 1:
            results[wanted[0][0]] = error
            return
        half = len(wanted) // 2
        await _render(acquire, topic, wanted[:half], results)
        await _render(acquire, topic, _hopeful(wanted[half:], results), results)
        return
    for (key, (found, _)), payload in zip(wanted, payloads, strict=True):
        results[key] = Delivery(
            payload.encode(), found.cursor, written=_written(topic, found.event), begin=found.begin
        )


def _hopeful(
    wanted: Sequence[tuple[Key, tuple[PositionedEvent, Viewer]]], results: dict[Key, Delivery | Exception]
) -> list[tuple[Key, tuple[PositionedEvent, Viewer]]]:
    """The pairs that have no error yet: viewers with a group of their own end with its first error."""
    failed = {key[1]: error for key, error in results.items() if isinstance(error, Exception)}
    hopeful = []
    for key, pair in wanted:
        if isinstance(key[1], Viewer) and key[1] in failed:
            results[key] = failed[key[1]]
        else:
            hopeful.append((key, pair))
    return hopeful


def _of_viewer(
    topic: Topic,
    viewer: Viewer,
    founds: Sequence[PositionedEvent],
    results: Mapping[Key, Delivery | Exception],
) -> Rendered:
    group = topic.renderer.group(viewer)
    deliveries: list[Delivery] = []
    for found in founds:
        result = results[found, group]
        if isinstance(result, Exception):
            return Rendered(deliveries, result)
        deliveries.append(result)
    return Rendered(deliveries)


def _written(topic: Topic, event: ChangeEvent) -> Callable[[], None] | None:
    return None if topic.written is None else partial(topic.written, event)
