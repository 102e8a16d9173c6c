"""Lists of partitioned tables are gathered by their key first, unless an index has them in order."""

import pytest

from gql.request.limits import Limits
from gql.request.preparation import Preparation
from gql.schema import build_schema

schema, catalog = build_schema()
preparation = Preparation(schema._schema, Limits())


def statement(query: str) -> str:
    plan = preparation.operation(query, None).root_plan(catalog, {}, is_admin=True).plan
    assert plan is not None
    return plan.sql


@pytest.mark.parametrize(
    "selection",
    [
        "tasks { nodes { taskLogs { nodes { id } } } }",
        "tasks { nodes { taskLogs(orderBy: [{createdAt: ASC}]) { nodes { id } } } }",
        "users { nodes { fileOperations(orderBy: [{filePath: DESC}]) { nodes { id } } } }",
    ],
)
def test_rows_without_an_index_in_their_order_are_gathered_first(selection: str) -> None:
    assert "OFFSET 0" in statement(f"{{ {selection} }}")


@pytest.mark.parametrize(
    "selection",
    [
        "tasks { nodes { ccLogs(orderBy: [{createdAt: DESC}]) { nodes { id } } } }",
        "users { nodes { fileOperations(orderBy: [{createdAt: DESC}]) { nodes { id } } } }",
        "projects { nodes { tasks { nodes { id } } } }",
        "fileOperations(orderBy: [{filePath: DESC}]) { nodes { id } }",
    ],
)
def test_postgresql_chooses_where_an_index_helps_or_the_table_is_whole(selection: str) -> None:
    assert "OFFSET 0" not in statement(f"{{ {selection} }}")
