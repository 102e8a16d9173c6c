"""What a row may refer to: rows that the caller may see or change, of the same project or person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Column

from models import change_policy, metadata
from models.change_policy import changeable
from models.policy import Predicate, visible
from services.core.database import WriteConnection
from services.core.errors import BadInput, DomainError, Forbidden
from services.core.principal import Principal
from services.writing.archived import archived, columns_at_rest, is_at_rest
from services.writing.constraints import missing
from services.writing.permissions import VIEWER, require_change
from services.writing.tables import WritableTable
from services.writing.values import sql_type

_ALWAYS: Final = Predicate("true")


class Access(Enum):
    """What the caller needs to be allowed with the row that is referred to."""

    SEE = auto()
    CHANGE = auto()


@dataclass(frozen=True, slots=True)
class Reference:
    """`column` points to a row of `target` whose `key` it holds, and for which `condition` is true.

    `condition` is SQL about `written`, the row, and `referred`, the one it points to; `sentence` is what
    the caller is told when it does not hold.
    """

    column: str
    target: str
    key: str = "id"
    access: Access = Access.SEE
    condition: Predicate = _ALWAYS
    sentence: str = ""

    def access_sql(self, viewer: str) -> str:
        """The policy's predicate for `referred`; `viewer` is an SQL expression."""
        rule = changeable if self.access is Access.CHANGE else visible
        return rule(self.target, "referred", viewer)

    def sql(self, access: str) -> str:
        """True for a row `written` whose reference is null or as it has to be."""
        return (
            f"(written.{self.column} IS NULL OR EXISTS (SELECT 1 FROM {self.target} AS referred"
            f" WHERE referred.{self.key} = written.{self.column} AND {self.condition.sql} AND {access}))"
        )


def _same_project(column: str, target: str) -> Reference:
    return Reference(
        column,
        target,
        condition=Predicate(
            "referred.project_id IS NOT DISTINCT FROM written.project_id", frozenset({"project_id"})
        ),
        sentence="This belongs to another project.",
    )


def _project_of(table: str, column: str) -> Predicate:
    """That a row is of the project of another one; without that one, the row itself is judged elsewhere."""
    return Predicate(
        f"(written.{column} IS NULL OR referred.project_id IS NOT DISTINCT FROM"
        f" (SELECT near.project_id FROM {table} AS near WHERE near.id = written.{column}))",
        frozenset({column}),
    )


def _same_value(column: str, other: str) -> Predicate:
    """That the row to which one refers has the same value in `column` as the row in `other`."""
    return Predicate(f"referred.{column} = written.{other}", frozenset({other}))


_OWN_SOCKET: Final = Reference("socket_id", "websocket_sessions", access=Access.CHANGE)
_EDITED_PROJECT: Final = Reference("project_id", "projects", access=Access.CHANGE)

