"""The made coercions against graphql-core's own, over every input type of the schema."""

import random
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    Undefined,
    coerce_input_value,
    is_input_object_type,
)
from strawberry.exceptions import StrawberryInputCoercionError

from gql.request.coercion import Coercions, NotCoerced
from gql.schema import build_schema

SCHEMA = build_schema()[0]._schema
INPUTS = {name: GraphQLNonNull(kind) for name, kind in SCHEMA.type_map.items() if is_input_object_type(kind)}
COERCIONS = Coercions()
MADE = [name for name, kind in INPUTS.items() if COERCIONS.of(kind) is not None]

GOOD: dict[str, tuple[object, ...]] = {
    "Int": (0, -7, 2**31 - 1, 3.0),
    "Float": (1, 2.5),
    "String": ("", "東京", "a\0b"),
    "ID": ("x", 7),
    "Boolean": (True, False),
    "UUID": ("0197a1b2-0000-7000-8000-000000000000", "0197A1B2000070008000000000000001"),
    "DateTime": ("2026-01-31T12:00:00Z",),
    "Date": ("2026-01-31",),
    "BigInt": ("9007199254740993", 5),
    "JSON": ({"a": [1, None]}, "x", 0),
}
BAD: tuple[Any, ...] = (None, [], {}, "no", 2**40, 1.5, True, [None], {"x": 1}, "2026-01-31")


def value_of(kind: GraphQLInputType, chance: random.Random, wrong: float) -> Any:
    """A value for a type, of which each part is wrong with the given probability."""
    if chance.random() < wrong:
        return chance.choice(BAD)
    if isinstance(kind, GraphQLNonNull):
        return value_of(kind.of_type, chance, wrong)
    if chance.random() < 0.1:
        return None
    if isinstance(kind, GraphQLList):
        return [value_of(kind.of_type, chance, wrong) for _ in range(chance.randint(0, 3))]
    if isinstance(kind, GraphQLEnumType):
        return chance.choice(list(kind.values))
    if isinstance(kind, GraphQLInputObjectType):
        if kind.extensions["strawberry-definition"].is_one_of and chance.random() < 0.9:
            name = chance.choice(list(kind.fields))
            return {name: value_of(kind.fields[name].type, chance, wrong)}
        fields = [
            name
            for name, field in kind.fields.items()
            if isinstance(field.type, GraphQLNonNull) or chance.random() < 0.5
        ]
        chance.shuffle(fields)
        return {name: value_of(kind.fields[name].type, chance, wrong) for name in fields}
    return chance.choice(GOOD[kind.name])


def general(name: str, value: Any) -> Any:
    try:
        return coerce_input_value(value, INPUTS[name])
    except StrawberryInputCoercionError:  # what Strawberry says of an input with one field too many
        return Undefined


def made(name: str, value: Any) -> Any:
    coerce = COERCIONS.of(INPUTS[name])
    assert coerce is not None
    try:
        return coerce(value)
    except (NotCoerced, StrawberryInputCoercionError):
        return Undefined


@pytest.mark.parametrize("name", MADE)
def test_what_is_coerced_is_what_graphql_core_makes_of_it(name: str) -> None:
    chance = random.Random(name)
    coerced = 0
    for number in range(200):
        value = value_of(INPUTS[name], chance, wrong=(0, 0.1)[number % 2])
        expected, found = general(name, value), made(name, value)
        if expected is Undefined:
            assert found is Undefined, value
        if found is not Undefined:
            assert found == expected, value
            coerced += 1
    assert coerced > 20


def test_the_inputs_of_rows_are_all_made() -> None:
    rows = {name for name in INPUTS if name.startswith(("Append", "Create", "Record", "Claim", "Heartbeat"))}
    assert rows <= set(MADE)


def test_a_type_that_contains_itself_is_left_to_graphql_core() -> None:
    assert COERCIONS.of(INPUTS["TaskWhere"]) is None
    assert COERCIONS.of(INPUTS["UpdateTasksInput"]) is None


def test_one_value_is_left_to_graphql_core_to_become_a_list() -> None:
    assert made("HeartbeatInput", {"ids": "0197a1b2-0000-7000-8000-000000000000"}) is Undefined
    assert COERCIONS.of(GraphQLNonNull(INPUTS["HeartbeatInput"].of_type)) is not None
