"""Figures of an instance and all below it."""

import pytest

from gql.planner.subtree_usage import FIGURES, compile_subtree_usage
from tests.unit.gql.planner.clauses import VIEWER, asked, bound, statement


@pytest.mark.parametrize("name", FIGURES)
def test_each_figure_is_made_once_within_and_shown_around(name: str) -> None:
    text = compile_subtree_usage(statement(), "cc_instance$1", asked("", name))
    made = FIGURES[name].sql.format(row="cc_usage$1")
    assert f"{made} AS figure$1\n" in text
    assert f'AS "{name}"' in text.splitlines()[0]


def test_no_figure_still_gives_one_row() -> None:
    text = compile_subtree_usage(statement(), "cc_instance$1", asked("", "__typename"))
    assert text.startswith("SELECT 'SubtreeUsage' AS \"__typename\"\nFROM (\nSELECT count(*)\n")


def test_rows_are_those_of_the_tree_that_the_viewer_may_see() -> None:
    everything, made = statement(), statement(is_admin=False)
    text = compile_subtree_usage(everything, "cc_instance$1", asked("", "requests"))
    assert "WHERE cc_usage$1.cc_instance_id = below$1.id OFFSET 0" in text
    assert bound(everything, {}) == []
    assert "cc_usage$1.cc_instance_id = below$1.id AND " in compile_subtree_usage(
        made, "cc_instance$1", asked("", "requests")
    )
    assert set(bound(made, {})) == {VIEWER}
