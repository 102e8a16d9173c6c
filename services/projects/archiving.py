"""Archived projects: set aside, moved out of the way by maintenance, and brought back (decision 22)."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import FromClause, Table
from sqlalchemy.dialects.postgresql import JSONB

from models import metadata
from models.enums import ProjectStatus
from services.core.database import WriteConnection
from services.core.errors import Conflict, Forbidden
from services.core.principal import Principal
from services.writing.action import Action
from services.writing.declaration import Kept, Lost, Moved, Unlinked
from services.writing.permissions import VIEWER, predicates
from services.writing.rows import lock_row
from services.writing.tables import DECLARED, TABLES

_TABLE: Final = TABLES["projects"]

_WITH_ARCHIVE: Final = [
    (table, declared.archive)
    for table in metadata.sorted_tables
    if (declared := DECLARED.get(table.name)) is not None and declared.archive is not None
]
"""What is declared of each table that a project takes along, those first to which others refer."""

DUE: Final = (
    "status = 'archived' AND archived_at < $1::timestamptz"
    " - INTERVAL '1 day' * ccgraph_setting('archive.projects_after_days')"
)
"""Which projects are to be moved at the moment $1; none without that figure in system_settings."""

_NEXT: Final = (
    f"SELECT project_id FROM projects WHERE {DUE} AND project_id <> ALL ($2::uuid[])"
    " ORDER BY archived_at LIMIT 1 FOR UPDATE SKIP LOCKED"
)

# No row is added to the project, its instances or tasks while they are moved.
_HOLD: Final = (
    "SELECT 1 FROM projects WHERE project_id = $1 FOR UPDATE",
    "SELECT 1 FROM cc_instances WHERE project_id = $1 ORDER BY id FOR UPDATE",
    "SELECT 1 FROM tasks WHERE project_id = $1 ORDER BY id FOR UPDATE",
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
    """Hold the project that has been archived longest, if it is due, for `move`; its UUID.

    Several processes at once get different projects.
    """
    found = await connection.exec_driver_sql(_NEXT, (at, list(except_for)))
    project_id: UUID | None = found.scalar()
    return project_id


async def move(connection: WriteConnection, project_id: UUID) -> None:
    """Move a project into the archive tables, with all that belongs to it; nothing of it is lost."""
    for statement in _HOLD:
        await connection.exec_driver_sql(statement, (project_id,))
    statements = [
        *(_set_aside(table, archive) for table, archive in _WITH_ARCHIVE if not isinstance(archive, Lost)),
        # What would stay, and lose its links, when the project goes: those last to which others refer.
        *(
            f"DELETE FROM {table.name} t WHERE {archive.condition}"
            for table, archive in reversed(_WITH_ARCHIVE)
            if isinstance(archive, Moved | Kept) and not _is_deleted_with_project(table)
        ),
        "DELETE FROM projects WHERE project_id = $1",
    ]
    for statement in statements:
        await connection.exec_driver_sql(statement, (project_id,))


async def bring_back(connection: WriteConnection, project_id: UUID) -> None:
    """The reverse of `move`; the project is active then.

    A link to a row that has been deleted meanwhile stays empty, as it would be without the archive. Sessions
    and worktrees that were given to another project since stay there.
    """
    statements = [
        *(_back(table, archive) for table, archive in _WITH_ARCHIVE if isinstance(archive, Moved | Kept)),
        *(_linked(table, archive.links) for table, archive in _WITH_ARCHIVE if isinstance(archive, Unlinked)),
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


def _is_deleted_with_project(table: FromClause) -> bool:
    """Whether PostgreSQL deletes the rows of a table with their project (decision 21)."""
    return table is _TABLE.table or any(
        _is_deleted_with_project(key.column.table)
        for column in table.columns
        for key in column.foreign_keys
        if key.ondelete == "CASCADE" and key.column.table is not table
    )


def _set_aside(table: Table, archive: Moved | Kept | Unlinked) -> str:
    """What stores the rows of a table for the archive."""
    match archive:
        case Moved(condition, instead):
            return _copied(table.name, f"{table.name}_archive", condition, **instead)
        case Kept(condition):
            return _kept(table.name, _whole(table.name), condition)
        case Unlinked(condition, links):
            return _kept(table.name, _object(*_key(table), *links), condition)


def _back(table: Table, archive: Moved | Kept) -> str:
    if isinstance(archive, Kept):
        return _inserted(table.name)
    # The trigger on sessions and worktrees counts them again.
    counted = {"total_sessions": "0", "total_worktrees": "0"}
    active = {"status": "'active'", "archived_at": "NULL", **counted} if table is _TABLE.table else {}
    return _copied(f"{table.name}_archive", table.name, "t.project_id = $1", **active)


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
