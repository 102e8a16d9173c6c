"""The made coercions against graphql-core's own and a plain walk, over every input type of the schema."""

from collections.abc import Mapping, Sequence
from itertools import islice
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
    get_nullable_type,
    is_input_object_type,
)
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import DataObject, data, integers, sampled_from, shared
from strawberry.exceptions import StrawberryInputCoercionError

from gql.request.coercion import MOST_PROBLEMS, Coercions, NotCoerced, Problem
from gql.schema import build_schema
from tests.support.drawing import examples
from tests.support.plain.misfits import misfits

SCHEMA = build_schema()[0]._schema
INPUTS = {name: GraphQLNonNull(kind) for name, kind in SCHEMA.type_map.items() if is_input_object_type(kind)}
COERCIONS = Coercions()
DEEPEST = 4

GOOD: Mapping[str, tuple[object, ...]] = {
    "Int": (0, -7, 2**31 - 1, 3.0),
    "Float": (1, 2.5),
    "String": ("", "東京", "a\0b"),
    "ID": ("x", 7),
    "Boolean": (True, False),
    "UUID": ("0197a1b2-0000-7000-8000-000000000000", "0197A1B2000070008000000000000001"),
    "DateTime": ("2026-01-31T12:00:00Z",),
    "Date": ("2026-01-31",),
    "BigInt": ("9007199254740993", 5),
    "Decimal": (1, "2.5"),
    "JSON": ({"a": [1, None]}, "x", 0),
}
BAD: tuple[Any, ...] = (None, [], {}, "no", 2**40, 1.5, True, [None], {"x": 1}, "2026-01-31")


def drawn(draw: DataObject, kind: GraphQLInputType, wrong: int, depth: int = 0) -> Any:
    """A value for a type, of which one part in `wrong` is of another; none is with 0."""
    if wrong and draw.draw(integers(1, wrong)) == 1:
        return draw.draw(sampled_from(BAD))
    if isinstance(kind, GraphQLNonNull):
        return drawn(draw, kind.of_type, wrong, depth)
    if draw.draw(integers(0, 9)) == 0:
        return None
    if isinstance(kind, GraphQLList):
        size = draw.draw(integers(-1, 2))
        elements = [drawn(draw, kind.of_type, wrong, depth) for _ in range(abs(size))]
        return elements[0] if size < 0 and get_nullable_type(kind.of_type) is not kind else elements
    if isinstance(kind, GraphQLEnumType):
        return draw.draw(sampled_from([*kind.values]))
    if isinstance(kind, GraphQLInputObjectType):
        return drawn_object(draw, kind, wrong, depth + 1)
    return draw.draw(sampled_from(GOOD[kind.name]))


def drawn_object(draw: DataObject, kind: GraphQLInputObjectType, wrong: int, depth: int) -> dict[str, Any]:
    needed = [name for name, field in kind.fields.items() if isinstance(field.type, GraphQLNonNull)]
    others = [
        name
        for name, field in kind.fields.items()
        if name not in needed and (depth < DEEPEST or not is_input_object_type(get_nullable_type(field.type)))
    ]
    more = draw.draw(integers(0, 3)) if others and depth <= DEEPEST else 0
    if kind.is_one_of:
        needed, more = [], 1 if wrong == 0 else more
    chosen = {*needed, *(draw.draw(sampled_from(others)) for _ in range(more))}
    return {name: drawn(draw, kind.fields[name].type, wrong, depth) for name in sorted(chosen)}


def general(kind: GraphQLInputType, value: Any) -> Any:
    try:
        return coerce_input_value(value, kind)
    except StrawberryInputCoercionError:  # what Strawberry says of an input with one field too many
        return Undefined


def made(kind: GraphQLInputType, value: Any) -> tuple[Any, Sequence[Problem]]:
    """What the made coercion gives, and what it says is wrong."""
    try:
        return COERCIONS.of(kind)(value), ()
    except NotCoerced as misfit:
        return Undefined, misfit.problems


@settings(max_examples=examples(1500), deadline=None, suppress_health_check=[*HealthCheck], database=None)
@given(shared(sampled_from([*INPUTS]), key="name"), sampled_from([0, 0, 4, 20]), data())
def test_what_is_coerced_is_what_graphql_core_makes_of_it(name: str, wrong: int, draw: DataObject) -> None:
    kind = INPUTS[name]
    value = drawn(draw, kind, wrong)
    coerced, problems = made(kind, value)
    assert coerced == general(kind, value)
    assert (coerced is Undefined) is bool(problems)
    assert list(problems) == list(islice(misfits(value, kind), MOST_PROBLEMS))


def test_an_input_that_fits_is_coerced_for_every_type() -> None:
    fitting = dict.fromkeys(INPUTS, 0)

    @settings(max_examples=800, deadline=None, suppress_health_check=[*HealthCheck], database=None)
    @given(sampled_from([*INPUTS]), data())
    def coerces(name: str, draw: DataObject) -> None:
        value = drawn(draw, INPUTS[name], wrong=0)
        if general(INPUTS[name], value) is not Undefined:
            COERCIONS.of(INPUTS[name])(value)
            fitting[name] += 1

    coerces()
    assert sum(fitting.values()) > 200
    assert sum(map(bool, fitting.values())) > 100


@pytest.mark.parametrize(
    ("kind", "nests"), [("TaskWhere", True), ("UpdateTasksInput", True), ("CreateTaskInput", False)]
)
def test_a_type_that_contains_itself_may_nest(kind: str, nests: bool) -> None:
    assert COERCIONS.nests(INPUTS[kind]) is nests


def test_the_order_of_an_object_is_that_of_its_type() -> None:
    where = COERCIONS.of(INPUTS["TaskWhere"])
    one = where({"name": {"eq": "x"}, "status": {"eq": "QUEUED"}})
    other = where({"status": {"eq": "QUEUED"}, "name": {"eq": "x"}})
    assert [*one] == [*other]


def test_one_value_becomes_a_list() -> None:
    heartbeat = COERCIONS.of(INPUTS["HeartbeatInput"])
    assert heartbeat({"ids": GOOD["UUID"][0]}) == heartbeat({"ids": [GOOD["UUID"][0]]})


def test_members_of_an_enum_are_told_where_the_schema_is_shown() -> None:
    for hide, shown in ((False, True), (True, False)):
        with pytest.raises(NotCoerced) as raised:
            Coercions(hide_members=hide).of(INPUTS["TaskWhere"])({"status": {"eq": "NOPE"}})
        [(path, sentence)] = raised.value.problems
        assert path == ("status", "eq")
        assert ("QUEUED" in sentence) is shown


def test_as_many_problems_are_told_as_are_read() -> None:
    with pytest.raises(NotCoerced) as raised:
        COERCIONS.of(INPUTS["TaskWhere"])({"status": {"in": ["NOPE"] * 5000}, "name": 3})
    assert len(raised.value.problems) == MOST_PROBLEMS
