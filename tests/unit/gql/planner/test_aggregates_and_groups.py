"""Figures over the rows of a filter, and over groups of them."""

import pytest

from gql.planner.aggregates import compile_aggregate, measured, measured_kind
from gql.planner.column_types import ColumnType
from gql.planner.connections import Filter
from gql.planner.errors import ArgumentInvalid
from gql.planner.groups import MOST_GROUPS, compile_groups, group_keys
from tests.unit.gql.planner.clauses import CATALOG, asked, bound, statement

TASK = CATALOG.types["Task"]


def aggregate(selection: str, where: str = "") -> tuple[str, list[object]]:
    made = statement()
    arguments = asked(where).arguments(made.env)
    return compile_aggregate(Filter(made, TASK, None, arguments), asked("", selection)), bound(made, {})


def groups(given: str, selection: str) -> str:
    made = statement()
    return compile_groups(Filter(made, TASK, None, {}), asked(given, selection))


def test_all_figures_are_computed_in_one_pass_over_the_filtered_rows() -> None:
    text, parameters = aggregate("n: count sum { priority } avg { priority }", "where: {priority: {gt: 2}}")
    assert text == (
        'SELECT figures$1.count$1 AS "n", sum$1 AS "sum", avg$1 AS "avg"\n'
        "FROM (\nSELECT count(*) AS count$1, sum(task$1.priority) AS figure$1,"
        " avg(task$1.priority) AS figure$2\n"
        "FROM tasks AS task$1\nWHERE task$1.priority > $1::int\n) AS figures$1\n"
        'CROSS JOIN LATERAL (SELECT figures$1.figure$1::text AS "priority") AS sum$1\n'
        'CROSS JOIN LATERAL (SELECT figures$1.figure$2::double precision AS "priority") AS avg$1'
    )
    assert parameters == [2]


def test_a_percentile_is_a_parameter_that_its_columns_share() -> None:
    text, parameters = aggregate(
        "p50: percentile(p: 0.5) { priority } p95: percentile(p: 0.95) { priority actualDurationMinutes }"
    )
    assert (
        "SELECT percentile_cont($1::double precision) WITHIN GROUP (ORDER BY task$1.priority) AS figure$1,"
        " percentile_cont($2::double precision) WITHIN GROUP (ORDER BY task$1.priority) AS figure$2,"
        " percentile_cont($2::double precision) WITHIN GROUP (ORDER BY task$1.actual_duration_minutes)"
        " AS figure$3\nFROM"
    ) in text
    assert text.startswith('SELECT percentile$1 AS "p50", percentile$2 AS "p95"\n')
    assert 'figures$1.figure$3::double precision AS "actualDurationMinutes") AS percentile$2' in text
    assert parameters == [0.5, 0.95]


@pytest.mark.parametrize("p", ["-0.1", "1.01", "2", "1e400"])
def test_a_percentile_lies_within_all_rows(p: str) -> None:
    with pytest.raises(ArgumentInvalid) as refusal:
        aggregate(f"percentile(p: {p}) {{ priority }}")
    assert refusal.value.path == ("list", "percentile", "p")


def test_a_percentile_of_nothing_but_names_has_no_parameter() -> None:
    _, parameters = aggregate("percentile(p: 0.5) { __typename }")
    assert parameters == [], "PostgreSQL refuses one that nothing uses"


def test_nothing_but_names_is_still_one_row() -> None:
    text, _ = aggregate("__typename")
    assert text.startswith("SELECT 'TaskAggregate' AS \"__typename\"\nFROM (\nSELECT count(*)\n")


def test_numbers_have_sums_and_what_has_an_order_has_extremes() -> None:
    assert {column.field for column in measured(TASK, "sum")} == {
        "priority",
        "estimatedDurationMinutes",
        "actualDurationMinutes",
    }
    assert "createdAt" in {column.field for column in measured(TASK, "max")}
    assert measured_kind("sum", ColumnType.INT) is ColumnType.BIGINT
    assert measured_kind("avg", ColumnType.INT) is ColumnType.FLOAT
    assert measured_kind("max", ColumnType.DATETIME) is ColumnType.DATETIME


def test_groups_are_in_the_order_of_their_keys() -> None:
    text = groups("by: [STATUS, CREATED_AT_DAY]", "key { status createdAtDay name } count")
    assert (
        "SELECT task$1.status AS part$1, date_trunc('day', task$1.created_at, 'UTC') AS part$2,"
        " count(*) AS count$1\n"
        "FROM tasks AS task$1\nGROUP BY 1, 2\nORDER BY 1, 2\nLIMIT 100\n"
    ) in text
    assert 'NULL AS "name"' in text, "what is not grouped by has no value"
    assert text.endswith("\nORDER BY groups$1.part$1, groups$1.part$2\n) AS item$1")


def test_grouping_by_the_same_twice_is_grouping_by_it_once() -> None:
    assert groups("by: [STATUS, STATUS]", "count") == groups("by: STATUS", "count")


@pytest.mark.parametrize("first", [-1, MOST_GROUPS + 1])
def test_more_groups_than_there_may_be_are_refused(first: int) -> None:
    with pytest.raises(ArgumentInvalid) as refusal:
        groups(f"by: [STATUS], first: {first}", "count")
    assert refusal.value.path == ("list", "first")


def test_json_is_nothing_to_group_by_and_times_have_parts() -> None:
    keys = group_keys(TASK)
    assert "INPUT_DATA" not in keys
    assert {
        "CREATED_AT",
        "CREATED_AT_HOUR",
        "CREATED_AT_DAY",
        "CREATED_AT_WEEK",
        "CREATED_AT_MONTH",
    } <= keys.keys()
