"""The whole way through the dashboard without a mouse."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.dashboard.conftest import PASSWORD, Fleet
from tests.support.dashboard import NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES, violations
from tests.support.serving import LiveServer

pytestmark = [pytest.mark.browser, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]

ASK = """
INSERT INTO cc_permission_requests (cc_instance_id, tool_name, tool_input, held_until)
VALUES ($1::text::uuid, 'Bash', '{"command": "make deploy"}', now() + interval '1 hour') RETURNING id
"""


def test_from_the_login_to_the_settings_and_out_by_the_keyboard_alone(
    page: Page, fleet: Fleet, live_server: LiveServer
) -> None:
    fleet.sql(
        "INSERT INTO cc_instances (project_id, name, type, status)"
        " SELECT $1::text::uuid, 'other-' || n, 'PARENT', 'RUNNING' FROM generate_series(1, 3) AS n",
        fleet.project_id,
    )
    fleet.sql(
        "INSERT INTO tasks (project_id, name, task_type, priority)"
        " VALUES ($1::text::uuid, 'Tidy up', 'testing', 5)",
        fleet.project_id,
    )
    (asked,) = fleet.sql(ASK, fleet.instance_id)
    press = page.keyboard.press
    page.goto(live_server.url)
    page.get_by_label("Username").wait_for()
    expect(page.get_by_label("Username")).to_be_focused()
    page.keyboard.type("alice")
    press("Tab")
    page.keyboard.type(PASSWORD)
    press("Enter")

    lines = page.get_by_role("main").get_by_role("article")
    expect(lines).to_have_count(4)
    for key in "jjk":
        press(key)
    expect(lines.first).to_have_attribute("data-current", "true")
    press("d")
    expect(lines.first).not_to_contain_text("make deploy")
    (row,) = fleet.sql("SELECT decision FROM cc_permission_requests WHERE id = $1", asked["id"])
    assert row["decision"] == "deny"
    press("j")
    press("Enter")
    page.get_by_role("region", name="Instances").wait_for()
    _reach(page, "Logs")
    press("Enter")
    page.get_by_text("No log entry fits.").wait_for()
    press("u")
    expect(lines).to_have_count(4)

    press("g")
    press("b")
    page.get_by_role("button", name="Tidy up").wait_for()
    press("j")
    press(">")
    expect(page.get_by_role("region", name="Queued: 1")).to_contain_text("Tidy up")

    press("g")
    press("u")
    page.get_by_role("heading", name="Usage").wait_for()
    press("g")
    press("s")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("tidy")
    press("Enter")
    page.get_by_role("main").get_by_role("status").wait_for()
    press("Escape")

    press("g")
    press(",")
    page.get_by_role("heading", name="Settings").wait_for()
    press("?")
    page.get_by_role("dialog").wait_for()
    assert violations(page) == []
    press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    _reach(page, re.compile("^Account: alice"))
    press("Enter")
    assert violations(page) == []
    _reach(page, "Log out")
    press("Enter")
    page.get_by_role("heading", name="Log in to ccgraph").wait_for()


def _reach(page: Page, name: "str | re.Pattern[str]") -> None:
    """Press Tab until what has this name has the focus."""
    fits = re.compile(f"^{re.escape(name)}$") if isinstance(name, str) else name
    for _ in range(80):
        focused = page.evaluate(
            "(document.activeElement?.getAttribute('aria-label')"
            " ?? document.activeElement?.innerText ?? '').trim()"
        )
        if fits.search(focused):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} is not reached by Tab; the last was {focused!r}")


def test_lines_that_come_and_go_take_no_letter_of_what_is_typed(home: Page, fleet: Fleet) -> None:
    """Neither the focus leaves the field, nor does `a` or `d` in a word answer the line that was chosen."""
    fleet.sql(ASK, fleet.instance_id)
    fleet.sql(
        "INSERT INTO cc_instances (project_id, name, type, status)"
        " SELECT $1::text::uuid, 'bad-' || n, 'PARENT', 'RUNNING' FROM generate_series(1, 3) AS n",
        fleet.project_id,
    )
    lines = home.get_by_role("main").get_by_role("article")
    expect(lines).to_have_count(4)
    home.keyboard.press("j")
    expect(lines.first).to_have_attribute("data-current", "true")
    expect(lines.first.get_by_role("button", name="Allow")).to_be_visible()
    home.keyboard.press("/")
    home.keyboard.type("ad", delay=50)  # fits the lines that do not ask, too
    expect(lines).to_have_count(3)
    home.keyboard.press("Backspace")
    home.keyboard.press("Backspace")
    expect(lines).to_have_count(4)
    fleet.sql(
        "INSERT INTO cc_instances (project_id, name, type, status, activity, activity_since) VALUES"
        " ($1::text::uuid, 'first', 'PARENT', 'RUNNING', 'WAITING_PERMISSION', now() - interval '1 day')",
        fleet.project_id,
    )
    expect(lines.first).to_contain_text("first")
    home.keyboard.type("bad", delay=50)

    expect(home.get_by_role("searchbox")).to_be_focused()
    expect(home.get_by_role("searchbox")).to_have_value("bad")
    expect(lines).to_have_count(3)
    assert fleet.sql("SELECT FROM cc_permission_requests WHERE decision IS NULL")


def test_the_answers_of_a_line_are_reached_backwards(home: Page, fleet: Fleet) -> None:
    fleet.sql(ASK, fleet.instance_id)
    fleet.sql(
        "INSERT INTO cc_instances (project_id, name, type, status)"
        " VALUES ($1::text::uuid, 'below', 'PARENT', 'RUNNING')",
        fleet.project_id,
    )
    home.get_by_role("link", name="below").focus()
    home.keyboard.press("Shift+Tab")
    expect(home.get_by_role("button", name=re.compile("^Deny"))).to_be_focused()
    home.wait_for_timeout(100)  # the focus that is taken away goes in the next frame
    expect(home.get_by_role("button", name=re.compile("^Deny"))).to_be_focused()
