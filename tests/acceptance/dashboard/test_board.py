"""The board of tasks and the graph of what depends on what, in a real browser."""

from typing import Final

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.acceptance.dashboard.conftest import PASSWORD, Fleet
from tests.support.dashboard import (
    NEEDS_BUILD,
    NEEDS_CHROMIUM,
    NEEDS_PACKAGES,
    log_in,
    quickest,
    until,
    violations,
)
from tests.support.serving import LiveServer

pytestmark = [pytest.mark.browser, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]

TASK: Final = """
INSERT INTO tasks (project_id, name, task_type, status, priority, estimated_duration_minutes, assigned_to,
  lease_expires_at)
VALUES ($1::text::uuid, $2, 'development', $3::text, $4, $5, $6::text::uuid,
  CASE WHEN $6::text IS NOT NULL THEN now() + interval '5 minutes' END) RETURNING id
"""
BLOCKS: Final = (
    "INSERT INTO task_dependencies (task_id, dependency_task_id, dependency_type) VALUES ($1, $2, 'blocks')"
)


@pytest.fixture
def board(home: Page, fleet: Fleet) -> Page:
    """The board of four tasks; `Ship it` waits for the one that the instance holds."""
    made = [
        fleet.sql(TASK, fleet.project_id, name, status, priority, minutes, holder)[0]["id"]
        for name, status, priority, minutes, holder in (
            ("設計を決める", "RUNNING", 7, 90, fleet.instance_id),
            ("Ship it", "PENDING", 9, 30, None),
            ("Tidy up", "PENDING", 2, None, None),
            ("Plan", "COMPLETED", 5, 10, None),
        )
    ]
    fleet.sql(BLOCKS, made[1], made[0])
    fleet.sql(BLOCKS, made[0], made[3])
    home.keyboard.press("g")
    home.keyboard.press("b")
    home.get_by_role("button", name="Tidy up").wait_for()
    return home


def test_how_far_the_work_is_and_a_change_by_plain_sql(board: Page, fleet: Fleet) -> None:
    running = board.get_by_role("region", name="Running: 1")
    expect(running).to_contain_text("Held by 東京-parent")
    expect(running).to_contain_text("claim ends in")
    expect(running).to_contain_text("Holds back 1")
    pending = board.get_by_role("region", name="Pending: 2")
    expect(pending.get_by_role("listitem").first).to_contain_text("Waits for 1: 設計を決める")
    expect(board.get_by_role("region", name="Completed: 1")).to_contain_text("Plan")

    fleet.sql("UPDATE tasks SET status = 'FAILED' WHERE name = 'Tidy up'")

    expect(board.get_by_role("region", name="Failed: 1")).to_contain_text("Tidy up")

    def raise_to(priority: int) -> None:
        fleet.sql("UPDATE tasks SET priority = $1 WHERE name = 'Tidy up'", priority)
        expect(board.get_by_role("region", name="Failed: 1")).to_contain_text(f"Priority {priority} of 10")

    assert quickest(raise_to, 3, 4, 5) < 1.5
    running.get_by_role("link", name="東京-parent").click()
    expect(board.get_by_role("heading", name="東京-parent")).to_be_visible()


def test_a_task_is_moved_and_raised_by_the_keyboard_alone(board: Page, fleet: Fleet) -> None:
    for key in ("j", "j", "j", "k", "j", "+", ">"):
        board.keyboard.press(key)

    queued = board.get_by_role("region", name="Queued: 1")
    expect(queued).to_contain_text("Tidy up")
    expect(queued).to_contain_text("Priority 3 of 10")
    board.keyboard.press("<")
    expect(board.get_by_role("region", name="Pending: 2")).to_contain_text("Tidy up")
    board.keyboard.press("s")
    expect(board.get_by_role("combobox", name="Status", exact=True)).to_be_focused()
    board.get_by_role("combobox", name="Priority", exact=True).select_option("10")
    first = board.get_by_role("region", name="Pending: 2").get_by_role("listitem").first
    expect(first).to_contain_text("Tidy up")
    board.get_by_role("combobox", name="Status", exact=True).select_option("FAILED")
    expect(board.get_by_role("region", name="Failed: 1")).to_contain_text("Tidy up")
    until(
        board,
        lambda: fleet.sql("SELECT FROM tasks WHERE name = 'Tidy up' AND status = 'FAILED' AND priority = 10"),
    )