REFERENCES: Final[Mapping[str, tuple[Reference, ...]]] = MappingProxyType(
    {
        "sessions": (
            _EDITED_PROJECT,
            Reference(
                "worktree_id",
                "worktrees",
                "worktree_id",
                condition=_same_value("user_id", "user_id"),
                sentence="This worktree belongs to another person.",
            ),
        ),
        "worktrees": (_EDITED_PROJECT,),
        "worktree_sync_history": (
            Reference("target_worktree_id", "worktrees", "worktree_id", access=Access.CHANGE),
        ),
        "collaboration_sessions": (
            Reference(
                "session_id",
                "sessions",
                "session_id",
                access=Access.CHANGE,
                condition=_same_value("user_id", "host_user_id"),
                sentence="A session is shared by the person who runs it.",
            ),
        ),
        "notification_history": (Reference("session_id", "sessions", "session_id"),),
        "websocket_notifications": (
            Reference(
                "socket_id",
                "websocket_sessions",
                access=Access.CHANGE,
                condition=Predicate("written.project_id IS NULL", frozenset({"project_id"})),
                sentence="A notification goes to one connection or to a project, not to both.",
            ),
        ),
        "cc_instances": (
            _same_project("parent_instance_id", "cc_instances"),
            _OWN_SOCKET,
        ),
        "tasks": (_same_project("parent_task_id", "tasks"), _same_project("assigned_to", "cc_instances")),
        "git_worktrees": (_same_project("cc_instance_id", "cc_instances"), _same_project("task_id", "tasks")),
        "task_dependencies": (
            Reference(
                "dependency_task_id",
                "tasks",
                condition=_project_of("tasks", "task_id"),
                sentence="A task depends on tasks of its own project.",
            ),
        ),
        "ultrathink_messages": (
            Reference(
                "child_instance_id",
                "cc_instances",
                condition=_same_value("parent_instance_id", "parent_instance_id"),
                sentence="An instance instructs its own children.",
            ),
            Reference(
                "task_id",
                "tasks",
                condition=_project_of("cc_instances", "child_instance_id"),
                sentence="This task belongs to another project.",
            ),
        ),
        "mcp_tool_calls": (
            Reference(
                "message_id",
                "mcp_messages",
                condition=_same_value("cc_instance_id", "cc_instance_id"),
                sentence="This message belongs to another instance.",
            ),
        ),
        "cc_logs": (
            Reference(
                "task_id",
                "tasks",
                condition=_project_of("cc_instances", "cc_instance_id"),
                sentence="This task belongs to another project.",
            ),
        ),
        "task_logs": (
            Reference(
                "cc_instance_id",
                "cc_instances",
                condition=_project_of("tasks", "task_id"),
                sentence="This instance belongs to another project.",
            ),
        ),
    }
)
"""By table; a foreign key that is missing here is settled by the policy of the row itself."""

_PROJECT: Final = ("project_id", "projects", "project_id")
_INSTANCE: Final = ("cc_instance_id", "cc_instances", "id")
_TASK: Final = ("task_id", "tasks", "id")
_SESSION: Final = ("session_id", "sessions", "session_id")

_DECIDERS: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        **dict.fromkeys(
            ("cc_instances", "tasks", "git_worktrees", "requirements", "features", "websocket_notifications"),
            _PROJECT,
        ),
        **dict.fromkeys(("mcp_tool_calls", "cc_logs"), _INSTANCE),
        **dict.fromkeys(("task_logs", "task_dependencies"), _TASK),
        **dict.fromkeys(("file_operations", "collaboration_sessions"), _SESSION),
        "worktree_sync_history": ("source_worktree_id", "worktrees", "worktree_id"),
        "ultrathink_messages": ("child_instance_id", "cc_instances", "id"),
    }
)
"""The reference by which the policy decides on a row: column, table and key."""


async def verify(
    connection: WriteConnection,
    principal: Principal,
    table: WritableTable,
    rows: Sequence[Mapping[str, object]],
    prefixes: Sequence[str],
) -> None:
    """Return when the caller may write `rows` and all that they refer to is in order; one statement then.

    A row is given by column name; what counts of it are its keys. `prefixes` name the rows in the input.
    Raises `BadInput`, `NotFound` or `Forbidden` for the first row that is not in order.
    """
    columns = deciding_columns(table)
    distinct = {tuple(row.get(column.name) for column in columns) for row in rows}
    if await _count_in_order(connection, principal, table, list(distinct)) == len(distinct):
        return
    for row, prefix in zip(rows, prefixes, strict=True):
        values = tuple(row.get(column.name) for column in columns)
        if not await _count_in_order(connection, principal, table, [values]):
            raise await _explanation(connection, principal, table, row, prefix)


async def _count_in_order(
    connection: WriteConnection,
    principal: Principal,
    table: WritableTable,
    rows: Sequence[tuple[object, ...]],
) -> int:
    columns = deciding_columns(table)
    arrays = ", ".join(f"${number}::{sql_type(column)}[]" for number, column in enumerate(columns, start=1))
    names = ", ".join(column.name for column in columns)
    conditions = conditions_of(table, None if principal.is_admin else f"${len(columns) + 1}::int")
    result = await connection.exec_driver_sql(
        f"SELECT count(*) FROM unnest({arrays}) AS written({names})"
        f" WHERE ${len(columns) + 1}::int IS NOT NULL AND {' AND '.join(conditions)}",
        (*(list(values) for values in zip(*rows, strict=True)), principal.user_id),
    )
    count: int = result.scalar_one()
    return count


