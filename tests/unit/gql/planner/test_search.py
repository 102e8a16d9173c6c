"""Search by the index of the table."""

import pytest

from gql.planner.catalog import TableType
from gql.planner.errors import ArgumentInvalid
from gql.planner.search import compile_rank, compile_search
from gql.planner.statement import Statement
from gql.planner.values import Value
from tests.unit.gql.planner.clauses import CATALOG, compiled


def search(made: Statement, table: TableType, alias: str, given: dict[str, Value]) -> list[str]:
    return compile_search(made, table, alias, given.get("search"))


def rank(made: Statement, table: TableType, alias: str, given: dict[str, Value]) -> str:
    return compile_rank(made, table, alias, given["search"])


def test_the_first_condition_is_that_of_the_index_with_the_words_as_one_parameter() -> None:
    (condition, phrases), parameters = compiled(search, "Task", 'search: "東京 error"')
    assert condition.startswith("ccgraph_tsvector(t.name || ' ' || COALESCE(t.description, '')) @@ (SELECT ")
    assert "ccgraph_plain(t.name || ' ' || COALESCE(t.description, '')) LIKE ALL" in phrases
    assert "$2" not in condition + phrases
    assert parameters == ["東京 error"]


def test_without_words_or_without_an_index_there_is_no_condition() -> None:
    (without,) = {name for name in ("User",) if CATALOG.types[name].search is None}
    assert compiled(search, "Task", "") == ([], [])
    assert compiled(search, without, 'search: "a"') == ([], [])


def test_a_rank_is_a_double_so_that_cursors_have_all_its_digits() -> None:
    expression, parameters = compiled(rank, "Task", 'search: "a"')
    assert expression.endswith("::double precision")
    assert parameters == ["a"]


def test_null_is_refused_and_so_is_a_rank_in_a_list_without_an_index() -> None:
    for compile_, table, given in ((search, "Task", "null"), (rank, "User", '"a"')):
        with pytest.raises(ArgumentInvalid) as refusal:
            compiled(compile_, table, f"search: {given}")
        assert refusal.value.path == ("list", "search")
