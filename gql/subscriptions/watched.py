"""Subscriptions to watched tables, derived from the columns of each table."""

from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from gql.planner.catalog import Column
from gql.planner.names import lower_first, upper_first
from gql.subscriptions.streams import Argument, RowField, Value
from gql.subscriptions.values import COLUMNS, KEY_KINDS, TYPE_NAMES, key_of, new, now, old
from gql.types.builder import SCALAR_NAMES, scalar_name
from services.feed.events import ChangeEvent


def routed(name: str, kind: str, description: str) -> Argument:
    """An argument for one of the ids by which the feed routes: `instanceId` for `event.instance_id`."""
    id_of = attrgetter(f"{name.removesuffix('Id')}_id")

    def accepts(event: ChangeEvent, wanted: object) -> bool:
        return bool(id_of(event) == wanted)

    return Argument(name, f"Optional[{kind}]", description, accepts)


@dataclass(frozen=True, slots=True)
class Watched:
    """A watched table. Descriptions call a row `noun`; an event's field with the row is `row_field`."""

    table: str
    noun: str
    row_field: str = ""

    @property
    def row(self) -> RowField:
        """The row itself."""
        description = f"The {self.noun} as it is now; null when it is gone."
        return RowField(self._row_name, TYPE_NAMES[self.table], description)

    @property
    def key(self) -> Value:
        """The primary key of the row, which outlives it."""
        kind = SCALAR_NAMES[KEY_KINDS[self.table]]
        return Value(f"{self._row_name}Id", kind, f"Key of the {self.noun}.", key_of)

    def before(self, column: str) -> Value:
        """`previousStatus` for the column status."""
        known = self._column(column)
        return Value(
            f"previous{upper_first(known.field)}",
            f"Optional[{scalar_name(known)}]",
            f"The {known.field} before; null for a new {self.noun}.",
            old(column),
        )

    def after(self, column: str, description: str = "") -> Value:
        """The column itself, null where the row may be without."""
        known = self._column(column)
        name = scalar_name(known)
        kind = f"Optional[{name}]" if known.nullable else name
        return Value(known.field, kind, description or f"The {known.field} after.", new(column))

    def among(self, name: str, column: str, description: str) -> Argument:
        """An argument for a list of values that the column may have after the change."""

        def accepts(event: ChangeEvent, wanted: frozenset[Any]) -> bool:
            return now(event, column) in wanted

        return Argument(name, f"Optional[List[{scalar_name(self._column(column))}]]", description, accepts)

    def equal(self, name: str, column: str, description: str) -> Argument:
        """An argument for the one value that the column is to have after the change."""

        def accepts(event: ChangeEvent, wanted: object) -> bool:
            return bool(now(event, column) == str(wanted))

        return Argument(name, f"Optional[{scalar_name(self._column(column))}]", description, accepts)

    @property
    def _row_name(self) -> str:
        return self.row_field or lower_first(TYPE_NAMES[self.table])

    def _column(self, column: str) -> Column:
        return COLUMNS[self.table][column]
