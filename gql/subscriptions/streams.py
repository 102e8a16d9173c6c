"""Parts of a subscription field: its arguments, the events it is about, and the fields of an event."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from gql.subscriptions.values import changed_fields, has_number
from services.core.errors import BadInput
from services.feed.events import ChangeEvent
from services.feed.topics import Filter, PositionedEvent

AFTER = "after"


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a subscription field. Every one may be left out, unless `type_text` says otherwise.

    `accepts` says whether an event fits the value that was given; None where the feed itself knows which fit.
    """

    name: str
    type_text: str
    description: str
    accepts: Callable[[ChangeEvent, Any], bool] | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """A field of an event whose value stands in the feed, ready for JSON."""

    name: str
    type_text: str
    description: str
    of: Callable[[PositionedEvent], object]


@dataclass(frozen=True, slots=True)
class RowField:
    """A field of an event that is a row of a table, loaded for whatever is selected below it.

    It is the row that the event tells of, which the subscriber was found to see; or another one,
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

    def value(self, name: str) -> Any:
        """The value as the feed spells it, a list as a set; None when the argument was left out."""
        return _plain(self._given.get(name))


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return frozenset(map(_plain, value)) if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class Stream:
    """One field of Subscription. `event` is the name of its type, which implements `Event`.

    It tells of those changes of `tables` for which `tells` holds; the argument named `table_choice`, if any,
    leaves some of the tables. Who resumes hears of past events only where `replays` holds. `sends` says
    that a row counts as sent when an event of it was written to a client.
    """

    field: str
    event: str
    description: str
    event_description: str
    tables: frozenset[str]
    arguments: tuple[Argument, ...]
    fields: tuple[EventField, ...]
    tells: Callable[[ChangeEvent], bool] = lambda event: True
    table_choice: str = ""
    replays: Callable[[ChangeEvent], bool] = lambda event: True
    sends: bool = False

    def filter(self, given: Arguments) -> Filter:
        """The events that a client with these arguments asks for."""
        conditions = [
            (argument.accepts, value)
            for argument in self.arguments
            if argument.accepts is not None and (value := given.value(argument.name)) is not None
        ]

        def accepts(event: ChangeEvent) -> bool:
            return self.tells(event) and all(fits(event, value) for fits, value in conditions)

        tables = given.value(self.table_choice)
        return Filter(
            self.tables if tables is None else tables,
            given.value(PROJECT.name),
            given.value(SUBTREE.name),
            accepts,
            self.replays,
        )


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
    Value("at", "DateTime", "When it happened.", lambda found: found.event.at),
    RowField(
        "actor",
        "User",
        "Who did it; null when the change did not come through the API.",
        other=lambda event: event.actor_id,
    ),
)
