"""Values that an event remembers of its row, as the API spells them."""

from collections.abc import Callable, Mapping
from typing import Any

from gql.planner.catalog import Column
from gql.planner.column_types import ColumnType
from gql.types.types import CATALOG
from services.feed.events import ChangeEvent
from services.feed.topics import PositionedEvent

COLUMNS: Mapping[str, Mapping[str, Column]] = {
    table.table: {column.name: column for column in table.columns.values()}
    for table in CATALOG.types.values()
}
"""The readable columns of a table by their names in the database."""

TYPE_NAMES: Mapping[str, str] = {table.table: table.name for table in CATALOG.types.values()}
KEY_KINDS: Mapping[str, ColumnType] = {
    table.table: table.node_key.kind for table in CATALOG.types.values() if table.node_key is not None
}


def has_number(table: str) -> bool:
    """True if rows of the table have a number for their key; the feed keeps every key as text."""
    return KEY_KINDS[table].is_number


def old(column: str) -> Callable[[PositionedEvent], object]:
    """The value of a watched column before the change."""
    return lambda found: _spelt(found.event.table, column, found.event.old)


def new(column: str) -> Callable[[PositionedEvent], object]:
    """The value of a watched column after the change; of a deleted row, the last one."""
    return lambda found: _spelt(found.event.table, column, found.event.new or found.event.old)


def key_of(found: PositionedEvent) -> object:
    """The primary key of the event's row."""
    return found.event.key


def changed_fields(found: PositionedEvent) -> list[str]:
    """The watched fields that have another value than before."""
    columns = COLUMNS[found.event.table]
    return [
        columns[column].field
        for column in found.event.new or found.event.old or {}
        if column in columns and found.event.changed(column)
    ]


def fields_before(found: PositionedEvent) -> dict[str, object] | None:
    """The watched fields before the change; None for a new row."""
    return _fields(found.event.table, found.event.old)


def fields_after(found: PositionedEvent) -> dict[str, object] | None:
    """The watched fields after the change; None for a deleted row."""
    return _fields(found.event.table, found.event.new)


def now(event: ChangeEvent, column: str) -> Any:
    """A watched column after the change, or as a deleted row had it last, in the database's spelling."""
    return (event.new or event.old or {}).get(column)


def _fields(table: str, row: Mapping[str, Any] | None) -> dict[str, object] | None:
    if row is None:
        return None
    columns = COLUMNS[table]
    return {columns[column].field: _spelt(table, column, row) for column in row if column in columns}


def _spelt(table: str, column: str, row: Mapping[str, Any] | None) -> object:
    value = (row or {}).get(column)
    choices = COLUMNS[table][column].choices
    return value if choices is None or value is None else choices(value).name
