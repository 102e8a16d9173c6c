"""Variables that do not fit: each value by its field, none of it quoted."""

from typing import Any

import pytest
from graphql import GraphQLError

from gql.request.limits import Limits
from gql.request.preparation import InvalidVariables, Preparation
from gql.schema import build_schema

SCHEMA = build_schema()[0]._schema
PREPARATION = Preparation(SCHEMA, Limits())

CREATE_USER = "mutation ($input: CreateUserInput!) { createUser(input: $input) { user { id } } }"
CREATE_TASK = "mutation ($given: CreateTaskInput!) { createTask(input: $given) { task { id } } }"
TASKS = "query ($first: Int!, $where: TaskWhere) { all: tasks(first: $first, where: $where) { totalCount } }"
PROJECT = "3f2b8c1e-0000-7000-8000-000000000000"


def errors(query: str, **variables: Any) -> list[GraphQLError]:
    """What is said of them."""
    operation = PREPARATION.operation(query, None)
    with pytest.raises(InvalidVariables) as raised:
        operation.variables(SCHEMA, variables)
    return raised.value.errors


def fields(query: str, **variables: Any) -> list[str | None]:
    """The fields that are named."""
    return [getattr(error.original_error, "field", None) for error in errors(query, **variables)]


def task(**values: Any) -> dict[str, Any]:
    """An input that fits, but for what is given."""
    return {"projectId": PROJECT, "name": "t", "taskType": "CODE_GENERATION", **values}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"taskType": None}, "input.taskType"),
        ({"taskType": "NOPE"}, "input.taskType"),
        ({"projectId": "x"}, "input.projectId"),
        ({"priority": "high"}, "input.priority"),
        ({"priority": 1 << 40}, "input.priority"),
        ({"name": {"a": 1}}, "input.name"),
        ({"colour": "red"}, "input.colour"),
        ({"leaseExpiresAt": "yesterday"}, "input.leaseExpiresAt"),
    ],
)
def test_a_value_that_does_not_fit_is_named_as_the_argument_it_stands_in(
    values: dict[str, Any], field: str
) -> None:
    assert field in fields(CREATE_TASK, given=task(**values))


def test_a_missing_value_is_named() -> None:
    given = task()
    del given["taskType"]
    assert fields(CREATE_TASK, given=given) == ["input.taskType"]
    assert fields(CREATE_TASK) == ["input"]


def test_arguments_of_a_query_are_named_below_their_response_key() -> None:
    found = fields(TASKS, first="many", where={"status": {"in": ["RUNNING", "NOPE"]}})
    assert found == ["all.first", "all.where.status.in.1"]


def test_an_enum_says_what_it_takes() -> None:
    (error,) = errors(TASKS, first=1, where={"status": {"eq": "NOPE"}})
    assert "RUNNING" in error.message


def test_no_error_quotes_what_was_given() -> None:
    found = errors(CREATE_USER, input={"username": 7, "password": "hunter2hunter2", "mail": "hunter2"})
    assert len(found) >= 2
    assert all("hunter2" not in error.message for error in found)


def test_an_object_in_place_of_a_list_and_the_other_way_round() -> None:
    where = {"and": {"status": {"eq": 3}}, "or": "x"}
    assert fields(TASKS, first=1, where=where) == ["all.where.and.status.eq", "all.where.or"]


def test_fifty_errors_are_enough() -> None:
    assert len(errors(TASKS, first=1, where={"status": {"in": ["NOPE"] * 5000}})) == 50


def test_what_nests_too_deeply_is_refused() -> None:
    where: dict[str, Any] = {}
    for _ in range(5000):
        where = {"not": where}
    assert errors(TASKS, first=1, where=where)


def test_every_error_points_to_its_definition() -> None:
    (error,) = errors(CREATE_TASK, given=task(taskType="NOPE"))
    assert [(place.line, place.column) for place in error.locations or ()] == [(1, 11)]
