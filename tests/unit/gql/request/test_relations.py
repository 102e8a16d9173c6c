"""Tables that filters and orders ask are part of the cost, through every door, wherever they are written."""

import json
from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse

from gql.request.limits import Limits, measure
from gql.schema import build_schema

SCHEMA = build_schema()[0]._schema

NAMED = {"name": {"eq": "x"}}
WHERE: list[tuple[dict[str, Any], int]] = [
    (NAMED, 0),
    ({"project": NAMED}, 1),
    ({"project": {"tasks": {"some": NAMED, "none": NAMED}}}, 3),
    ({"or": [{"project": NAMED}, {"not": {"assignedTo": {"project": NAMED}}}]}, 3),
    ({"inputData": {"path": {"at": ["project"], "eq": 1}}}, 0),
]


def cost(query: str, **variables: Any) -> int:
    document = parse(query)
    [operation] = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    return measure(SCHEMA, document, operation, Limits()).cost(variables)


def literal(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {literal(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    return json.dumps(value)


@pytest.mark.parametrize(("where", "tables"), WHERE)
def test_those_of_a_filter_count_in_literals_and_variables(where: dict[str, Any], tables: int) -> None:
    filtered = "query ($w: TaskWhere) {{ tasks(first: 10, where: {}) {{ nodes {{ id }} }} }}"
    for written in (literal(where), "$w", "{and: [$w]}", "{not: $w}"):
        assert cost(filtered.format(written), w=where) == 10 + tables


@pytest.mark.parametrize(("where", "tables"), WHERE)
def test_those_of_a_nested_list_count_for_each_row_above(where: dict[str, Any], tables: int) -> None:
    nested = """query ($w: TaskWhere) {
      projects(first: 20) { nodes { tasks(first: 10, where: $w) { totalCount } } }
    }"""
    assert cost(nested, w=where) == 20 * (1 + 10 + tables)
    assert cost(nested, w=None) == cost(nested) == 20 * (1 + 10)


@pytest.mark.parametrize(("where", "tables"), WHERE)
def test_those_of_changes_by_filter_and_their_payloads_count(where: dict[str, Any], tables: int) -> None:
    update = "mutation ($i: UpdateTasksInput!) { updateTasks(input: $i) { count } }"
    assert cost(update, i={"where": where, "patch": {}}) == 1 + tables
    delete = "mutation ($w: TaskWhere!) { deleteTasks(input: {where: $w}) { count } }"
    assert cost(delete, w=where) == 1 + tables
    payload = """mutation ($i: CreateProjectInput!, $w: TaskWhere) {
      createProject(input: $i) { project { tasks(first: 10, where: $w) { totalCount } } }
    }"""
    assert cost(payload, i={"name": "x"}, w=where) == 2 + 10 + tables


@pytest.mark.parametrize(("where", "tables"), WHERE)
def test_those_of_a_live_query_count(where: dict[str, Any], tables: int) -> None:
    live = "subscription ($w: TaskWhere) { live { tasks(first: 10, where: $w) { totalCount } } }"
    assert cost(live, w=where) == 1 + 10 + tables


def test_those_of_an_order_count_in_literals_and_variables() -> None:
    order = [{"project": {"owner": {"username": "ASC"}}}, {"name": "DESC"}]
    written = "[{project: {owner: {username: ASC}}}, {name: DESC}]"
    ordered = "query ($o: [TaskOrder!]) {{ tasks(first: 10, orderBy: {}) {{ totalCount }} }}"
    assert cost(ordered.format(written)) == 12
    assert cost(ordered.format("$o"), o=order) == 12
    by_json = '[{inputData: {at: ["project"], direction: ASC}}]'
    assert cost(ordered.format(by_json)) == 10
