"""A plan that is found for some variables is the plan that would be made for them."""

import base64
import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    get_named_type,
    get_nullable_type,
    is_list_type,
    is_non_null_type,
)
from hypothesis import Phase, given, note, settings
from hypothesis.strategies import (
    DataObject,
    SearchStrategy,
    booleans,
    data,
    lists,
    sampled_from,
)

from gql.planner import values
from gql.planner.cursors import SEAL_LENGTH
from gql.planner.errors import PlanError
from gql.planner.node_ids import make_node_id
from gql.planner.order import compile_order
from gql.planner.plan_keys import Plans
from gql.planner.selection import collect
from gql.planner.statement import CompileEnv, Statement
from gql.planner.values import Given, ObservedVariables
from gql.request.limits import Limits
from gql.request.preparation import InvalidVariables, Operation, Preparation, plan_root
from gql.schema import build_schema

SCHEMA, CATALOG = build_schema()
PREPARATION = Preparation(SCHEMA._schema, Limits())
GOLDEN = Path(__file__).parents[3] / "golden" / "cases"
UUIDS = ("01a20000-0000-7000-8000-000000000000", "01a20000-0000-7000-8000-000000000001")
ORDERED = "tasks(orderBy: [{priority: DESC}], after: $after, before: $before)"
DOCUMENTS = {
    "page": "query($first: Int, $last: Int) { tasks(first: $first, last: $last) { nodes { id } } }",
    "cursor": f"query($after: String, $before: String) {{ {ORDERED} {{ nodes {{ id }} }} }}",
    "where": "query($where: TaskWhere) { tasks(where: $where) { totalCount nodes { id } } }",
    "condition": """query($is: Boolean, $in: [TaskStatus!], $eq: Int, $w: TaskWhere!) {
        tasks(where: {or: [{name: {isNull: $is}}, {status: {in: $in}}, $w], priority: {eq: $eq}}) {
            nodes { id } } }""",
    "truth": "query($is: Boolean!) { tasks(where: {name: {isNull: $is}}) { totalCount } }",
    "null": "query($eq: Int) { tasks(where: {priority: {eq: $eq}}) { totalCount } }",
    "json": """query($at: [String!]!, $is: Boolean, $to: JSON) {
        tasks(where: {inputData: {path: {at: $at, isNull: $is, eq: $to}}}) { totalCount } }""",
    "order": """query($order: [TaskOrder!], $search: String) {
        tasks(orderBy: $order, search: $search) { nodes { id } pageInfo { endCursor } } }""",
    "direction": """query($way: Direction!, $step: String!) {
        tasks(orderBy: [{priority: $way}, {inputData: {at: [$step, "a"]}}]) { edges { cursor } } }""",
    "groups": """query($by: [TaskGroupBy!]!, $one: TaskGroupBy!, $first: Int) {
        tasks { groups(by: $by, first: $first) { count } one: groups(by: [$one]) { count } } }""",
    "tree": """query($maxDepth: Int) {
        ccInstances { nodes { descendants(maxDepth: $maxDepth) { totalCount } } } }""",
    "node": """query($nodeId: ID!, $by: ProjectBy!) {
        node(nodeId: $nodeId) { nodeId __typename } project(by: $by) { name } }""",
    "nodes": """query($nodeIds: [ID!]!, $nodeId: ID!) {
        nodes(nodeIds: $nodeIds) { nodeId } two: nodes(nodeIds: [$nodeId, $nodeId]) { nodeId } }""",
    "included": """query($yes: Boolean!, $no: Boolean = true) {
        tasks { nodes { id @include(if: $yes) name @skip(if: $no) ... on Task @include(if: $no) { status } } }
        __typename @skip(if: $yes) }""",
}


def operation(name: str) -> Operation:
    """An operation that has no plans yet."""
    text = DOCUMENTS.get(name) or (GOLDEN / f"{name}.graphql").read_text()
    return replace(PREPARATION.operation(text, None), derived=Plans(50))


