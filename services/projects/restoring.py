"""Archived projects that are brought back in batches, by who asks for it or by maintenance (decision 183)."""

import time
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
from sqlalchemy import Table

from models import metadata
from models.enums import ProjectStatus
from services.core.batches import LOCK_WAIT, LONGEST_SECONDS, MOST_FAILURES, Sizes
from services.core.database import WriteConnection
from services.core.database_errors import driver_error
from services.core.errors import Conflict, Forbidden
from services.core.principal import Principal
from services.projects.archiving import (
    ARCHIVE_ROW,
    ARCHIVES,
    IS_RETURNING,
    PROJECTS,
    Bounded,
    Keeping,
    copied,
    json_columns,
    key_of,
)
from services.writing.action import Action
from services.writing.declaration import Kept, Moved, Unlinked
from services.writing.permissions import VIEWER, predicates
from services.writing.rows import lock_row

RETURNING: Final = IS_RETURNING.format(project_id="projects_archive.project_id")
"""Which rows of projects_archive are of projects that are being brought back."""

_NEXT: Final = (
    f"SELECT project_id FROM projects_archive WHERE {RETURNING} AND project_id <> ALL ($1::uuid[])"
    " ORDER BY moved_at LIMIT 1"
)
_BEGIN: Final = (
    "INSERT INTO project_archive_rows (project_id, table_name, content)"
    " SELECT $1, 'projects', jsonb_build_object('returning_since', now())"
    f" WHERE NOT {IS_RETURNING.format(project_id='$1::uuid')}"
)
_ACTIVATE: Final = "UPDATE projects SET status = 'active', archived_at = NULL WHERE id = $1"
_END: Final = (
    "UPDATE projects SET status = 'active', archived_at = NULL WHERE project_id = $1 AND status = 'archived'",
    "DELETE FROM projects_archive WHERE project_id = $1",
)
_HELD: Final = (
    "Another transaction holds rows of this project. It has come back in part; repeat the mutation, or wait"
    " for maintenance, which brings back the rest."
)


async def restore(action: Action, project: int) -> None:
    """Make an archived project active, as its owner, wherever it is; one that is not archived stays as it is.

    What has been moved comes back in transactions that hold others up for less than a second. Until the last
    one the project is archived; when the process is killed before, the same call or maintenance goes on.

    Raises: NotFound, Forbidden; Conflict where others hold rows of it for long.
    """
    moved = await _begin(action, project)
    if moved is None:
        return
    coming = Return(moved)
    sizes = Sizes(size=200, most=5000)
    failures = 0
    while True:
        begun = time.perf_counter()
        try:
            if not await _batch(action, coming, sizes.size):
                return
        except Exception as error:
            cause = driver_error(error)
            if not isinstance(cause, asyncpg.QueryCanceledError | asyncpg.LockNotAvailableError):
                raise
            failures = 0 if sizes.shrink() else failures + 1
            if failures == MOST_FAILURES:
                raise Conflict(_HELD, field="input.id") from error
        else:
            failures = 0
            sizes.adapt(time.perf_counter() - begun)


async def _begin(action: Action, project: int) -> UUID | None:
    """Note that a moved project is to come back, or make one active that was not moved yet."""
    async with action.transaction(id=project) as transaction:
        moved = await _archived(transaction.connection, action.principal, project)
        if moved is not None:
            await transaction.connection.exec_driver_sql(_BEGIN, (moved,))
            return moved
        row = await lock_row(transaction, PROJECTS, project)
        if row["status"] == ProjectStatus.ARCHIVED:
            await transaction.connection.exec_driver_sql(_ACTIVATE, (project,))
        return None


async def _batch(action: Action, coming: "Return", most: int) -> int:
    async with action.transaction() as transaction:
        transaction.has_changes = False  # the first transaction has traced what was asked for
        await transaction.connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
        return await coming.batch(transaction.connection, most, LONGEST_SECONDS)


async def next_returning(connection: WriteConnection, except_for: Collection[UUID]) -> UUID | None:
    """The UUID of a project that is being brought back."""
    found = await connection.exec_driver_sql(_NEXT, (list(except_for),))
    project_id: UUID | None = found.scalar()
    return project_id


