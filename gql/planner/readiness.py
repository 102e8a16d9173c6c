"""Dependencies of tasks that block or require, in both directions (decision 24)."""

from gql.planner.list_conditions import Link
from gql.planner.selection import Field
from gql.planner.statement import Statement
from models.readiness import IS_HARD, is_ready


def compile_is_ready(statement: Statement, alias: str) -> str:
    """SQL that is true if the task waits to be done and everything that it is blocked by has completed.

    `(task$1.status IN ('PENDING', 'QUEUED') AND NOT EXISTS (SELECT FROM task_dependencies AS edge ...))`
    """
    return is_ready(alias)


def link_blocked_by(_: Statement, alias: str, field: Field) -> Link:
    """The tasks that have to be done first."""
    return _link(f"{alias}.id", wanted="dependency_task_id", given="task_id")


def link_blocks(_: Statement, alias: str, field: Field) -> Link:
    """The tasks that wait for this one."""
    return _link(f"{alias}.id", wanted="task_id", given="dependency_task_id")


def _link(key: str, *, wanted: str, given: str) -> Link:
    """`task$2.id IN (SELECT edge.dependency_task_id FROM task_dependencies AS edge
    WHERE edge.task_id = task$1.id AND edge.dependency_type IN ('blocks', 'requires'))`
    """
    return Link(
        lambda inner: [
            f"{inner}.id IN (SELECT edge.{wanted} FROM task_dependencies AS edge"
            f" WHERE edge.{given} = {key} AND edge.dependency_type {IS_HARD})"
        ]
    )
