"""The rows that a change by filter is about."""

from gql.planner.lock_keys import compile_keys
from tests.unit.gql.planner.clauses import VIEWER, asked, bound, statement


def test_the_keys_come_in_their_order_and_are_held() -> None:
    env = statement().env
    where = asked("where: {priority: {eq: 1}}").arguments(env)["where"]
    plan = compile_keys(env, "Task", where, 11)
    assert plan.sql == (
        "SELECT task$1.id FROM tasks AS task$1 WHERE task$1.priority = $1::int ORDER BY task$1.id LIMIT 11"
        " FOR NO KEY UPDATE OF task$1"
    )
    assert plan.bind(7, {}) == [1]


def test_only_what_the_viewer_may_see_is_held() -> None:
    made = statement(is_admin=False)
    plan = compile_keys(made.env, "Task", asked("where: {}").arguments(made.env)["where"], 2)
    assert "owner_id = $1::int" in plan.sql
    assert plan.bind(7, {}) == [7]
    assert bound(made, {}) == [], "the plan has a statement of its own"
    assert VIEWER not in plan.sql
