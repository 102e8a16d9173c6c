"""Joins facts about the same thing, in one batch and with what earlier ones told: by field the heaviest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from services.fleet import activities
from services.fleet.activities import Event
from services.fleet.facts import Fact, Kind
from services.fleet.precedence import FIELDS, REPEATED, Together, Weight, weigh

_EVENTS: Final = "events"
HOME: Final = "home"
WRITTEN: Final = "written"
"""What digestion has written itself where people may write too, beside the fields."""


@dataclass(slots=True)
class Entity:
    """All that is told of one thing. `name` is what Claude Code calls it within the session.

    `values` holds those of this batch, and the kept ones of earlier batches; `changed` names the fields whose
    value this batch has changed. `home` is the session that has the row, where another one was there first.
    """

    kind: Kind
    name: str
    weights: dict[str, Weight] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    written: dict[str, Any] = field(default_factory=dict)
    home: str | None = None

    def take(self, fact: Fact) -> None:
        """Join a fact about this thing."""
        fields = FIELDS[self.kind]
        for name, value in fact.values.items():
            if isinstance(fields[name], Together):
                event = activities.event(fact, *value)
                if event is not None:
                    self._join([event])
                continue
            self._weigh(name, weigh(fact, name, value), value)

    def end(self, at: int) -> None:
        """Note that the server has ended this instance, at so many microseconds since 1970."""
        self._join([(at, at, activities.SERVER_GONE, False, "")])

    def take_stored(self, told: Mapping[str, Any]) -> None:
        """Join what earlier batches told, as `stored` gave it; what is heavier stays changed."""
        for name, entry in told.items():
            if name == _EVENTS:
                before = list(self.events)
                self.events = activities.joined(before, entry)
                if self.events == [tuple(event) for event in entry]:
                    self.changed.discard(_EVENTS)
            elif name == WRITTEN:
                self.written = dict(entry)
            elif name == HOME:
                self.home = entry
            elif name in FIELDS[self.kind]:
                weight = tuple(entry[0])
                if name not in self.weights or self.weights[name] <= weight:
                    self.weights[name] = weight
                    self.changed.discard(name)
                    if len(entry) > 1:
                        self.values[name] = entry[1]
                    else:
                        self.values.pop(name, None)

    def stored(self) -> dict[str, Any]:
        """The values and weights that later batches need."""
        fields = FIELDS[self.kind]
        told: dict[str, Any] = {
            name: [weight, self.values.get(name)] if fields[name].kept else [weight]
            for name, weight in self.weights.items()
        }
        if self.home is not None:
            told[HOME] = self.home
        if self.events:
            told[_EVENTS] = self.events
        if self.written:
            told[WRITTEN] = self.written
        return told

    def join(self, other: "Entity") -> None:
        """Take what was told of the same thing in another session; which line told it stays its own."""
        for name, weight in other.weights.items():
            if name not in REPEATED and name in other.values:
                self._weigh(name, weight, other.values[name])

    def give_up(self, home: str) -> None:
        """Leave the row to another session. Of an instance all stays known, as it may go on in this one."""
        if self.home != home:
            self.home = home
            self.changed.add(HOME)
        if self.kind is not Kind.INSTANCE:
            self.weights = {name: self.weights[name] for name in REPEATED if name in self.weights}
            self.values = {name: self.values[name] for name in REPEATED if name in self.values}
            self.changed &= {*REPEATED, HOME}

    def come_home(self) -> None:
        """Have a row in this session."""
        if self.home is not None:
            self.home = None
            self.changed.add(HOME)

    def _weigh(self, name: str, weight: Weight, value: Any) -> None:
        known = self.weights.get(name)
        if known is None or weight > known:
            self.weights[name], self.values[name] = weight, value
            self.changed.add(name)

    def _join(self, told: Iterable[Event]) -> None:
        joined = activities.joined(self.events, told)
        if joined != self.events:
            self.events = joined
            self.changed.add(_EVENTS)


def gathered(facts: Iterable[Fact]) -> dict[str, dict[tuple[Kind, str], Entity]]:
    """Facts joined, by session and by what they speak of."""
    found: dict[str, dict[tuple[Kind, str], Entity]] = {}
    for fact in facts:
        entities = found.setdefault(fact.session, {})
        entity = entities.get((fact.kind, fact.id))
        if entity is None:
            entity = entities[fact.kind, fact.id] = Entity(fact.kind, fact.id)
        entity.take(fact)
    return found
