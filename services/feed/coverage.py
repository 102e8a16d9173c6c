"""Columns that the feed tells of: a change of any other one becomes no event."""

from collections.abc import Mapping
from functools import cache

from models import metadata
from models.feed import WATCHES


def is_covered(columns: Mapping[str, frozenset[str]]) -> bool:
    """True if every change that concerns these columns, by table, becomes an event.

    New and deleted rows of a watched table do, and changes of its columns that are recorded or noticed. Its
    keys and `created_at` do not change.
    """
    told = _told()
    return all(table in told and read <= told[table] for table, read in columns.items())


@cache
def _told() -> Mapping[str, frozenset[str]]:
    complete = (watch for watch in WATCHES if watch.deletes)
    return {watch.table: _lasting(watch.table) | {*watch.told} for watch in complete}


def _lasting(table: str) -> frozenset[str]:
    """The columns by which a row is known to others, and when it was made."""
    referred = {key.column for other in metadata.tables.values() for key in other.foreign_keys}
    return frozenset(
        column.name
        for column in metadata.tables[table].columns
        if column.primary_key or column in referred or column.name == "created_at"
    )
