"""Ids of rows of any table."""

import pytest
from hypothesis import given
from hypothesis.strategies import text

from gql.planner.errors import ArgumentInvalid
from gql.planner.node_ids import compile_node_id, make_node_id, named_type, require_type, split_node_id
from tests.unit.gql.planner.clauses import CATALOG

PATH = ("node", "nodeId")


@given(text(max_size=30))
def test_an_id_comes_back_as_its_type_and_key(key: str) -> None:
    assert split_node_id(make_node_id("Task", key), PATH) == ("Task", key)
    assert named_type(make_node_id("Task", key)) == "Task"


def test_postgresql_makes_the_same() -> None:
    assert compile_node_id(CATALOG.types["Task"], "t") == (
        "translate(encode(convert_to('Task:' || t.id, 'UTF8'), 'base64'), E'\\n', '')"
    )


@pytest.mark.parametrize(
    "node_id", ["", "x", "VGFzazox=", "VGFzaw==", "VGFzazp" + "a" * 300, "4pyTOjE", None, 7]
)
def test_what_this_server_cannot_have_made_is_refused_with_its_place(node_id: object) -> None:
    with pytest.raises(ArgumentInvalid) as refusal:
        split_node_id(node_id, PATH)
    assert refusal.value.path == PATH
    assert named_type(node_id) is None


def test_an_id_of_another_type_is_refused() -> None:
    require_type("Task", "Task", PATH)
    with pytest.raises(ArgumentInvalid, match="not one of a Project"):
        require_type("Task", "Project", PATH)
