"""One row by a key, and nodes by their ids."""

import pytest

from gql.planner.errors import ArgumentInvalid
from gql.planner.lookups import MOST_NODES, compile_lookup, compile_me, compile_node, compile_nodes
from gql.planner.node_ids import make_node_id
from tests.unit.gql.planner.clauses import CATALOG, VIEWER, asked, bound, statement

KEY = "0197a1b2-0000-7000-8000-00000000abcd"
TASK, USER = make_node_id("Task", KEY), make_node_id("User", 7)


def test_a_row_is_looked_up_by_the_key_that_is_named() -> None:
    made = statement()
    text = compile_lookup(made, CATALOG.types["Task"], asked(f'by: {{id: "{KEY}"}}', "name"))
    assert text == 'SELECT task$1.name AS "name"\nFROM tasks AS task$1\nWHERE task$1.id = $1::uuid'
    assert [str(value) for value in bound(made, {})] == [KEY]


def test_of_a_viewer_it_is_asked_whether_the_row_may_be_seen() -> None:
    made = statement(is_admin=False)
    text = compile_lookup(made, CATALOG.types["Task"], asked(f'by: {{id: "{KEY}"}}', "name"))
    assert text.startswith(
        'SELECT task$1.name AS "name"\nFROM tasks AS task$1\nWHERE task$1.id = $1::uuid AND '
    )
    assert VIEWER in bound(made, {})


def test_a_key_that_only_its_making_makes_unique_gives_one_row() -> None:
    text = compile_lookup(statement(), CATALOG.types["CcLog"], asked(f'by: {{id: "{KEY}"}}', "__typename"))
    assert text.endswith("\nLIMIT 1")


@pytest.mark.parametrize("given", ["by: {}", "by: {id: null}", f'by: {{id: "{KEY}", nodeId: "{TASK}"}}'])
def test_exactly_one_key_is_to_be_given(given: str) -> None:
    with pytest.raises(ArgumentInvalid, match="exactly one key") as refusal:
        compile_lookup(statement(), CATALOG.types["Task"], asked(given))
    assert refusal.value.path == ("list", "by")


def test_a_node_id_of_another_table_is_refused() -> None:
    with pytest.raises(ArgumentInvalid):
        compile_lookup(statement(), CATALOG.types["Task"], asked(f'by: {{nodeId: "{USER}"}}'))


def test_a_node_is_looked_up_in_the_table_that_its_id_names() -> None:
    made = statement()
    text = compile_node(made, asked(f'nodeId: "{USER}"', "__typename"))
    assert text.endswith("FROM users AS user$1\nWHERE user$1.id = $1::int")
    assert bound(made, {}) == [7]


def test_the_same_plan_takes_another_id_of_the_same_table_alone() -> None:
    made = statement(one=USER)
    compile_node(made, asked("nodeId: $one", "__typename"))
    assert bound(made, {"one": make_node_id("User", 8)}) == [8]
    with pytest.raises(ArgumentInvalid):
        bound(made, {"one": TASK})


def test_nodes_come_in_the_order_of_their_ids_each_table_with_its_own_keys() -> None:
    made = statement(ids=[USER, TASK, USER])
    text = compile_nodes(made, asked("nodeIds: $ids", "__typename"))
    assert "unnest($1::int[], $2::uuid[]) WITH ORDINALITY AS wanted (key$1, key$2, place)" in text
    assert "ORDER BY wanted.place" in text
    users, tasks = bound(made, {"ids": [USER, TASK, USER]})
    assert users == [7, None, 7]
    assert [str(key) for key in tasks] == ["None", KEY, "None"]  # type: ignore[attr-defined]


def test_no_node_is_an_empty_list_and_too_many_are_refused() -> None:
    assert compile_nodes(statement(ids=[]), asked("nodeIds: $ids")) == "SELECT '[]'::json"
    many = [make_node_id("User", number) for number in range(MOST_NODES + 1)]
    with pytest.raises(ArgumentInvalid, match=str(MOST_NODES)):
        compile_nodes(statement(ids=many), asked("nodeIds: $ids"))


def test_me_is_the_row_of_the_viewer() -> None:
    made = statement()
    assert compile_me(made, asked("", "username")).endswith("WHERE user$1.id = $1::int")
    assert bound(made, {}) == [VIEWER]
