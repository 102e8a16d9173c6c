"""Archived projects: set aside, moved out of the way by maintenance, and brought back (decision 22)."""

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
from services.core.errors import Conflict, Forbidden
from services.core.principal import Principal
from services.writing.action import Action
from services.writing.declaration import Kept, Moved, Unlinked
from services.writing.permissions import VIEWER, predicates
from services.writing.rows import lock_row
from services.writing.tables import DECLARED, TABLES

_TABLE: Final = TABLES["projects"]

Keeping: TypeAlias = Moved | Kept | Unlinked
"""What is declared of a table of which something comes back."""

_ARCHIVES: Final[Mapping[Table, Keeping]] = MappingProxyType(
    {
        table: declared.archive
        for table in metadata.sorted_tables
        if (declared := DECLARED.get(table.name)) is not None and isinstance(declared.archive, Keeping)
    }
)
"""What is declared of each table that a project takes along, those first to which others refer."""

_BY: Final = [
    (table, key.parent.name, key.column)
    for table, archive in reversed(list(_ARCHIVES.items()))
    for key in table.foreign_keys
    if key.parent.name in archive.by
]
"""The columns by which rows leave, and to what they refer; those first to which no other refers."""

DUE: Final = (
    "status = 'archived' AND archived_at < $1::timestamptz"
    " - INTERVAL '1 day' * ccgraph_setting('archive.projects_after_days')"
)
"""Which projects are to be moved at the moment $1; none without that figure in system_settings."""

Keys: TypeAlias = list[tuple[Any, ...]]
"""The keys of rows, each with the values of all columns of the primary key."""

_NEXT: Final = (
    f"SELECT project_id FROM projects WHERE {DUE} AND project_id <> ALL ($2::uuid[])"
    " ORDER BY archived_at LIMIT 1 FOR UPDATE SKIP LOCKED"
)

_NEW_PROJECT: Final = (
    "t.project_id = $1 AND NOT EXISTS (SELECT FROM projects_archive AS known WHERE known.project_id = $1)"
)
_ARCHIVE_ROW: Final = "SELECT 1 FROM projects_archive WHERE project_id = $1 FOR UPDATE"
_STILL_DUE: Final = f"SELECT 1 FROM projects WHERE {DUE} AND project_id = $2 FOR UPDATE"
# What was estimated before rows went is wrong by then: the rows are found by the index of their column.
_BY_INDEX: Final = (
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
)


async def archive(action: Action, project: int) -> None:
    """Set a project aside, as its owner. Repeating it changes nothing.

    Raises `NotFound`, `Forbidden`, and `Conflict` while an instance of it runs.
    """
    async with action.transaction(id=project) as transaction:
        row = await lock_row(transaction, _TABLE, project)
        if row["status"] == ProjectStatus.ARCHIVED:
            return
        running = await transaction.connection.exec_driver_sql(
            "SELECT count(*) FROM cc_instances WHERE project_id = $1 AND status = 'RUNNING'",
            (row["project_id"],),
        )
        count = running.scalar_one()
        if count:
            raise Conflict(f"Running instances of this project: {count}. Stop them first.", field="input.id")
        await transaction.connection.exec_driver_sql(
            "UPDATE projects SET status = 'archived', archived_at = now() WHERE id = $1", (project,)
        )


async def restore(action: Action, project: int) -> None:
    """Make an archived project active, as its owner, wherever it is; one that is not archived stays as it is.

    Raises `NotFound` or `Forbidden`.
    """
    async with action.transaction(id=project) as transaction:
        moved = await _archived(transaction.connection, action.principal, project)
        if moved is not None:
            await bring_back(transaction.connection, moved)
            return
        row = await lock_row(transaction, _TABLE, project)
        if row["status"] == ProjectStatus.ARCHIVED:
            await transaction.connection.exec_driver_sql(
                "UPDATE projects SET status = 'active', archived_at = NULL WHERE id = $1", (project,)
            )


