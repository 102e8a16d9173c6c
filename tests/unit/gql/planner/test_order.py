"""Orders: total, the same backwards, and told apart by their fingerprint."""

from typing import Any

import pytest

from gql.planner.catalog import TableType
from gql.planner.errors import ArgumentInvalid, TooManyRelations
from gql.planner.order import RANK, compile_order
from gql.planner.statement import DEEPEST_RELATIONS, Statement
from gql.planner.values import Value
from tests.unit.gql.planner.clauses import VIEWER, compiled


def forth_and_back(made: Statement, table: TableType, alias: str, given: dict[str, Value]) -> tuple[str, ...]:
    order = compile_order(made, table, alias, given)
    return order.text(reverse=False), order.text(reverse=True), order.joined


def fingerprint(made: Statement, table: TableType, alias: str, given: dict[str, Value]) -> str:
    return compile_order(made, table, alias, given).fingerprint


PLACE = "NULLIF(t.input_data #> $1::text[], 'null'::jsonb)"
JOIN = "\nLEFT JOIN projects AS project$1 ON project$1.project_id = t.project_id"

ORDERS: list[tuple[str, tuple[str, str, str], list[Any]]] = [
    ("", ("t.id", "t.id DESC", ""), []),
    ("orderBy: []", ("t.id", "t.id DESC", ""), []),
    ("orderBy: {priority: ASC}", ("t.priority, t.id", "t.priority DESC, t.id DESC", ""), []),
    ("orderBy: [{priority: DESC}]", ("t.priority DESC, t.id DESC", "t.priority, t.id", ""), []),
    (
        "orderBy: [{priority: DESC}, {priority: ASC}, {id: ASC}]",
        ("t.priority DESC, t.id", "t.priority, t.id DESC", ""),
        [],
    ),
    (
        "orderBy: {completedAt: DESC_NULLS_LAST}",
        ("t.completed_at DESC NULLS LAST, t.id DESC", "t.completed_at NULLS FIRST, t.id", ""),
        [],
    ),
    (
        "orderBy: {completedAt: ASC_NULLS_FIRST}",
        ("t.completed_at NULLS FIRST, t.id", "t.completed_at DESC NULLS LAST, t.id DESC", ""),
        [],
    ),
    ("orderBy: {project: {name: ASC}}", ("project$1.name, t.id", "project$1.name DESC, t.id DESC", JOIN), []),
    (
        'orderBy: {inputData: {at: ["a", "b"], direction: DESC}}',
        (f"{PLACE} DESC, t.id DESC", f"{PLACE}, t.id", ""),
        [["a", "b"]],
    ),
]


@pytest.mark.parametrize(("given", "order", "parameters"), ORDERS)
def test_an_order_ends_with_the_key(given: str, order: tuple[str, str, str], parameters: list[Any]) -> None:
    assert compiled(forth_and_back, "Task", given) == (order, parameters)


@pytest.mark.parametrize("given", ['search: "x"', 'search: "x", orderBy: {rank: DESC}'])
def test_what_is_searched_for_is_ordered_by_rank(given: str) -> None:
    (order, _, _), parameters = compiled(forth_and_back, "Task", given)
    assert order.startswith("(CASE WHEN ")
    assert order.endswith(" END)::double precision DESC, t.id DESC")
    assert parameters == ["x"]


def test_a_row_that_is_ordered_by_is_one_that_the_viewer_may_see() -> None:
    (order, _, join), parameters = compiled(
        forth_and_back, "Session", "orderBy: {project: {name: ASC}}", is_admin=False
    )
    assert order == "project$1.name, t.id"
    assert "project$1.owner_id" in join
    assert parameters == [VIEWER]


@pytest.mark.parametrize(
    ("given", "path", "words"),
    [
        ("orderBy: null", ("orderBy",), "is null"),
        ("orderBy: [{}]", ("orderBy", "0"), "exactly one field"),
        ("orderBy: [{priority: ASC, name: ASC}]", ("orderBy", "0"), "exactly one field"),
        ("orderBy: [null]", ("orderBy", "0"), "exactly one field"),
        ("orderBy: [{priority: null}]", ("orderBy", "0", "priority"), "give a direction"),
        ("orderBy: [{rank: DESC}]", ("orderBy", "0", RANK), "needs a `search`"),
        ('search: "x", orderBy: [{project: {rank: ASC}}]', ("orderBy", "0", "project", RANK), "of the list"),
        ("orderBy: [{inputData: {at: [1]}}]", ("orderBy", "0", "inputData", "at"), "must be"),
        (
            'orderBy: [{inputData: {at: ["a"], direction: null}}]',
            ("orderBy", "0", "inputData", "direction"),
            "is null",
        ),
    ],
)
def test_what_is_no_order_is_refused_with_its_place(given: str, path: tuple[str, ...], words: str) -> None:
    with pytest.raises(ArgumentInvalid, match=words) as refusal:
        compiled(forth_and_back, "Task", given)
    assert refusal.value.path == ("list", *path)


def test_an_order_leads_through_a_few_tables_only() -> None:
    tables = DEEPEST_RELATIONS + 1
    with pytest.raises(TooManyRelations):
        compiled(
            forth_and_back, "Task", "orderBy: {" + "parent: {" * tables + "name: ASC" + "}" * (tables + 1)
        )


def test_orders_that_differ_have_different_fingerprints() -> None:
    given = ["", *(f"orderBy: {{{order}}}" for order in ("priority: ASC", "priority: DESC", "name: ASC"))]
    given += [f'orderBy: {{inputData: {{at: ["{at}"]}}}}' for at in "ab"]
    prints = [compiled(fingerprint, "Task", order)[0] for order in given]
    assert len(set(prints)) == len(given)
    assert compiled(fingerprint, "Project", "")[0] not in prints
