"""Fields that no column gives: the tree of instances, and what tasks wait for."""

import pytest

from gql.planner.computed_fields import EXPRESSIONS, LINKS
from gql.planner.errors import ArgumentInvalid
from tests.unit.gql.planner.clauses import VIEWER, asked, bound, statement


def test_a_task_is_ready_when_it_waits_and_nothing_that_it_needs_is_open() -> None:
    assert EXPRESSIONS["Task", "isReady"](statement(), "t") == (
        "(t.status IN ('PENDING', 'QUEUED') AND NOT EXISTS (SELECT FROM task_dependencies AS edge"
        " JOIN tasks AS blocker ON blocker.id = edge.dependency_task_id WHERE edge.task_id = t.id"
        " AND edge.dependency_type IN ('blocks', 'requires') AND blocker.status <> 'COMPLETED'))"
    )


@pytest.mark.parametrize(
    ("field", "mine", "others"),
    [("blockedBy", "task_id", "dependency_task_id"), ("blocks", "dependency_task_id", "task_id")],
)
def test_dependencies_lead_both_ways(field: str, mine: str, others: str) -> None:
    link = LINKS["Task", field](statement(), "t", asked(""))
    assert list(link.conditions("other")) == [
        f"other.id IN (SELECT edge.{others} FROM task_dependencies AS edge WHERE edge.{mine} = t.id"
        " AND edge.dependency_type IN ('blocks', 'requires'))"
    ]
    assert not link.proven, "which of them the viewer may see is asked of each"


def test_the_depth_of_an_instance_counts_the_ancestors_that_the_viewer_may_see() -> None:
    everything, made = statement(), statement(is_admin=False)
    depth = EXPRESSIONS["CcInstance", "depth"]
    assert depth(everything, "t").endswith(" SELECT count(*) FROM tree)")
    assert bound(everything, {}) == []
    assert "owner_id" in depth(made, "t")
    assert bound(made, {}) == [VIEWER]


def test_descendants_go_as_deep_as_is_asked() -> None:
    def conditions(given: str) -> str:
        return " ".join(
            LINKS["CcInstance", "descendants"](statement(), "t", asked(given)).conditions("other")
        )

    assert conditions("maxDepth: 2") != conditions("maxDepth: 3")
    for depth in (0, -1, 10_000):
        with pytest.raises(ArgumentInvalid) as refusal:
            conditions(f"maxDepth: {depth}")
        assert refusal.value.path == ("list", "maxDepth")
