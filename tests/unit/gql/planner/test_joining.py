"""One statement for several reads: its text, its parameters, and what is not joined."""

import pytest

from gql.planner.joining import LONGEST, JoinedPlan, join
from gql.planner.plan import Plan
from gql.request.limits import Limits
from gql.request.preparation import Preparation
from gql.schema import build_schema

SCHEMA, CATALOG = build_schema()
PREPARATION = Preparation(SCHEMA._schema, Limits())


def plan(document: str, *, is_admin: bool = False, **variables: object) -> Plan:
    """The plan of a query."""
    operation = PREPARATION.operation(document, None)
    coerced = operation.variables(SCHEMA._schema, variables).coerced
    made = operation.root_plan(CATALOG, coerced, is_admin=is_admin).plan
    assert made is not None
    return made


def joined(document: str, *, is_admin: bool = False, **variables: object) -> JoinedPlan:
    """The statement for several reads of a query."""
    made = join(plan(document, is_admin=is_admin, **variables))
    assert made is not None
    return made


TASK = "query ($id: UUID!) { task(by: {id: $id}) { name } }"
ID = "01a20000-0000-7000-8000-000000000000"


def test_parameters_become_columns_of_the_list_of_askers() -> None:
    made = joined(TASK, is_admin=True, id=ID)
    assert made.sql.startswith(
        "SELECT answer.*, asked.place\nFROM unnest($1::uuid[]) WITH ORDINALITY AS asked (value$1, place)\n"
        "CROSS JOIN LATERAL (\nSELECT ("
    )
    assert "WHERE task$1.id = asked.value$1::uuid" in made.sql
    assert (made.varying, made.viewer) == ((0,), None)
    assert made.bind([["a"], ["b"]]) == [["a", "b"]]


def test_the_viewer_stays_one_parameter_behind_the_lists() -> None:
    made = joined(TASK, id=ID)
    assert "projects.owner_id = $2::int" in made.sql
    assert made.bind([["a", 7], ["b", 7]]) == [["a", "b"], 7]


def test_aliases_that_end_like_a_parameter_stay_as_they_are() -> None:
    query = "query ($a: Int!, $b: Int!) { tasks(where: {priority: {gt: $a, lt: $b}}) { nodes { id } } }"
    made = joined(query, is_admin=True, a=1, b=9)
    assert "unnest($1::int[], $2::int[]) WITH ORDINALITY AS asked (value$1, value$2, place)" in made.sql
    assert "task$1.priority > asked.value$1::int AND task$1.priority < asked.value$2::int" in made.sql


def test_a_type_that_the_driver_sends_as_text_is_a_list_of_texts() -> None:
    query = "query ($at: JSON!) { projects(where: {techStack: {contains: $at}}) { nodes { id } } }"
    assert "tech_stack @> $1::text::jsonb" in plan(query, is_admin=True, at=["a"]).sql
    made = joined(query, is_admin=True, at=["a"])
    assert "unnest($1::text[])" in made.sql
    assert "tech_stack @> asked.value$1::text::jsonb" in made.sql


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ("{ tasks(first: 5) { nodes { name } } }", {}),
        ("query ($of: [Int!]!) { tasks(where: {priority: {in: $of}}) { nodes { id } } }", {"of": [1, 2]}),
        ("query ($words: String!) { tasks(search: $words) { nodes { id } } }", {"words": "a"}),
    ],
    ids=["nothing varies", "a list among the values", "a search"],
)
def test_some_statements_are_not_joined(document: str, variables: dict[str, object]) -> None:
    assert join(plan(document, is_admin=False, **variables)) is None


def test_a_long_statement_is_not_joined() -> None:
    fields = " ".join(f"a{number}: project {{ name description }}" for number in range(60))
    long = plan(f"query ($id: UUID!) {{ task(by: {{id: $id}}) {{ {fields} }} }}", id=ID)
    assert len(long.sql) > LONGEST
    assert join(long) is None
