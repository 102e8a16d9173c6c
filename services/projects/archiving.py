"""Archived projects: set aside, and moved out of the way by maintenance (decisions 22 and 175)."""

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from uuid import UUID

from sqlalchemy import CursorResult, Table
from sqlalchemy.dialects.postgresql import JSONB

from models import metadata
from models.enums import ProjectStatus
from services.core.database import WriteConnection
from services.core.errors import Conflict
from services.writing.action import Action
from services.writing.declaration import Kept, Moved, Unlinked
from services.writing.rows import lock_row
from services.writing.tables import DECLARED, TABLES

PROJECTS: Final = TABLES["projects"]

Keeping: TypeAlias = Moved | Kept | Unlinked
"""What is declared of a table of which something comes back."""

ARCHIVES: Final[Mapping[Table, Keeping]] = MappingProxyType(
    {
        table: declared.archive
        for table in metadata.sorted_tables
        if (declared := DECLARED.get(table.name)) is not None and isinstance(declared.archive, Keeping)
    }
)
"""What is declared of each table that a project takes along, those first to which others refer."""

_BY: Final = [
    (table, key.parent.name, key.column)
    for table, archive in reversed(list(ARCHIVES.items()))
    for key in table.foreign_keys
    if key.parent.name in archive.by
]
"""The columns by which rows leave, and to what they refer; those first to which no other refers."""

IS_RETURNING: Final = (
    "EXISTS (SELECT FROM project_archive_rows AS mark"
    " WHERE mark.project_id = {project_id} AND mark.table_name = 'projects')"
)
"""Whether a project is being brought back: a row that stands for the project says so, and since when."""

DUE: Final = (
    "status = 'archived' AND archived_at < $1::timestamptz"
    " - INTERVAL '1 day' * ccgraph_setting('archive.projects_after_days')"
    f" AND NOT {IS_RETURNING.format(project_id='projects.project_id')}"
)
"""Which projects are to be moved at the moment $1; none without that figure in system_settings."""

_ARCHIVE: Final = "UPDATE projects SET status = 'archived', archived_at = now() WHERE id = $1"
_REMOVE: Final = "DELETE FROM projects WHERE project_id = $1"

Keys: TypeAlias = list[tuple[Any, ...]]
"""The keys of rows, each with the values of all columns of the primary key."""

_NEXT: Final = (
    f"SELECT project_id FROM projects WHERE {DUE} AND project_id <> ALL ($2::uuid[])"
    " ORDER BY archived_at LIMIT 1 FOR UPDATE SKIP LOCKED"
)

_NEW_PROJECT: Final = (
    "t.project_id = $1 AND NOT EXISTS (SELECT FROM projects_archive AS known WHERE known.project_id = $1)"
)
# Batches that began before there was a row of the archive refer to it and do not hold it: they wait for no
# batch that holds it thus, and waits for the project, which they hold.
_ARCHIVE_OF: Final = "SELECT 1 FROM projects_archive WHERE id = $1 FOR NO KEY UPDATE"
_STAY: Final = "DELETE FROM project_archive_rows WHERE project_id = $1 AND table_name = 'projects'"
ARCHIVE_ROW: Final = "SELECT 1 FROM projects_archive WHERE project_id = $1 FOR NO KEY UPDATE"
_STILL_DUE: Final = f"SELECT 1 FROM projects WHERE {DUE} AND project_id = $2 FOR UPDATE"


async def archive(action: Action, project: int) -> None:
    """Set a project aside, as its owner. Repeating it changes nothing; one that comes back stays archived.

    Raises: NotFound, Forbidden, and Conflict while an instance of it runs.
    """
    async with action.transaction(id=project) as transaction:
        # Batches hold the row of the archive first, too.
        await transaction.connection.exec_driver_sql(_ARCHIVE_OF, (project,))
        row = await lock_row(transaction, PROJECTS, project)
        if row["status"] == ProjectStatus.ARCHIVED:
            await transaction.connection.exec_driver_sql(_STAY, (row["project_id"],))
            return
        running = await transaction.connection.exec_driver_sql(
            "SELECT count(*) FROM cc_instances WHERE project_id = $1 AND status = 'RUNNING'",
            (row["project_id"],),
        )
        count = running.scalar_one()
        if count:
            raise Conflict(f"Running instances of this project: {count}. Stop them first.", field="input.id")
        await transaction.connection.exec_driver_sql(_ARCHIVE, (project,))