async def next_due(connection: WriteConnection, at: datetime, except_for: Collection[UUID]) -> UUID | None:
    """The UUID of the project that has been archived longest, if it is due and no other process holds it."""
    found = await connection.exec_driver_sql(_NEXT, (at, list(except_for)))
    project_id: UUID | None = found.scalar()
    return project_id


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
        self._ends = 0.0
        self._ways = [
            (table, condition)
            for table, column, _ in _BY
            if (condition := _of_project(table, column)) is not None
        ]

    async def batch(self, connection: WriteConnection, most: int, seconds: float = 3600.0) -> int:
        """Move about `most` rows; gives how many. PostgreSQL cancels it after some `seconds` in sum.

        0 says that there is nothing more to do, since the project has gone or is not due any more.
        """
        self._ends = time.monotonic() + seconds
        await self._do(connection, _ARCHIVE_ROW, self.project_id)
        due = await self._do(connection, _STILL_DUE, self._at, self.project_id)
        if due.scalar() is None:
            return 0
        await self._do(connection, _set_aside(_TABLE.table, _NEW_PROJECT), self.project_id)
        for setting in _BY_INDEX.split("; "):
            await connection.exec_driver_sql(setting)
        moved = 0
        while self._ways and moved < most:
            table, condition = self._ways[0]
            keys = await self._found(connection, table, condition, most - moved)
            if not keys:
                del self._ways[0]
            moved += await self._take(connection, table, keys)
        if not self._ways:
            await self._do(connection, "DELETE FROM projects WHERE project_id = $1", self.project_id)
            self.is_over = True
        return moved + self.is_over

    async def _found(self, connection: WriteConnection, table: Table, condition: str, most: int) -> Keys:
        """Rows for which a condition holds, those first to which no other row of their table refers."""
        names = ", ".join(f"t.{name}" for name in _key(table))
        query = f"SELECT {names} FROM {table.name} t WHERE {condition}"
        alone = [
            f" AND NOT EXISTS (SELECT FROM {table.name} AS o WHERE o.{key.parent.name} = t.{key.column.name})"
            for key in table.foreign_keys
            if key.column.table is table
        ]
        for leaves in [*alone, ""]:
            found = await self._do(
                connection, f"{query}{leaves} LIMIT {most} FOR UPDATE OF t", self.project_id
            )
            if keys := [tuple(row) for row in found]:
                return keys
        return []

    async def _take(self, connection: WriteConnection, table: Table, keys: Keys) -> int:
        """Move these rows, which are held, and before them what belongs to the project by them."""
        if not keys:
            return 0
        taken = 0
        for other, column, target in _BY:
            if target.table is table and other is not table:
                names = ", ".join(f"t.{name}" for name in _key(other))
                found = await self._do(
                    connection,
                    f"SELECT {names} FROM {other.name} t WHERE t.{column} = ANY ($1) FOR UPDATE OF t",
                    [row[_key(table).index(target.name)] for row in keys],
                )
                taken += await self._take(connection, other, [tuple(row) for row in found])
        archive = _ARCHIVES[table]
        chosen = " AND ".join(f"t.{name} = ANY (${number})" for number, name in enumerate(_key(table), 2))
        chosen = f"$1::uuid IS NOT NULL AND {chosen}"  # some need the project, and none may leave it out
        change = f"DELETE FROM {table.name} t WHERE {chosen}"
        if isinstance(archive, Unlinked):
            change = f"UPDATE {table.name} t SET {_cut(table, archive.links)} WHERE {chosen}"
        columns = [list(column) for column in zip(*keys, strict=True)]
        for statement in (_set_aside(table, chosen), change):
            await self._do(connection, statement, self.project_id, *columns)
        self.moved[table.name] += len(keys)
        return taken + len(keys)

    async def _do(self, connection: WriteConnection, statement: str, *parameters: Any) -> CursorResult[Any]:
        left = max(1, round(1000 * (self._ends - time.monotonic())))
        await connection.exec_driver_sql(f"SET LOCAL statement_timeout = {left}")
        return await connection.exec_driver_sql(statement, parameters)


async def bring_back(connection: WriteConnection, project_id: UUID) -> None:
    """The reverse of a departure, as far as that has come; the project is active then.

    A link to a row that has been deleted meanwhile stays empty, as it would be without the archive. Sessions
    and worktrees that were given to another project since stay there.
    """
    statements = [
        *(_back(table, archive) for table, archive in _ARCHIVES.items() if isinstance(archive, Moved | Kept)),
        *(
            _linked(table, archive.links)
            for table, archive in _ARCHIVES.items()
            if isinstance(archive, Unlinked)
        ),
        "UPDATE projects SET status = 'active', archived_at = NULL"
        " WHERE project_id = $1 AND status = 'archived'",
        "DELETE FROM projects_archive WHERE project_id = $1",
    ]
    for statement in statements:
        await connection.exec_driver_sql(statement, (project_id,))


async def _archived(connection: WriteConnection, principal: Principal, project: int) -> UUID | None:
    """The UUID of a moved project, held; None where there is none that the caller may see."""
    seen, changed = predicates(principal, "projects_archive")
    found = await connection.exec_driver_sql(
        f"SELECT t.project_id, {changed} AS changeable FROM projects_archive t"
        f" WHERE t.id = $1 AND {VIEWER} IS NOT NULL AND {seen} FOR UPDATE OF t",
        (project, principal.user_id),
    )
    row = found.mappings().one_or_none()
    if row is None:
        return None
    if not row["changeable"]:
        raise Forbidden("Only its owner restores an archived project.", field="input.id")
    key: UUID = row["project_id"]
    return key


