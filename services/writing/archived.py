"""An archived project rests: nothing is added to it, started in it or changed, until it is restored."""

from functools import cache
from typing import Final

from sqlalchemy import ForeignKey, FromClause, Table

from models import metadata
from services.core.database import WriteConnection
from services.core.errors import Conflict

_PROJECTS: Final = metadata.tables["projects"]


@cache
def archived_condition(table_name: str, row: str) -> str:
    """SQL that is true for a row, called `row`, of an archived project."""
    ways = _ways(metadata.tables[table_name])
    return f"({' OR '.join(f'EXISTS ({way.format(row=row)})' for way in ways.values())})" if ways else "false"


def archiving_columns(table_name: str) -> frozenset[str]:
    """The columns of a row by which `archived_condition` decides."""
    return frozenset(_ways(metadata.tables[table_name]))


def rests_with_project(table_name: str) -> bool:
    """True if rows of the table are not changed while their project is archived.

    What stays when its project is deleted belongs to people, who change it also while the project rests;
    nothing new of it comes in, and nothing starts.
    """
    return all(key.ondelete == "CASCADE" for key in _keys_of_projects(metadata.tables[table_name]))


def archived(field: str) -> Conflict:
    """The error for a change in an archived project."""
    return Conflict("This project is archived; restore it first with restoreProject.", field=field)


async def require_active(connection: WriteConnection, table_name: str, key: object, field: str) -> None:
    """Return when the project of the row with this key is not archived. Else `Conflict`."""
    found = await connection.exec_driver_sql(
        f"SELECT 1 FROM {table_name} t WHERE t.id = $1 AND {archived_condition(table_name, 't')}", (key,)
    )
    if found.first() is not None:
        raise archived(field)


def _ways(table: Table) -> dict[str, str]:
    """Subqueries from a row to the archived project that it belongs to, by the column that leads there."""
    targets = {column.name: key.column for column in table.columns for key in column.foreign_keys}
    direct = {
        key.parent.name: f"SELECT FROM projects p WHERE p.{key.column.name} = {{row}}.{key.parent.name}"
        " AND p.status = 'archived'"
        for key in _keys_of_projects(table)
    }
    return direct or {
        name: f"SELECT FROM {target.table.name} near JOIN projects p USING (project_id)"
        f" WHERE near.id = {{row}}.{name} AND p.status = 'archived'"
        for name, target in targets.items()
        # Logs, calls, instructions and dependencies belong to a project through what goes with it.
        if _goes_with_project(target.table)
    }


def _goes_with_project(table: FromClause) -> bool:
    return any(key.ondelete == "CASCADE" for key in _keys_of_projects(table))


def _keys_of_projects(table: FromClause) -> list[ForeignKey]:
    return [key for column in table.columns for key in column.foreign_keys if key.column.table is _PROJECTS]