async def next_due(connection: WriteConnection, at: datetime, except_for: Collection[UUID]) -> UUID | None:
    """The UUID of the project that has been archived longest, if it is due and no other process holds it."""
    found = await connection.exec_driver_sql(_NEXT, (at, list(except_for)))
    project_id: UUID | None = found.scalar()
    return project_id


class Bounded:
    """Statements of one batch, which PostgreSQL cancels after some seconds in sum."""

    def __init__(self, connection: WriteConnection, seconds: float) -> None:
        self._connection = connection
        self._ends = time.monotonic() + seconds

    async def do(self, statement: str, *parameters: Any) -> CursorResult[Any]:
        """Run one. Raises: DBAPIError of QueryCanceledError when the time is over."""
        left = max(1, round(1000 * (self._ends - time.monotonic())))
        await self._connection.exec_driver_sql(f"SET LOCAL statement_timeout = {left}")
        return await self._connection.exec_driver_sql(statement, parameters)

    async def find_by_index(self) -> None:
        """Find rows by the index of their column from now on: estimates from before rows went are wrong."""
        for way in ("seqscan", "hashjoin", "mergejoin"):
            await self._connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")


class Departure:
    """Moves a project into the archive tables in batches, with all that belongs to it; nothing of it is lost.

    Each batch is a transaction of its caller's. Between two of them each row is in one place, and the project
    in both: it can be restored, or moved on by another process.
    """

    def __init__(self, project_id: UUID, at: datetime) -> None:
        self.project_id = project_id
        self.moved: Counter[str] = Counter()
        """How many rows went, or lost their links, by table; of batches that were undone, too."""
        self.is_over = False
        """Whether the project has gone."""
        self._at = at
        self._ways = [
            (table, condition)
            for table, column, _ in _BY
            if (condition := _of_project(table, column)) is not None
        ]

    async def batch(self, connection: WriteConnection, most: int, seconds: float = 3600.0) -> int:
        """Move about `most` rows; gives how many. PostgreSQL cancels it after some `seconds` in sum.

        0 says that there is nothing more to do, since the project has gone or is not due any more.
        """
        batch = Bounded(connection, seconds)
        await batch.do(ARCHIVE_ROW, self.project_id)
        due = await batch.do(_STILL_DUE, self._at, self.project_id)
        if due.scalar() is None:
            return 0
        await batch.do(_set_aside(PROJECTS.table, _NEW_PROJECT), self.project_id)
        await batch.find_by_index()
        moved, ways = 0, list(self._ways)
        while ways and moved < most:
            table, condition = ways[0]
            keys = await self._found(batch, table, condition, most - moved)
            if not keys:
                del ways[0]
            moved += await self._take(batch, table, keys)
        if not ways:
            await batch.do(_REMOVE, self.project_id)
            self.is_over = True
        self._ways = ways  # what a batch has done that is undone is to be done again
        return moved + self.is_over

    async def _found(self, batch: Bounded, table: Table, condition: str, most: int) -> Keys:
        """Rows for which a condition holds, those first to which no other row of their table refers."""
        names = ", ".join(f"t.{name}" for name in key_of(table))
        query = f"SELECT {names} FROM {table.name} t WHERE {condition}"
        alone = [
            f" AND NOT EXISTS (SELECT FROM {table.name} AS o WHERE o.{key.parent.name} = t.{key.column.name})"
            for key in table.foreign_keys
            if key.column.table is table
        ]
        for leaves in [*alone, ""]:
            found = await batch.do(f"{query}{leaves} LIMIT {most} FOR UPDATE OF t", self.project_id)
            if keys := [tuple(row) for row in found]:
                return keys
        return []

    async def _take(self, batch: Bounded, table: Table, keys: Keys) -> int:
        """Move these rows, which are held, and before them what belongs to the project by them."""
        if not keys:
            return 0
        taken = 0
        for other, column, target in _BY:
            if target.table is table and other is not table:
                names = ", ".join(f"t.{name}" for name in key_of(other))
                found = await batch.do(
                    f"SELECT {names} FROM {other.name} t WHERE t.{column} = ANY ($1) FOR UPDATE OF t",
                    [row[key_of(table).index(target.name)] for row in keys],
                )
                taken += await self._take(batch, other, [tuple(row) for row in found])
        columns = [list(column) for column in zip(*keys, strict=True)]
        for statement in departure(table):
            await batch.do(statement, self.project_id, *columns)
        self.moved[table.name] += len(keys)
        return taken + len(keys)


