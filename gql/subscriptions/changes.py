"""`changes`: everything that happens in a project, in one stream, causes before effects."""

from gql.subscriptions.streams import (
    CHANGED_FIELDS,
    OPERATION,
    Argument,
    RowField,
    Stream,
    Value,
)
from gql.subscriptions.values import fields_after, fields_before, key_of
from gql.types.builder import derived_enum
from gql.types.types import CATALOG
from models.feed import WATCHES

TYPES = {
    table.table: table.name
    for table in CATALOG.types.values()
    if table.table in {watch.table for watch in WATCHES if watch.project != "NULL"}
}
"""The watched tables whose rows belong to a project, and their types."""

derived_enum(
    "WatchedTable",
    {table.upper(): (table, CATALOG.types[name].description) for table, name in TYPES.items()},
    "A table whose changes can be followed.",
)


CHANGES = Stream(
    field="changes",
    event="ChangeEvent",
    description="All that happens to the rows of a project: an effect never comes before its cause.",
    event_description="A row is new, changed or deleted.",
    tables=frozenset(TYPES),
    tells=lambda event: event.is_recorded,
    table_choice="tables",
    arguments=(
        Argument("projectId", "UUID", "The project."),
        Argument("tables", "Optional[List[WatchedTable]]", "Only changes of these tables."),
    ),
    fields=(
        OPERATION,
        Value("table", "WatchedTable", "The table of the row.", lambda found: found.event.table.upper()),
        Value("key", "String", "Primary key of the row.", key_of),
        CHANGED_FIELDS,
        Value("old", "Optional[JSON]", "The watched fields before; null for a new row.", fields_before),
        Value("new", "Optional[JSON]", "The watched fields after; null for a deleted row.", fields_after),
        RowField("node", "Node", "The row as it is now; null when it is gone.", types=TYPES),
    ),
)
