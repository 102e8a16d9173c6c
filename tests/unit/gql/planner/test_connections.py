"""Lists of rows with all that can be asked of them."""

from gql.planner.connections import compile_connection
from tests.unit.gql.planner.clauses import CATALOG, VIEWER, asked, bound, statement

TASK = CATALOG.types["Task"]


def connection(given: str, selection: str, *, is_admin: bool = True) -> tuple[str, list[object]]:
    made = statement(is_admin=is_admin)
    return compile_connection(made, TASK, None, asked(given, selection)), bound(made, {})


def test_a_count_alone_reads_no_rows() -> None:
    assert connection("where: {priority: {eq: 1}}", "totalCount __typename") == (
        'SELECT (SELECT count(*) FROM tasks AS task$1\nWHERE task$1.priority = $1::int) AS "totalCount",'
        " 'TaskConnection' AS \"__typename\"",
        [1],
    )


def test_rows_are_taken_once_for_all_lists_of_them() -> None:
    text, _ = connection("first: 2", "nodes { id } more: nodes { name } edges { cursor node { id } }")
    assert text.count("FROM tasks AS") == 1
    assert "LIMIT 2\n" in text


def test_one_more_row_is_read_only_to_know_whether_there_is_one() -> None:
    assert "LIMIT 3\n" in connection("first: 2", "nodes { id } pageInfo { hasNextPage }")[0]
    assert "LIMIT 2\n" in connection("first: 2", "nodes { id }")[0]


def test_a_filter_holds_for_rows_figures_and_count_with_parameters_of_their_own() -> None:
    text, parameters = connection(
        "where: {priority: {eq: 1}}",
        "nodes { id } totalCount aggregate { count } groups(by: [STATUS]) { count }",
    )
    assert text.count("priority = $") == 4
    assert parameters == [1, 1, 1, 1]


def test_every_part_has_the_predicate_of_the_viewer() -> None:
    text, parameters = connection("", "nodes { id } totalCount aggregate { count }", is_admin=False)
    assert text.count("owner_id = $1::int") >= 3
    assert parameters == [VIEWER]
