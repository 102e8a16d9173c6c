"""Selections after fragments, directives and merging."""

from typing import cast

import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse

from gql.planner.errors import ArgumentInvalid
from gql.planner.selection import LONGEST_KEY, Field, collect
from gql.planner.statement import CompileEnv
from gql.planner.values import ObservedVariables
from tests.unit.gql.planner.clauses import CATALOG


def selected(document: str, **variables: object) -> list[Field]:
    operation, *fragments = parse(document).definitions
    named = {node.name.value: node for node in cast("list[FragmentDefinitionNode]", fragments)}
    env = CompileEnv(CATALOG, ObservedVariables(variables), named)
    node = cast("OperationDefinitionNode", operation)
    return collect([node.selection_set], env, ("at",), "Task", "Node")


@pytest.mark.parametrize(
    ("document", "keys"),
    [
        ("{ id name id }", ["id", "name"]),
        ("{ a: id b: id }", ["a", "b"]),
        ("{ ...F id } fragment F on Task { name id }", ["name", "id"]),
        ("{ ... on Node { id } ... on Project { name } ... { status } }", ["id", "status"]),
        ("{ id @skip(if: $yes) name @include(if: $yes) status @include(if: false) }", ["name"]),
        ("{ ...F @include(if: $absent) id @skip(if: $absent) } fragment F on Task { name }", ["name", "id"]),
    ],
)
def test_fields_are_found_in_the_order_of_the_response(document: str, keys: list[str]) -> None:
    assert [field.key for field in selected(document, yes=True)] == keys


def test_the_same_field_twice_is_one_with_what_both_select() -> None:
    (field,) = selected("{ project { id } project { name } }")
    assert len(field.nodes) == 2
    assert field.path == ("at", "project")


def test_an_alias_that_postgresql_would_cut_is_refused() -> None:
    selected(f"{{ {'a' * LONGEST_KEY}: id }}")
    with pytest.raises(ArgumentInvalid) as refusal:
        selected(f"{{ {'a' * (LONGEST_KEY + 1)}: id }}")
    assert refusal.value.path == ("at", "a" * (LONGEST_KEY + 1))
