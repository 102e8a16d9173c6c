"""What a subscription field is made of: its arguments, the events it is about, and the fields of an event."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from gql.scalars import format_moment
from gql.subscriptions.values import changed_fields, has_number
from services.errors import BadInput
from services.feed.events import ChangeEvent
from services.feed.topics import Filter, Occurrence

AFTER = "after"


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a subscription field. Every one may be left out, unless `type_text` says otherwise."""

    name: str
    type_text: str
    description: str


@dataclass(frozen=True, slots=True)
class Value:
    """A field of an event whose value stands in the feed, ready for JSON."""

    name: str
    type_text: str
    description: str
    of: Callable[[Occurrence], object]


@dataclass(frozen=True, slots=True)
class RowField:
    """A field of an event that is a row of a table, loaded for whatever is selected below it.

    It is the row that the event tells of, which whoever hears of the event was found to see; or another one,
    whose primary key `other` gives. Where events are of several tables, `types` has the type for each, and
    `type_name` is the interface that they implement.
    """

    name: str
    type_name: str
    description: str
    other: Callable[[ChangeEvent], object] | None = None
    types: Mapping[str, str] | None = None

    def key(self, event: ChangeEvent) -> object:
        """The primary key of the row, None for none."""
        if self.other is not None:
            return self.other(event)
        return int(event.key) if has_number(event.table) else event.key

    def type_of(self, table: str) -> str:
        """The type of the row when the event is of this table."""
        return self.type_name if self.types is None else self.types[table]


EventField: TypeAlias = Value | RowField


class Arguments:
    """The arguments that a client gave, coerced. `null` is refused: it could mean "all" or "none"."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        for name, value in given.items():
            if value is None and name != AFTER:
                raise BadInput(f"Leave `{name}` out instead of passing null.", field=name)
        self._given = given

    def uuid(self, name: str) -> UUID | None:
        """A UUID, None when it was left out."""
        value = self._given.get(name)
        return value if value is None or isinstance(value, UUID) else UUID(str(value))

    def number(self, name: str) -> int | None:
        """A whole number, None when it was left out."""
        value: int | None = self._given.get(name)
        return value

    def text(self, name: str) -> str | None:
        """A text, None when it was left out."""
        value: str | None = self._given.get(name)
        return value

    def choices(self, name: str) -> frozenset[str] | None:
        """The members of an enum as the database spells them, None when the argument was left out."""
        value = self._given.get(name)
        return None if value is None else frozenset(str(member.value) for member in value)

    def texts(self, name: str) -> frozenset[str] | None:
        """A list of texts, None when it was left out."""
        value = self._given.get(name)
        return None if value is None else frozenset(value)


@dataclass(frozen=True, slots=True)
class Stream:
    """One field of Subscription. `event` is the name of its type, which implements `Event`."""

    field: str
    event: str
    description: str
    event_description: str
    arguments: tuple[Argument, ...]
    fields: tuple[EventField, ...]
    filter: Callable[[Arguments], Filter]


PROJECT = Argument("projectId", "Optional[UUID]", "Only events of this project.")
SUBTREE = Argument("subtreeOf", "Optional[UUID]", "Only events of this instance and of all below it.")
COMMON_ARGUMENTS = (
    Argument(
        AFTER,
        "Optional[String]",
        "The cursor of the last event received: first come the events since, then live ones. "
        "Left out or null, the stream begins now.",
    ),
)
OPERATION = Value(
    "operation", "ChangeOperation", "What happened to the row.", lambda found: found.event.operation
)
CHANGED_FIELDS = Value(
    "changedFields",
    "List[String]",
    "The watched fields that have another value than before; all of a new or deleted row.",
    changed_fields,
)
COMMON_FIELDS: tuple[EventField, ...] = (
    Value(
        "cursor",
        "String",
        "The place right after this event; pass it as `after` to go on from here.",
        lambda found: found.cursor,
    ),
    Value("at", "DateTime", "When it happened.", lambda found: format_moment(found.event.at)),
    RowField(
        "actor",
        "User",
        "Who did it; null when the change did not come through the API.",
        other=lambda event: event.actor_id,
    ),
)