class Return:
    """Brings a project out of the archive tables in batches: the reverse of a `Departure`.

    Each batch is a transaction of its caller's. Between two of them each row is in one place and the project
    in both, archived, so that nothing is added to it; the last one makes it active. Several processes may
    bring the same project back; they take turns.

    A link to a row that has been deleted meanwhile stays empty, as it would be without the archive. Sessions
    and worktrees that were given to another project since stay there.
    """

    def __init__(self, project_id: UUID) -> None:
        self.project_id = project_id
        self.moved: Counter[str] = Counter()
        """How many rows left the archive, by the table that they left; of batches that were undone, too."""
        self.is_over = False
        """Whether this has brought back the last of it."""
        back = [(table, keeping) for table, keeping in ARCHIVES.items() if table is not PROJECTS.table]
        self._ways = [
            *((table, keeping) for table, keeping in back if not isinstance(keeping, Unlinked)),
            *((table, keeping) for table, keeping in back if isinstance(keeping, Unlinked)),
        ]

    async def batch(self, connection: WriteConnection, most: int, seconds: float = 3600.0) -> int:
        """Bring back about `most` rows; gives how many. PostgreSQL cancels it after some `seconds` in sum.

        0 says that there is nothing more to do: all is back, or the project is not to come back any more.
        """
        batch = Bounded(connection, seconds)
        await self._do(batch, ARCHIVE_ROW)
        if not await self._do(batch, f"SELECT {IS_RETURNING.format(project_id='$1::uuid')}"):
            return 0
        await self._do(batch, _PROJECT)
        await batch.find_by_index()
        moved, ways = 0, list(self._ways)
        while ways and moved < most:
            table, keeping = ways[0]
            found = await self._bring(batch, table, keeping, most - moved)
            if not found:
                del ways[0]
            moved += found
        if not ways:
            for statement in _END:
                await self._do(batch, statement)
            self.is_over = True
        self._ways = ways  # what a batch has done that is undone is to be done again
        return moved + self.is_over

    async def _bring(self, batch: Bounded, table: Table, keeping: Keeping, most: int) -> int:
        """Rows of one table, those first that refer to none that is still away."""
        for condition in [*_after_others(table, keeping), None]:
            # What is left refers to itself in a circle: it comes at once.
            limit = "" if condition is None else f" AND {condition} LIMIT {most}"
            found: int = await self._do(batch, arrival(table, keeping, limit)) or 0
            if found:
                source = f"{table.name}_archive" if isinstance(keeping, Moved) else "project_archive_rows"
                self.moved[source] += found
                return found
        return 0

    async def _do(self, batch: Bounded, statement: str) -> Any:
        result = await batch.do(statement, self.project_id)
        return result.scalar() if result.returns_rows else None


async def _archived(connection: WriteConnection, principal: Principal, project: int) -> UUID | None:
    """The UUID of a moved project, held; None where there is none that the caller may see."""
    seen, changed = predicates(principal, "projects_archive")
    found = await connection.exec_driver_sql(
        f"SELECT t.project_id, {changed} AS changeable FROM projects_archive t"
        f" WHERE t.id = $1 AND {VIEWER} IS NOT NULL AND {seen} FOR NO KEY UPDATE OF t",
        (project, principal.user_id),
    )
    row = found.mappings().one_or_none()
    if row is None:
        return None
    if not row["changeable"]:
        raise Forbidden("Only its owner restores an archived project.", field="input.id")
    key: UUID = row["project_id"]
    return key


# The trigger on sessions and worktrees counts them again.
_PROJECT: Final = copied(
    "projects_archive",
    "projects",
    "t.project_id = $1 AND NOT EXISTS (SELECT FROM projects AS there WHERE there.project_id = $1)",
    total_sessions="0",
    total_worktrees="0",
)


def _after_others(table: Table, keeping: Keeping) -> list[str]:
    """Conditions of rows of the archive that refer to no row of their own table which is still away."""
    found = []
    for key in table.foreign_keys:
        if key.column.table is not table or isinstance(keeping, Unlinked):
            continue
        name = key.parent.name
        link = f"t.{name}"
        if isinstance(keeping, Kept):
            link = f"(jsonb_populate_record(NULL::{table.name}, t.content)).{name}"
        there = f"SELECT FROM {table.name} AS there WHERE there.{key.column.name} = {link}"
        found.append(f"({link} IS NULL OR EXISTS ({there}))")
    return [" AND ".join(found)] if found else ["true"]


def arrival(table: Table, keeping: Keeping, condition: str) -> str:
    """SQL that brings back rows of a table and takes them out of the archive; it gives their number."""
    if isinstance(keeping, Moved):
        source, of_table = f"{table.name}_archive", ""
        change = copied(source, table.name, rows="gone")
    else:
        source, of_table = "project_archive_rows", f" AND t.table_name = '{table.name}'"
        change = _inserted(table) if isinstance(keeping, Kept) else _linked(table, keeping.links)
    keys = key_of(metadata.tables[source])
    same = " AND ".join(f"t.{name} = chosen.{name}" for name in keys)
    return (
        f"WITH chosen AS MATERIALIZED (SELECT {', '.join(f't.{name}' for name in keys)} FROM {source} t"
        f" WHERE t.project_id = $1{of_table}{condition} FOR UPDATE OF t),"
        f" gone AS (DELETE FROM {source} t USING chosen WHERE {same} RETURNING t.*),"
        f" back AS ({change}) SELECT count(*) FROM gone"
    )


def _rows(table: str) -> str:
    """The rows that have left the archive, as `r`."""
    return f"gone a CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, a.content) AS r"


def _inserted(table: Table) -> str:
    columns = [column.name for column in table.columns]
    of_json = json_columns(table.name)
    values = [f"a.content -> '{name}'" if name in of_json else _if_there(table, name) for name in columns]
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM {_rows(table.name)}"


def _linked(table: Table, links: Sequence[str]) -> str:
    key = key_of(table)
    chosen = ", ".join(
        [*(f"r.{name}" for name in key), *(f"{_if_there(table, name)} AS {name}" for name in links)]
    )
    same = " AND ".join(f"t.{name} = r.{name}" for name in key)
    assigned = ", ".join(f"{name} = COALESCE(t.{name}, r.{name})" for name in links)
    return (
        f"UPDATE {table} t SET {assigned} FROM (SELECT {chosen} FROM {_rows(table.name)}) AS r WHERE {same}"
    )


def _if_there(table: Table, name: str) -> str:
    """`r`'s column, NULL where the row of another table that it points to is gone."""
    for key in table.c[name].foreign_keys:
        target = key.column.table
        if target is not table:
            return (
                f"(SELECT there.{key.column.name} FROM {target.name} AS there"
                f" WHERE there.{key.column.name} = r.{name})"
            )
    return f"r.{name}"
