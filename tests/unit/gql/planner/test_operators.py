"""The operators of each kind of column, and of places in JSON."""

from typing import Any

import pytest

from gql.planner.catalog import TableType
from gql.planner.column_types import ColumnType
from gql.planner.errors import ArgumentInvalid
from gql.planner.operators import operators_of
from gql.planner.statement import Statement
from gql.planner.values import Value
from gql.planner.where import compile_where
from tests.unit.gql.planner.clauses import compiled


def where(made: Statement, table: TableType, alias: str, given: dict[str, Value]) -> list[str]:
    return compile_where(made, table, alias, given["where"])


PLACE = "(t.filter_rules #> $1::text[])"
TEXT = "(t.filter_rules #>> $1::text[])"

CONDITIONS: list[tuple[str, str, list[str], list[Any]]] = [
    ("Task", "priority: {neq: 1}", ["t.priority IS DISTINCT FROM $1::int"], [1]),
    ("Task", "priority: {notIn: [1]}", ["(t.priority = ANY($1::int[])) IS NOT TRUE"], [[1]]),
    ("Task", "priority: {in: []}", ["t.priority = ANY($1::int[])"], [[]]),
    ("Task", "name: {isNull: true}", ["t.name IS NULL"], []),
    ("Task", "name: {isNull: false}", ["t.name IS NOT NULL"], []),
    ("Task", 'name: {contains: "a"}', ["strpos(t.name, $1::text) > 0"], ["a"]),
    ("Task", 'name: {startsWith: "b"}', ["t.name ^@ $1::text"], ["b"]),
    ("Task", 'name: {like: "a%"}', ["t.name LIKE $1::text"], ["a%"]),
    ("Task", 'name: {ilike: "%c"}', ["t.name ILIKE $1::text"], ["%c"]),
    ("Task", "mcpEnabled: {eq: true}", ["t.mcp_enabled = $1::boolean"], [True]),
    (
        "NotificationSetting",
        "filterRules: {contains: {a: 1}}",
        ["t.filter_rules @> $1::text::jsonb"],
        ['{"a":1}'],
    ),
    ("NotificationSetting", 'filterRules: {hasKey: "a"}', ["t.filter_rules ? $1::text"], ["a"]),
    ("NotificationSetting", "filterRules: {isNull: true}", ["t.filter_rules IS NULL"], []),
    ("NotificationSetting", 'filterRules: {path: {at: ["a"]}}', [], []),
    (
        "NotificationSetting",
        'filterRules: {path: {at: ["a", "b"], eq: 1}}',
        [f"{PLACE} = $2::text::jsonb"],
        [["a", "b"], "1"],
    ),
    (
        "NotificationSetting",
        'filterRules: {path: {at: ["a"], gt: 1}}',
        [f"(jsonb_typeof({PLACE}) = jsonb_typeof($3::text::jsonb) AND {PLACE} > $2::text::jsonb)"],
        [["a"], "1", "1"],
    ),
    (
        "NotificationSetting",
        'filterRules: {path: {at: ["a"], like: "x%"}}',
        [f"{TEXT} LIKE $2::text"],
        [["a"], "x%"],
    ),
    ("NotificationSetting", 'filterRules: {path: {at: ["a"], isNull: true}}', [f"{TEXT} IS NULL"], [["a"]]),
]


@pytest.mark.parametrize(("table", "given", "conditions", "parameters"), CONDITIONS)
def test_an_operator_becomes_a_condition(
    table: str, given: str, conditions: list[str], parameters: list[Any]
) -> None:
    assert compiled(where, table, f"where: {{{given}}}") == (conditions, parameters)


@pytest.mark.parametrize(
    ("table", "given", "path"),
    [
        ("Task", 'name: {like: "a\\\\"}', ("name", "like")),
        ("Task", 'projectId: {eq: "x"}', ("projectId", "eq")),
        ("Task", 'createdAt: {gt: "yesterday"}', ("createdAt", "gt")),
        ("NotificationSetting", 'filterRules: {path: {at: ["a"], eq: null}}', ("filterRules", "path", "eq")),
    ],
)
def test_an_operand_that_does_not_fit_is_refused_with_its_place(
    table: str, given: str, path: tuple[str, ...]
) -> None:
    with pytest.raises(ArgumentInvalid) as refusal:
        compiled(where, table, f"where: {{{given}}}")
    assert refusal.value.path == ("list", "where", *path)


def test_every_kind_can_be_asked_for_rows_without_a_value() -> None:
    for kind in ColumnType:
        assert "isNull" in operators_of(kind), kind
        assert ("eq" in operators_of(kind)) is (kind is not ColumnType.JSON), kind
