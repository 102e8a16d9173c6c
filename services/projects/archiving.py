"""Archived projects: set aside, moved out of the way by maintenance, and brought back (decision 22)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from uuid import UUID

from sqlalchemy.dialects.postgresql import JSONB

from models import metadata
from models.enums import ProjectStatus
from services.core.database import WriteConnection
from services.core.errors import Conflict, Forbidden
from services.core.principal import Principal
from services.writing.action import Action
from services.writing.permissions import VIEWER, predicates
from services.writing.rows import lock_row
from services.writing.tables import TABLES

_TABLE: Final = TABLES["projects"]

_INSTANCES: Final = "(SELECT id FROM cc_instances WHERE project_id = $1)"
_TASKS: Final = "(SELECT id FROM tasks WHERE project_id = $1)"
_MESSAGES: Final = f"(SELECT id FROM mcp_messages WHERE cc_instance_id IN {_INSTANCES})"
_PROJECT: Final = "(SELECT id FROM projects WHERE project_id = $1)"

# In the order in which restoring inserts them; tasks and messages, which have archives of their own, are
# restored between the first two and before the tool calls.
_KEPT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cc_instances": "t.project_id = $1",
        "task_dependencies": f"t.task_id IN {_TASKS} OR t.dependency_task_id IN {_TASKS}",
        **dict.fromkeys(
            ("git_worktrees", "requirements", "features", "websocket_notifications"), "t.project_id = $1"
        ),
        "mcp_tool_calls": f"t.cc_instance_id IN {_INSTANCES} OR t.message_id IN {_MESSAGES}",
        "ultrathink_messages": (
            f"t.parent_instance_id IN {_INSTANCES} OR t.child_instance_id IN {_INSTANCES}"
            f" OR t.task_id IN {_TASKS}"
        ),
    }
)
"""Which rows `t` leave with the project whose UUID is $1, and are kept whole."""

_OF_LOGS: Final = f"t.cc_instance_id IN {_INSTANCES} OR t.task_id IN {_TASKS}"
_LINKED: Final[Mapping[str, tuple[str, tuple[str, ...], tuple[str, ...]]]] = MappingProxyType(
    {
        **dict.fromkeys(("sessions", "worktrees"), (f"t.project_id = {_PROJECT}", ("id",), ("project_id",))),
        **dict.fromkeys(
            ("cc_logs", "task_logs"), (_OF_LOGS, ("id", "created_at"), ("cc_instance_id", "task_id"))
        ),
    }
)
"""Rows that stay where they are and lose their links: which ones, their key, and the links."""

_DUE: Final = """
SELECT project_id FROM projects
WHERE status = 'archived'
  AND archived_at < now() - INTERVAL '1 day' * ccgraph_setting('archive.projects_after_days')
ORDER BY archived_at LIMIT 1 FOR UPDATE SKIP LOCKED
"""

# Nobody adds to the project, its instances or tasks while they are on their way.
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


async def move_next(connection: WriteConnection) -> UUID | None:
    """Move the project that has been archived longest, if it is due; gives its UUID.

    It is due `archive.projects_after_days` days (system_settings) after it was archived; without that figure
    it never is. Several processes at once move different projects.
    """
    found = await connection.exec_driver_sql(_DUE)
    project_id: UUID | None = found.scalar()
    if project_id is not None:
        await move(connection, project_id)
    return project_id


async def move(connection: WriteConnection, project_id: UUID) -> None:
    """Move a project into the archive tables, with all that belongs to it; nothing of it is lost."""
    for statement in _HOLD:
        await connection.exec_driver_sql(statement, (project_id,))
    statements = [
        _copied("projects", "projects_archive", "t.project_id = $1"),
        _copied("tasks", "tasks_archive", "t.project_id = $1"),
        _copied("mcp_messages", "mcp_messages_archive", f"t.id IN {_MESSAGES}", project_id="$1"),
        *(_kept(table, _whole(table), condition) for table, condition in _KEPT.items()),
        *(
            _kept(table, _object(*key, *links), condition)
            for table, (condition, key, links) in _LINKED.items()
        ),
        f"DELETE FROM mcp_tool_calls t WHERE {_KEPT['mcp_tool_calls']}",
        f"DELETE FROM ultrathink_messages t WHERE {_KEPT['ultrathink_messages']}",
        f"DELETE FROM mcp_messages t WHERE t.cc_instance_id IN {_INSTANCES}",
        "DELETE FROM projects WHERE project_id = $1",
    ]
    for statement in statements:
        await connection.exec_driver_sql(statement, (project_id,))


async def bring_back(connection: WriteConnection, project_id: UUID) -> None:
    """The reverse of `move`; the project is active then.

    A link to a row that has been deleted meanwhile stays empty, as it would be without the archive. Sessions
    and worktrees that were given to another project since stay there.
    """
    first, *others = _KEPT
    statements = [
        _copied(
            "projects_archive",
            "projects",
            "t.project_id = $1",
            # The trigger on sessions and worktrees counts them again.
            **{"status": "'active'", "archived_at": "NULL", "total_sessions": "0", "total_worktrees": "0"},
        ),
        _inserted(first),
        _copied("tasks_archive", "tasks", "t.project_id = $1"),
        _copied("mcp_messages_archive", "mcp_messages", "t.project_id = $1"),
        *(_inserted(table) for table in others),
        *(_linked(table, key, links) for table, (_, key, links) in _LINKED.items()),
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


def _linked(table: str, key: tuple[str, ...], links: tuple[str, ...]) -> str:
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