def test_a_task_is_dragged_where_it_may_go_and_takes_the_priority_of_another(
    board: Page, fleet: Fleet
) -> None:
    tidy_up = board.get_by_role("article").filter(has_text="Tidy up")
    tidy_up.drag_to(board.get_by_role("article").filter(has=board.get_by_role("button", name="Ship it")))
    pending = board.get_by_role("region", name="Pending: 2")
    expect(pending.get_by_role("article").filter(has_text="Tidy up")).to_contain_text("Priority 9 of 10")

    tidy_up.drag_to(board.get_by_role("heading", name="Completed: 1"))
    expect(pending).to_contain_text("Tidy up")
    tidy_up.drag_to(board.get_by_role("heading", name="Queued: 0"))
    expect(board.get_by_role("region", name="Queued: 1")).to_contain_text("Tidy up")
    written = "SELECT FROM tasks WHERE name = 'Tidy up' AND status = 'QUEUED' AND priority = 9"
    for _ in range(100):
        if fleet.sql(written):
            break
        board.wait_for_timeout(50)
    assert fleet.sql(written)


def test_a_change_that_meets_anothers_is_told_and_taken_back(board: Page, fleet: Fleet) -> None:
    board.get_by_role("button", name="Tidy up").click()
    menu = board.get_by_role("combobox", name="Status", exact=True)
    menu.wait_for()

    def change_before(route: Route) -> None:
        """The other change comes between the choice and its arrival at the server, once."""
        if "ChangeTask" in (route.request.post_data or ""):
            fleet.sql("UPDATE tasks SET priority = 4 WHERE name = 'Tidy up'")
        route.continue_()

    board.route("**/graphql", change_before)
    menu.select_option("QUEUED")

    expect(board.get_by_text("Somebody else has changed this task in the meantime.")).to_be_visible()
    expect(board.get_by_role("region", name="Pending: 2")).to_contain_text("Tidy up")
    board.unroute_all()
    expect(board.get_by_role("region", name="Pending: 2")).to_contain_text("Priority 4 of 10")
    menu.select_option("QUEUED")
    expect(board.get_by_role("region", name="Queued: 1")).to_contain_text("Tidy up")
    expect(board.get_by_role("alert")).to_have_count(0)


def test_anothers_change_of_what_a_card_does_not_show_is_no_conflict(board: Page, fleet: Fleet) -> None:
    board.get_by_role("button", name="Tidy up").click()
    menu = board.get_by_role("combobox", name="Status", exact=True)
    menu.wait_for()
    others = iter(["first", "second"])

    def change_before(route: Route) -> None:
        if "ChangeTask" in (route.request.post_data or "") and (description := next(others, None)):
            fleet.sql("UPDATE tasks SET description = $1 WHERE name = 'Tidy up'", description)
        route.continue_()

    board.route("**/graphql", change_before)
    menu.select_option("QUEUED")

    expect(board.get_by_role("region", name="Queued: 1")).to_contain_text("Tidy up")
    until(board, lambda: fleet.sql("SELECT FROM tasks WHERE name = 'Tidy up' AND status = 'QUEUED'"))
    board.unroute_all()
    assert next(others, None) is None
    expect(board.get_by_role("alert")).to_have_count(0)


def test_the_graph_marks_the_critical_path(board: Page) -> None:
    board.get_by_role("button", name="Ship it").click()
    board.get_by_role("link", name="Dependency graph").first.click()

    expect(board.get_by_role("img", name="3 tasks, 2 dependencies")).to_be_visible()
    path = board.get_by_role("region", name="Critical path")
    expect(path).to_contain_text("2 tasks behind each other, estimated 2h")
    expect(path.get_by_role("listitem")).to_have_text(["設計を決める Running 東京-parent", "Ship it Pending"])
    assert board.locator('svg path[data-critical="true"]').count() == 1
    board.keyboard.press("u")
    expect(board.get_by_role("button", name="Ship it")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_the_board_and_the_graph(
    board: Page, fleet: Fleet, live_server: LiveServer, theme: str
) -> None:
    board.evaluate(f"localStorage['ccgraph.theme'] = '{theme}'")
    board.reload()
    board.get_by_role("button", name="Ship it").click()
    board.get_by_role("combobox", name="Status", exact=True).wait_for()
    assert violations(board) == []
    board.goto(f"{live_server.url}/board/{fleet.project_id}/graph")
    board.get_by_role("heading", name="Critical path").wait_for()
    assert violations(board) == []


def test_on_a_phone_the_columns_scroll_and_the_page_does_not(
    board: Page, fleet: Fleet, browser: Browser, live_server: LiveServer
) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 640}, has_touch=True, locale="en-GB")
    phone = context.new_page()
    log_in(phone, live_server.url, "alice", PASSWORD)
    phone.goto(f"{live_server.url}/board")
    phone.get_by_role("button", name="Ship it").tap()
    phone.get_by_role("combobox", name="Status", exact=True).wait_for()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    phone.goto(f"{live_server.url}/board/{fleet.project_id}/graph")
    phone.get_by_role("heading", name="Critical path").wait_for()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()
