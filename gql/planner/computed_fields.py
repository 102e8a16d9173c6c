"""Fields that no column and no foreign key gives: the tree of instances, and what tasks wait for."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gql.planner import hierarchy, readiness, subtree_usage
from gql.planner.list_conditions import Link
from gql.planner.pages import DEFAULT_PAGE
from gql.planner.selection import Field
from gql.planner.statement import Statement

EXPRESSIONS: Mapping[tuple[str, str], Callable[[Statement, str], str]] = MappingProxyType(
    {
        ("CcInstance", "depth"): hierarchy.compile_depth,
        ("Task", "isReady"): readiness.compile_is_ready,
    }
)
"""Scalars by type and field: SQL for the row with the given alias."""

LINKS: Mapping[tuple[str, str], Callable[[Statement, str, Field], Link]] = MappingProxyType(
    {
        ("CcInstance", "ancestors"): hierarchy.link_ancestors,
        ("CcInstance", "descendants"): hierarchy.link_descendants,
        ("Task", "blockedBy"): readiness.link_blocked_by,
        ("Task", "blocks"): readiness.link_blocks,
    }
)
"""Connections by type and field, each to rows of the same type: what ties them to the row with the alias."""

OBJECTS: Mapping[tuple[str, str], Callable[[Statement, str, Field], str]] = MappingProxyType(
    {
        ("CcInstance", "subtreeUsage"): subtree_usage.compile_subtree_usage,
    }
)
"""Objects of figures by type and field: a query for one row, for the row with the alias."""

ROWS_READ: Mapping[tuple[str, str], int] = MappingProxyType({("CcInstance", "subtreeUsage"): DEFAULT_PAGE})
"""What such an object counts as in an operation's cost, in rows: it is made of many."""