def cursors() -> list[str]:
    """Cursors of the order of the document `cursor`: one with values, one without the first, a wrong one."""
    env = CompileEnv(CATALOG, ObservedVariables({}))
    (field,) = collect([operation("cursor").node.selection_set], env, (), "Query")
    table = CATALOG.connections["tasks"]
    order = compile_order(Statement(env), table, "task$1", field.arguments(env))
    found = []
    for content in ([3, UUIDS[0]], [7, UUIDS[1]], [None, UUIDS[0]]):
        body = orjson.dumps(content)
        seal = hashlib.sha256(order.fingerprint.encode() + body).hexdigest()[:SEAL_LENGTH]
        found.append(f"{seal}.{base64.b64encode(body).decode()}")
    return [*found, f"0{found[0]}", "no cursor"]


NODE_IDS = [*(make_node_id(kind, key) for kind in ("Task", "Project") for key in UUIDS), "VGFzazo", "x"]
DRAWN: Mapping[str, SearchStrategy[Any]] = {
    "Int": sampled_from([-1, 0, 1, 2, 501]),
    "Boolean": booleans(),
    "ID": sampled_from(NODE_IDS),
    "UUID": sampled_from(UUIDS),
    "String": sampled_from(["a", "b"]),
    "JSON": sampled_from([None, 1, "1", {"a": 1}, ["a"], {"b": [1]}]),
    "Float": sampled_from([0.5, 1]),
    "DateTime": sampled_from(["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]),
    "BigInt": sampled_from(["1", "2"]),
    "Decimal": sampled_from(["1", "2.5"]),
}
AFTER = sampled_from(cursors())


def drawn(draw: DataObject, name: str, given_type: GraphQLInputType, depth: int = 0) -> Any:
    """A value of a type, of so few values that two of them are often the same."""
    kind = get_nullable_type(given_type)
    if not is_non_null_type(given_type) and draw.draw(sampled_from(range(8))) == 0:
        return None
    if name in ("after", "before"):
        return draw.draw(AFTER)
    if is_list_type(kind):
        size = draw.draw(sampled_from([1, 1, 0, 2]))
        return [drawn(draw, name, kind.of_type, depth) for _ in range(size)]
    if isinstance(kind, GraphQLEnumType):
        return draw.draw(sampled_from([*kind.values][:3]))
    if isinstance(kind, GraphQLInputObjectType):
        return drawn_object(draw, kind, depth)
    return draw.draw(DRAWN[get_named_type(kind).name])


def drawn_object(draw: DataObject, kind: GraphQLInputObjectType, depth: int) -> dict[str, Any]:
    """An input object with the fields that it needs and up to two others, the same ones again and again."""
    needed = [name for name, field in kind.fields.items() if is_non_null_type(field.type)]
    plain = [
        name
        for name, field in kind.fields.items()
        if depth < 2 or not isinstance(get_named_type(field.type), GraphQLInputObjectType)
    ] or [*kind.fields]
    offered = [*plain[:6], *(name for name in ("or", "not", "isNull", "project", "nodeId") if name in plain)]
    more = draw.draw(
        lists(sampled_from(offered), min_size=1, max_size=1 if kind.is_one_of else 2, unique=True)
    )
    return {
        name: drawn(draw, name, kind.fields[name].type, depth + 1) for name in dict.fromkeys([*needed, *more])
    }


def drawn_variables(draw: DataObject, op: Operation) -> dict[str, Any] | None:
    """Coerced variables; None for those that a request would be refused for."""
    chosen = {
        name: drawn(draw, name, declared.signature.type)
        for name, declared in op.inputs.items()
        if is_non_null_type(declared.signature.type) or draw.draw(sampled_from(range(6)))
    }
    try:
        return op.variables(SCHEMA._schema, chosen).coerced
    except InvalidVariables:
        return None


def outcome(make: Callable[[], Any], variables: Mapping[str, Any]) -> Iterator[object]:
    """All that a plan does: its text, its heads, and what it binds; or what is wrong with the variables."""
    try:
        planned = make()
        yield planned.heads
        if planned.plan is not None:
            yield planned.plan.sql
            yield planned.plan.keys
            yield planned.plan.bind(1, variables)
    except PlanError as error:
        yield type(error), error.message, error.path


def compare(op: Operation, variables: Mapping[str, Any], *, is_admin: bool) -> None:
    """The plan that the operation has, or makes, against one that is made for these variables alone."""
    env = CompileEnv(CATALOG, ObservedVariables(variables), op.fragments, is_admin)
    found = [*outcome(lambda: op.root_plan(CATALOG, variables, is_admin=is_admin), variables)]
    # What is wrong with a value is found while planning or while binding, but found.
    assert found[-1:] == [*outcome(lambda: plan_root(env, op.node), variables)][-1:]
    if not isinstance(found[-1], tuple):
        assert found == [*outcome(lambda: plan_root(env, op.node), variables)]


def run(name: str, examples: int, phases: Collection[Phase] = tuple(Phase)) -> None:
    """Ask one operation for plans, for variables after each other."""

    @settings(max_examples=examples, phases=phases)
    @given(draw=data())
    def check(draw: DataObject) -> None:
        op = operation(name)
        for _ in range(6):
            variables = drawn_variables(draw, op)
            note(f"{variables}")
            if variables is not None:
                compare(op, variables, is_admin=draw.draw(booleans()))

    check()


@pytest.mark.parametrize("name", [*DOCUMENTS, *sorted(path.stem for path in GOLDEN.glob("*.graphql"))])
def test_a_plan_that_is_found_is_the_one_that_would_be_made(name: str) -> None:
    run(name, 20 if name in DOCUMENTS else 3)


def unnoted_null(self: Given) -> bool:
    """`is_null`, forgotten."""
    return self.value is None


def unnoted_plain(self: Given) -> object:
    """`plain`, forgotten."""
    return self.value


def unnoted_measured(self: Given, measure: values.Measure) -> Any:
    """`measured`, forgotten: of what cursors and node ids say."""
    return measure(self.value)


def unnoted(self: ObservedVariables, name: str) -> bool:
    """`has`, forgotten."""
    return name in self.given


FORGOTTEN = [
    (Given, "plain", unnoted_plain, "page"),
    (Given, "plain", unnoted_plain, "truth"),
    (Given, "plain", unnoted_plain, "direction"),
    (Given, "plain", unnoted_plain, "groups"),
    (Given, "plain", unnoted_plain, "tree"),
    (Given, "plain", unnoted_plain, "included"),
    (Given, "measured", unnoted_measured, "cursor"),
    (Given, "measured", unnoted_measured, "where"),
    (Given, "measured", unnoted_measured, "order"),
    (Given, "measured", unnoted_measured, "node"),
    (Given, "measured", unnoted_measured, "nodes"),
    (Given, "is_null", property(unnoted_null), "null"),
    (ObservedVariables, "has", unnoted, "page"),
]


@pytest.mark.parametrize(("owner", "asked", "forgotten", "name"), FORGOTTEN)
def test_a_value_that_planning_reads_without_a_note_gives_a_wrong_plan(
    monkeypatch: pytest.MonkeyPatch, owner: type, asked: str, forgotten: object, name: str
) -> None:
    monkeypatch.setattr(owner, asked, forgotten)
    with pytest.raises((AssertionError, LookupError, TypeError, ExceptionGroup)):
        run(name, 200, [Phase.generate])


def test_plans_are_bounded_and_those_in_use_stay() -> None:
    plans = Plans(6)
    made: list[int] = []

    def make(variables: ObservedVariables) -> int:
        made.append(len(made))
        return int(str(values.from_variable(variables, "n", ()).plain()))

    for number in range(20):
        assert plans.get("kept", {"n": -1}, make).made == -1
        assert plans.get("other", {"n": number}, make).made == number
    assert len(made) == 21
    plans.get("other", {"n": 0}, make)
    assert len(made) == 22


def test_what_cannot_be_made_is_not_kept() -> None:
    plans = Plans(3)

    def refuse(variables: ObservedVariables) -> object:
        raise PlanError(str(variables.has("n")), ())

    for given_variables, told in (({}, "False"), ({"n": 1}, "True"), ({}, "False")):
        with pytest.raises(PlanError, match=told):
            plans.get(None, given_variables, refuse)
    assert plans.get(None, {}, lambda _: "made").made == "made"
