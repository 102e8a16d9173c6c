"""The tree of instances: ancestors, descendants and depth, by recursion over visible rows only."""

from gql.planner.conversions import integer
from gql.planner.errors import ArgumentInvalid
from gql.planner.list_conditions import Link
from gql.planner.selection import Field
from gql.planner.statement import Statement
from gql.planner.values import Value

DEEPEST = 100
"""Levels that a recursion follows at most; rules keep cycles out, this keeps a statement finite."""


def compile_depth(statement: Statement, alias: str) -> str:
    """SQL for the number of visible ancestors above the row.

    `(WITH RECURSIVE tree AS (...) SELECT count(*) FROM tree)`
    """
    return f"(WITH RECURSIVE {_up(statement, alias)} SELECT count(*) FROM tree)"


def link_ancestors(statement: Statement, alias: str, _: Field) -> Link:
    """The instances above the row.

    `cc_instance$2.id IN (WITH RECURSIVE tree AS (...) SELECT tree.id FROM tree)`
    """
    return Link(
        lambda inner: [f"{inner}.id IN (WITH RECURSIVE {_up(statement, alias)} SELECT tree.id FROM tree)"],
        proven=True,
    )


def link_descendants(statement: Statement, alias: str, field: Field) -> Link:
    """The instances below the row, down to `maxDepth` levels; SQL as for ancestors."""
    levels = _levels(field.arguments(statement.env).get("maxDepth"))
    return Link(
        lambda inner: [
            f"{inner}.id IN (WITH RECURSIVE {_down(statement, alias, levels)} SELECT tree.id FROM tree)"
        ],
        proven=True,
    )


def with_subtree(statement: Statement, alias: str) -> str:
    """The keys of the row and of the instances below it, each once.

    `SELECT cc_instance$1.id UNION (WITH RECURSIVE tree AS (...) SELECT tree.id FROM tree)`
    """
    tree = _down(statement, alias, DEEPEST)
    return f"SELECT {alias}.id UNION (WITH RECURSIVE {tree} SELECT tree.id FROM tree)"


def _levels(depth: Value | None) -> int:
    if depth is None:
        return DEEPEST
    if depth.is_null:
        raise ArgumentInvalid("`maxDepth` is null: give a number, or leave it out.", depth.path)
    levels = integer(depth.plain())
    if not 1 <= levels <= DEEPEST:
        raise ArgumentInvalid(f"`maxDepth` must be between 1 and {DEEPEST}.", depth.path)
    return levels


def _up(statement: Statement, alias: str) -> str:
    """`tree AS (SELECT parent.id, parent.parent_instance_id, 1 AS level FROM cc_instances AS parent WHERE
    parent.id = cc_instance$1.parent_instance_id UNION ALL ...)`
    """
    visible = _visible(statement, "parent")
    return (
        "tree AS (SELECT parent.id, parent.parent_instance_id, 1 AS level FROM cc_instances AS parent"
        f" WHERE parent.id = {alias}.parent_instance_id{visible}"
        " UNION ALL SELECT parent.id, parent.parent_instance_id, tree.level + 1 FROM tree"
        f" JOIN cc_instances AS parent ON parent.id = tree.parent_instance_id{visible}"
        f" WHERE tree.level < {DEEPEST})"
    )


def _down(statement: Statement, alias: str, levels: int) -> str:
    """`tree AS (SELECT child.id, 1 AS level FROM cc_instances AS child WHERE child.parent_instance_id =
    cc_instance$1.id UNION ALL ...)`
    """
    visible = _visible(statement, "child")
    return (
        "tree AS (SELECT child.id, 1 AS level FROM cc_instances AS child"
        f" WHERE child.parent_instance_id = {alias}.id{visible}"
        " UNION ALL SELECT child.id, tree.level + 1 FROM tree"
        f" JOIN cc_instances AS child ON child.parent_instance_id = tree.id{visible}"
        f" WHERE tree.level < {levels})"
    )


def _visible(statement: Statement, alias: str) -> str:
    table = statement.env.catalog.types["CcInstance"]
    return "".join(f" AND {condition}" for condition in statement.visible(table, alias))
