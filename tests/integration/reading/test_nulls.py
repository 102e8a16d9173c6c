"""Null for a variable with a default, where a value must be, is an error of the argument (GraphQL, 6.4.1)."""

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from gql.request.preparation import InvalidVariables
from tests.integration.reading.conftest import SCHEMA, Asker
from tests.support.factories import make_user

QUERIES = {
    "a list": "query($b: [TaskGroupBy!] = [STATUS]) { tasks { groups(by: $b) { count } } }",
    "an element": "query($b: TaskGroupBy = STATUS) { tasks { groups(by: [$b]) { count } } }",
    "a path": 'query($b: String = "a") { projects(orderBy: [{configJson: {at: [$b]}}]) { nodes { id } } }',
    "a path, and no rows": (
        'query($b: [String!] = ["a"]) { projects(orderBy: [{configJson: {at: $b}}]) { totalCount } }'
    ),
    "an order, and no rows": "query($b: TaskOrder = {name: ASC}) { tasks(orderBy: [$b]) { totalCount } }",
    "a filter": ("query($b: Int = 1) { tasks(where: {priority: {in: [$b]}}) { totalCount } }"),
    "and": "query($b: TaskWhere = {}) { tasks(where: {and: [$b]}) { totalCount } }",
    "a path in a filter": (
        'query($b: [String!] = ["a"]) { projects(where: {configJson: {path: {at: $b}}}) { totalCount } }'
    ),
    "include": "query($b: Boolean = true) { tasks(first: 1) { nodes { id name @include(if: $b) } } }",
    "skip": "query($b: Boolean = false) { tasks(first: 1) { nodes { id name @skip(if: $b) } } }",
    "include at the root": "query($b: Boolean = true) { me @include(if: $b) { id } }",
    "skip beside the schema": (
        "query($b: Boolean = false) { __schema @skip(if: $b) { queryType { name } } me { id } }"
    ),
    "include on a fragment": (
        "query($b: Boolean = true) { ...F @include(if: $b) } fragment F on Query { me { id } }"
    ),
    "within a fragment": (
        "query($b: Boolean = true) { ...F } fragment F on Query { me { id @include(if: $b) } }"
    ),
    "what is skipped": (
        "query($b: TaskGroupBy = STATUS) { me { id } tasks @skip(if: true) { groups(by: [$b]) { count } } }"
    ),
    "an id": 'query($b: ID = "x") { node(nodeId: $b) { nodeId } }',
    "ids": 'query($b: [ID!] = ["x"]) { nodes(nodeIds: $b) { nodeId } }',
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
async def test_null_where_a_value_must_be_is_refused(
    asker: Asker, connection: AsyncConnection, query: str
) -> None:
    ann = await make_user(connection)

    error = await asker.refusal(query, ann, b=None)

    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["extensions"]["field"]
    assert "`b` is null" in error["message"]


@pytest.mark.parametrize("name", ["a list", "an element", "include", "skip", "a path"])
async def test_the_default_holds_where_nothing_is_given(
    asker: Asker, connection: AsyncConnection, name: str
) -> None:
    await asker.ask(QUERIES[name], await make_user(connection))


@pytest.mark.parametrize(
    "operation",
    [
        "subscription($b: Boolean = true) { taskChanged { cursor @include(if: $b) } }",
        "subscription($b: Boolean = false) { live { tasks @skip(if: $b) { totalCount } } }",
        "subscription($b: [TaskGroupBy!] = [STATUS]) { live { tasks { groups(by: $b) { count } } } }",
        'subscription($b: UUID = "00000000000070008000000000000000") { changes(projectId: $b) { cursor } }',
        'mutation($b: String = "x") { login(input: {username: $b, password: "x"}) { accessToken } }',
        "mutation($b: Boolean = true) { logout { __typename @include(if: $b) } }",
    ],
)
async def test_so_it_is_in_mutations_and_subscriptions(asker: Asker, operation: str) -> None:
    found = asker.api.preparation.operation(operation, None)

    with pytest.raises(InvalidVariables) as refusal:
        found.variables(SCHEMA._schema, {"b": None})

    assert "`b` is null" in refusal.value.errors[0].message