def _of_project(table: Table, column: str) -> str | None:
    """Which rows `t` belong to the project $1 by a column; None where that is not found at once."""
    [key] = table.c[column].foreign_keys
    target = key.column
    if target.table is _TABLE.table:
        number = f"(SELECT {target.name} FROM projects WHERE project_id = $1)"
        return f"t.{column} = {'$1' if target.name == 'project_id' else number}"
    if "project_id" not in target.table.c:
        return None
    return f"t.{column} IN (SELECT {target.name} FROM {target.table.name} WHERE project_id = $1)"


def _cut(table: Table, links: Sequence[str]) -> str:
    """What sets links to what belongs to the project to null, and no others."""
    return ", ".join(
        f"{name} = CASE WHEN NOT ({_of_project(table, name)}) THEN t.{name} END" for name in links
    )


def _set_aside(table: Table, condition: str) -> str:
    """What stores rows of a table for the archive."""
    match _ARCHIVES[table]:
        case Moved(_, instead):
            return _copied(table.name, f"{table.name}_archive", condition, **instead)
        case Kept():
            return _kept(table.name, _whole(table.name), condition)
        case Unlinked(_, links):
            return _kept(table.name, _object(*_key(table), *links), condition)


def _back(table: Table, archive: Moved | Kept) -> str:
    if isinstance(archive, Kept):
        return _inserted(table.name)
    # The trigger on sessions and worktrees counts them again.
    counted = {"total_sessions": "0", "total_worktrees": "0"}
    active = {"status": "'active'", "archived_at": "NULL", **counted} if table is _TABLE.table else {}
    # One whose departure was not over is there.
    missing = f"NOT EXISTS (SELECT FROM {table.name} AS there WHERE there.project_id = $1)"
    condition = f"t.project_id = $1 AND {missing}" if table is _TABLE.table else "t.project_id = $1"
    return _copied(f"{table.name}_archive", table.name, condition, **active)


def _key(table: Table) -> list[str]:
    return [column.name for column in table.primary_key]


def _copied(source: str, target: str, condition: str, **instead: str) -> str:
    """Copies the columns that both tables have; `instead` are SQL expressions by column of the target."""
    known = metadata.tables[source].c
    values = {
        column.name: instead.get(column.name, f"t.{column.name}")
        for column in metadata.tables[target].c
        if column.name in instead or column.name in known
    }
    values.pop("moved_at", None)
    return (
        f"INSERT INTO {target} ({', '.join(values)}) SELECT {', '.join(values.values())}"
        f" FROM {source} t WHERE {condition}"
    )


def _whole(table: str) -> str:
    """A row as JSON in which a column that holds the JSON value null can be told from an empty one."""
    missing = (
        f" - CASE WHEN t.{name} IS NULL THEN '{name}' ELSE '' END" for name in sorted(_json_columns(table))
    )
    return f"to_jsonb(t){''.join(missing)}"


def _json_columns(table: str) -> set[str]:
    return {column.name for column in metadata.tables[table].c if isinstance(column.type, JSONB)}


def _kept(table: str, content: str, condition: str) -> str:
    return (
        "INSERT INTO project_archive_rows (project_id, table_name, content)"
        f" SELECT $1, '{table}', {content} FROM {table} t WHERE {condition}"
    )


def _object(*columns: str) -> str:
    pairs = ", ".join(f"'{name}', t.{name}" for name in columns)
    return f"jsonb_build_object({pairs})"


def _rows(table: str) -> str:
    """The rows of a table that are kept for the project $1, as `r`."""
    return (
        f"project_archive_rows a CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, a.content) AS r"
        f" WHERE a.project_id = $1 AND a.table_name = '{table}'"
    )


def _inserted(table: str) -> str:
    columns = [column.name for column in metadata.tables[table].c]
    of_json = _json_columns(table)
    values = [f"a.content -> '{name}'" if name in of_json else _if_there(table, name) for name in columns]
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM {_rows(table)}"


def _linked(linked: Table, links: Sequence[str]) -> str:
    table, key = linked.name, _key(linked)
    chosen = ", ".join(
        [*(f"r.{name}" for name in key), *(f"{_if_there(table, name)} AS {name}" for name in links)]
    )
    same = " AND ".join(f"t.{name} = r.{name}" for name in key)
    assigned = ", ".join(f"{name} = COALESCE(t.{name}, r.{name})" for name in links)
    return f"UPDATE {table} t SET {assigned} FROM (SELECT {chosen} FROM {_rows(table)}) AS r WHERE {same}"


def _if_there(table: str, name: str) -> str:
    """`r`'s column, NULL where the row of another table that it points to is gone."""
    for key in metadata.tables[table].c[name].foreign_keys:
        target = key.column.table.name
        if target != table:
            return (
                f"(SELECT there.{key.column.name} FROM {target} AS there"
                f" WHERE there.{key.column.name} = r.{name})"
            )
    return f"r.{name}"