def departure(table: Table) -> tuple[str, str]:
    """SQL that stores rows of a table for the archive, and SQL that takes them out or cuts their links.

    $1 is the project; from $2 on there is an array for each column of the key.
    """
    archive = ARCHIVES[table]
    chosen = " AND ".join(f"t.{name} = ANY (${number})" for number, name in enumerate(key_of(table), 2))
    chosen = f"$1::uuid IS NOT NULL AND {chosen}"  # some need the project, and none may leave it out
    change = f"DELETE FROM {table.name} t WHERE {chosen}"
    if isinstance(archive, Unlinked):
        change = f"UPDATE {table.name} t SET {_cut(table, archive.links)} WHERE {chosen}"
    return _set_aside(table, chosen), change


def _of_project(table: Table, column: str) -> str | None:
    """A condition for rows `t` of the project $1, by a column; None where they are not found at once."""
    [key] = table.c[column].foreign_keys
    target = key.column
    if target.table is PROJECTS.table:
        number = f"(SELECT {target.name} FROM projects WHERE project_id = $1)"
        return f"t.{column} = {'$1' if target.name == 'project_id' else number}"
    if "project_id" not in target.table.c:
        return None
    return f"t.{column} IN (SELECT {target.name} FROM {target.table.name} WHERE project_id = $1)"


def _cut(table: Table, links: Sequence[str]) -> str:
    """SQL that sets the links into the project to null, and no others."""
    return ", ".join(
        f"{name} = CASE WHEN NOT ({_of_project(table, name)}) THEN t.{name} END" for name in links
    )


def _set_aside(table: Table, condition: str) -> str:
    """SQL that stores rows of a table for the archive."""
    match ARCHIVES[table]:
        case Moved(_, instead):
            return copied(table.name, f"{table.name}_archive", condition, **instead)
        case Kept():
            return _kept(table.name, _whole(table.name), condition)
        case Unlinked(_, links):
            return _kept(table.name, _object(*key_of(table), *links), condition)


def key_of(table: Table) -> list[str]:
    """The columns of the primary key."""
    return [column.name for column in table.primary_key]


def copied(source: str, target: str, condition: str = "true", rows: str = "", **instead: str) -> str:
    """Copies the columns that both tables have, of all rows of the source or of a query `rows`.

    `instead` are SQL expressions by column of the target.
    """
    known = metadata.tables[source].c
    values = {
        column.name: instead.get(column.name, f"t.{column.name}")
        for column in metadata.tables[target].c
        if column.name in instead or column.name in known
    }
    values.pop("moved_at", None)
    return (
        f"INSERT INTO {target} ({', '.join(values)}) SELECT {', '.join(values.values())}"
        f" FROM {rows or source} t WHERE {condition}"
    )


def _whole(table: str) -> str:
    """A row as JSON in which a column that holds the JSON value null can be told from an empty one."""
    missing = (
        f" - CASE WHEN t.{name} IS NULL THEN '{name}' ELSE '' END" for name in sorted(json_columns(table))
    )
    return f"to_jsonb(t){''.join(missing)}"


def json_columns(table: str) -> set[str]:
    """The columns whose values are JSON."""
    return {column.name for column in metadata.tables[table].c if isinstance(column.type, JSONB)}


def _kept(table: str, content: str, condition: str) -> str:
    return (
        "INSERT INTO project_archive_rows (project_id, table_name, content)"
        f" SELECT $1, '{table}', {content} FROM {table} t WHERE {condition}"
    )


def _object(*columns: str) -> str:
    pairs = ", ".join(f"'{name}', t.{name}" for name in columns)
    return f"jsonb_build_object({pairs})"