@cache
def deciding_columns(table: WritableTable) -> tuple["Column[Any]", ...]:
    """The columns on which policies and references decide.

    Of a thousand log entries that say so differ in their own keys only, one has to be looked at.
    """
    named = columns_at_rest(table.name) | change_policy.deciding_columns(table.name)
    for reference in REFERENCES.get(table.name, ()):
        named |= {reference.column} | reference.condition.columns
    return tuple(column for column in table.table.c if column.name in named or column.foreign_keys)


def conditions_of(table: WritableTable, viewer: str | None) -> list[str]:
    """What has to hold of `written`, as SQL; `viewer` is an expression, None for an administrator."""
    references = REFERENCES.get(table.name, ())
    active = f"NOT {is_at_rest(table.name, 'written')}"
    if viewer is None:
        return [active, *(reference.sql("true") for reference in references)]
    return [
        active,
        changeable(table.name, "written", viewer),
        *(reference.sql(reference.access_sql(viewer)) for reference in references),
    ]


async def _explanation(
    connection: WriteConnection,
    principal: Principal,
    table: WritableTable,
    row: Mapping[str, object],
    prefix: str,
) -> DomainError:
    """The first thing that is wrong with the row; some of it is raised."""
    if table.name in _DECIDERS and not principal.is_admin:
        column, target, target_key = _DECIDERS[table.name]
        field = f"{prefix}.{table.columns[column].field}"
        if row.get(column) is not None:
            await require_change(
                connection, principal, target, row[column], field=field, key_column=target_key
            )
        elif all(row.get(reference.column) is None for reference in REFERENCES.get(table.name, ())):
            return BadInput(f"Say what this {table.noun} belongs to.", field=field)
    for reference in REFERENCES.get(table.name, ()):
        if row.get(reference.column) is not None:
            field = f"{prefix}.{table.columns[reference.column].field}"
            await _require(connection, principal, table, reference, row, field)
    if await _is_true_of(connection, table, is_at_rest(table.name, "written"), row):
        return archived(prefix)
    return Forbidden(f"You may not write this {table.noun}.", field=prefix)


async def require_reference(
    connection: WriteConnection,
    principal: Principal,
    table: WritableTable,
    column: str,
    row: Mapping[str, object],
    field: str,
) -> None:
    """Return when a row of `table` may refer by `column`, which is not null in `row`, to what it names.

    `field` is the input field that named it. Raises `NotFound`, `Forbidden` or `BadInput`.
    """
    reference = next(known for known in REFERENCES[table.name] if known.column == column)
    await _require(connection, principal, table, reference, row, field)


async def _require(
    connection: WriteConnection,
    principal: Principal,
    table: WritableTable,
    reference: Reference,
    row: Mapping[str, object],
    field: str,
) -> None:
    await _require_access(connection, principal, reference, row[reference.column], field)
    if reference.sentence and not await _is_true_of(connection, table, reference.sql("true"), row):
        raise BadInput(reference.sentence, field=field)


async def _is_true_of(
    connection: WriteConnection, table: WritableTable, condition: str, row: Mapping[str, object]
) -> bool:
    """Whether `condition`, SQL about `written`, holds for a row."""
    columns = deciding_columns(table)
    values = ", ".join(
        f"${number}::{sql_type(column)} AS {column.name}" for number, column in enumerate(columns, start=1)
    )
    result = await connection.exec_driver_sql(
        f"SELECT {condition} FROM (SELECT {values}) AS written",
        tuple(row.get(column.name) for column in columns),
    )
    return bool(result.scalar_one())


async def _require_access(
    connection: WriteConnection, principal: Principal, reference: Reference, key: object, field: str
) -> None:
    """Return when the caller may do with the row what the reference asks. `NotFound` or `Forbidden` else."""
    if reference.access is Access.CHANGE:
        await require_change(
            connection, principal, reference.target, key, field=field, key_column=reference.key
        )
        return
    seen = "true" if principal.is_admin else visible(reference.target, "referred", VIEWER)
    result = await connection.exec_driver_sql(
        f"SELECT 1 FROM {reference.target} AS referred"
        f" WHERE referred.{reference.key} = $1 AND {VIEWER} IS NOT NULL AND {seen}",
        (key, principal.user_id),
    )
    if result.first() is None:
        raise missing(metadata.tables[reference.target], field)
