"""Conditions of `where`: their SQL, their parameters, and what is refused with its place."""

from typing import Any

import pytest

from gql.planner.catalog import TableType
from gql.planner.errors import ArgumentInvalid, TooManyRelations
from gql.planner.statement import DEEPEST_RELATIONS, MOST_JOINED, MOST_PARAMETERS, MOST_RELATIONS, Statement
from gql.planner.values import Value
from gql.planner.where import compile_where
from tests.unit.gql.planner.clauses import VIEWER, compiled


def where(made: Statement, table: TableType, alias: str, given: dict[str, Value]) -> list[str]:
    return compile_where(made, table, alias, given.get("where"))


PROJECT = "SELECT FROM projects AS project$1 WHERE project$1.project_id = t.project_id"
SUBTASK = "SELECT FROM tasks AS task$1 WHERE task$1.parent_task_id = t.id"

CONDITIONS: list[tuple[str, list[str], list[Any]]] = [
    ("", [], []),
    ("priority: {}", [], []),
    ("priority: {gte: 3, lt: $n}", ["t.priority >= $1::int", "t.priority < $2::int"], [3, 7]),
    ("priority: {lt: $absent}", [], []),
    ("status: {eq: RUNNING}", ["t.status = 'RUNNING'::text"], []),
    ("status: {eq: $status}", ["t.status = $1::text"], ["RUNNING"]),
    ("status: {in: [RUNNING, FAILED]}", ["t.status = ANY(ARRAY['RUNNING', 'FAILED']::text[])"], []),
    ("status: {in: []}", ["t.status = ANY(ARRAY[]::text[])"], []),
    ("status: {notIn: RUNNING}", ["(t.status = ANY(ARRAY['RUNNING']::text[])) IS NOT TRUE"], []),
    ("status: {in: [RUNNING, $status]}", ["t.status = ANY($1::text[])"], [["RUNNING", "RUNNING"]]),
    ("and: [{priority: {eq: 1}}, {}]", ["t.priority = $1::int"], [1]),
    (
        'or: [{priority: {eq: 1}}, {name: {eq: "x"}, priority: {gt: 2}}]',
        ["(t.priority = $1::int OR (t.name = $2::text AND t.priority > $3::int))"],
        [1, "x", 2],
    ),
    ("or: []", ["false"], []),
    ("or: [{}]", ["(true)"], []),
    ("not: {priority: {eq: 1}}", ["(t.priority = $1::int) IS NOT TRUE"], [1]),
    ("not: {}", ["(true) IS NOT TRUE"], []),
    ("project: {}", [], []),
    ('project: {name: {eq: "p"}}', [f"EXISTS ({PROJECT} AND project$1.name = $1::text)"], ["p"]),
    (
        "subtasks: {some: {priority: {eq: 1}}}",
        [f"EXISTS ({SUBTASK} AND task$1.priority = $1::int)"],
        [1],
    ),
    ("subtasks: {none: {}}", [f"NOT EXISTS ({SUBTASK})"], []),
    (
        "subtasks: {every: {priority: {eq: 1}}}",
        [f"NOT EXISTS ({SUBTASK} AND (task$1.priority = $1::int) IS NOT TRUE)"],
        [1],
    ),
]


@pytest.mark.parametrize(("given", "conditions", "parameters"), CONDITIONS)
def test_a_filter_becomes_conditions(given: str, conditions: list[str], parameters: list[Any]) -> None:
    assert compiled(where, "Task", f"where: {{{given}}}", n=7, status="RUNNING") == (conditions, parameters)


def test_without_an_argument_there_is_no_condition() -> None:
    assert compiled(where, "Task", "") == ([], [])


def test_rows_that_a_filter_leads_to_are_those_that_the_viewer_may_see() -> None:
    (condition,), parameters = compiled(
        where, "Project", 'where: {tasks: {some: {name: {eq: "a"}}}}', is_admin=False
    )
    assert "projects" not in condition, "the way is proven: who sees the project sees its tasks"
    (condition,), parameters = compiled(
        where, "User", 'where: {projects: {some: {name: {eq: "a"}}}}', is_admin=False
    )
    assert "project$1.owner_id" in condition
    assert parameters == [VIEWER, "a"]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("where: null", ("where",)),
        ("where: {status: null}", ("where", "status")),
        ("where: {status: {eq: null}}", ("where", "status", "eq")),
        ("where: {and: [null]}", ("where", "and", "0")),
        ("where: {project: {name: {eq: null}}}", ("where", "project", "name", "eq")),
        ("where: {priority: {eq: 1.5}}", ("where", "priority", "eq")),
        ("where: {or: [{priority: {in: [1, 3000000000]}}]}", ("where", "or", "0", "priority", "in")),
    ],
)
def test_what_is_no_condition_is_refused_with_its_place(given: str, path: tuple[str, ...]) -> None:
    with pytest.raises(ArgumentInvalid) as refusal:
        compiled(where, "Task", given)
    assert refusal.value.path == ("list", *path)


def test_a_filter_leads_through_a_few_tables_only() -> None:
    def chain(tables: int) -> str:
        return "where: {" + "parent: {" * tables + "priority: {eq: 1}" + "}" * tables + "}"

    compiled(where, "Task", chain(DEEPEST_RELATIONS))
    with pytest.raises(TooManyRelations) as refusal:
        compiled(where, "Task", chain(DEEPEST_RELATIONS + 1))
    assert refusal.value.path[:3] == ("list", "where", "parent")


def test_a_filter_asks_only_so_many_tables() -> None:
    parts = ["{parent: {priority: {eq: 1}}}"] * (MOST_RELATIONS + 1)
    compiled(where, "Task", f"where: {{or: [{', '.join(parts[1:])}]}}")
    with pytest.raises(TooManyRelations):
        compiled(where, "Task", f"where: {{or: [{', '.join(parts)}]}}")


@pytest.mark.parametrize("condition", ["{priority: {eq: 1}}", "{status: {eq: RUNNING}}"])
def test_a_statement_has_only_so_many_conditions(condition: str) -> None:
    parts = [condition] * (MOST_PARAMETERS + 1)
    compiled(where, "Task", f"where: {{or: [{', '.join(parts[1:])}]}}")
    with pytest.raises(ArgumentInvalid, match="more than 5000 conditions"):
        compiled(where, "Task", f"where: {{or: [{', '.join(parts)}]}}")


def test_past_a_few_tables_each_is_planned_by_itself() -> None:
    parts = ["{parent: {priority: {eq: 1}}}"] * (MOST_JOINED + 1)
    conditions, _ = compiled(where, "Task", f"where: {{and: [{', '.join(parts)}]}}")
    assert [condition.endswith(" IS TRUE)") for condition in conditions] == [False] * MOST_JOINED + [True]
