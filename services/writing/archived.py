"""An archived project rests: nothing is added to it, started in it or changed, until it is restored."""

from functools import cache
from typing import Final

from sqlalchemy import Table

from models import metadata
from services.core.database import WriteConnection
from services.core.errors import Conflict

_BELONG_TO_PEOPLE: Final = frozenset({"sessions", "worktrees"})
"""What their people change also while the project rests; nothing new of it comes in, and nothing starts."""

_BEHIND: Final = ("cc_instances", "tasks")
"""Tables through which logs, calls, instructions and dependencies belong to a project."""


@cache
def is_at_rest(table_name: str, row: str) -> str:
    """SQL that is true for a row, called `row`, of an archived project."""
    ways = _ways(metadata.tables[table_name])
    return f"({' OR '.join(f'EXISTS ({way.format(row=row)})' for way in ways.values())})" if ways else "false"


def columns_at_rest(table_name: str) -> frozenset[str]:
    """The columns of a row by which `is_at_rest` decides."""
    return frozenset(_ways(metadata.tables[table_name]))


def rests_with_project(table_name: str) -> bool:
    """Whether rows of the table are not changed while their project is archived."""
    return table_name not in _BELONG_TO_PEOPLE


def archived(field: str) -> Conflict:
    """What the caller is told."""
    return Conflict("This project is archived; restoreProject brings it back first.", field=field)


async def require_active(connection: WriteConnection, table_name: str, key: object, field: str) -> None:
    """Return when the project of the row with this key is not archived. Else `Conflict`."""
    found = await connection.exec_driver_sql(
        f"SELECT 1 FROM {table_name} t WHERE t.id = $1 AND {is_at_rest(table_name, 't')}", (key,)
    )
    if found.first() is not None:
        raise archived(field)


def _ways(table: Table) -> dict[str, str]:
    """Subqueries from a row to the archived project that it belongs to, by the column that leads there."""
    targets = {column.name: key.column for column in table.columns for key in column.foreign_keys}
    direct = {
        name: f"SELECT FROM projects p WHERE p.{target.name} = {{row}}.{name} AND p.status = 'archived'"
        for name, target in targets.items()
        if target.table.name == "projects"
    }
    return direct or {
        name: f"SELECT FROM {target.table.name} near JOIN projects p USING (project_id)"
        f" WHERE near.id = {{row}}.{name} AND p.status = 'archived'"
        for name, target in targets.items()
        if target.table.name in _BEHIND
    }
