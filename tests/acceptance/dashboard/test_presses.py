"""What is pressed is what was meant: lists that move under the pointer, the keyboard's place, an Escape."""

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.dashboard.conftest import Fleet
from tests.acceptance.dashboard.test_keyboard import ASK
from tests.support.dashboard import NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES, until
from tests.support.serving import LiveServer

pytestmark = [pytest.mark.browser, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]

WATCH = """
window.moved = [];
new MutationObserver(() => {
  const [first] = document.querySelectorAll('[data-state="permission"]');
  const button = first?.querySelector('button');
  if (button) window.moved.push([first.querySelector('a').textContent, button.ariaDisabled]);
}).observe(document.body, { subtree: true, childList: true, attributes: true });
"""
"""Notes what asks first, and whether it can be allowed, whenever something of the page changes."""


def test_what_moves_under_the_pointer_is_not_pressed_by_the_rest_of_a_double_click(
    home: Page, fleet: Fleet
) -> None:
    fleet.sql(ASK, fleet.instance_id)
    (second,) = fleet.sql(
        "INSERT INTO cc_instances (project_id, name, type, status)"
        " VALUES ($1::text::uuid, 'second', 'PARENT', 'RUNNING') RETURNING id::text",
        fleet.project_id,
    )
    fleet.sql(ASK, second["id"])
    line = home.get_by_role("article").filter(has_text="second")
    allow = line.get_by_role("button", name="Allow")
    expect(allow).to_be_enabled()
    home.evaluate(WATCH)

    home.get_by_role("article").filter(has_text="東京-parent").get_by_role("button", name="Allow").click()

    expect(home.get_by_role("button", name="Allow")).to_have_count(1)
    until(home, lambda: home.evaluate("window.moved.some(([name]) => name === 'second')"))
    came = next(entry for entry in home.evaluate("window.moved") if entry[0] == "second")
    assert came == ["second", "true"]
    allow.click()  # once it has stood there for a while
    until(home, lambda: fleet.sql("SELECT FROM cc_permission_requests WHERE decision IS NULL") == [])


def test_archiving_is_asked_about_where_the_keyboard_is_and_escape_is_no(
    home: Page, fleet: Fleet, live_server: LiveServer
) -> None:
    home.goto(f"{live_server.url}/projects/{fleet.project_id}")
    ask = home.get_by_role("button", name="Archive the project")
    ask.press("Enter")
    dialog = home.get_by_role("alertdialog")
    expect(dialog.get_by_role("button").last).to_be_focused()

    home.keyboard.press("Escape")

    expect(dialog).to_have_count(0)
    expect(ask).to_be_focused()
    assert fleet.sql("SELECT FROM projects WHERE status = 'archived'") == []


def test_what_was_pressed_by_the_keyboard_keeps_the_focus(
    home: Page, fleet: Fleet, live_server: LiveServer
) -> None:
    fleet.sql(
        "INSERT INTO notification_settings (user_id, notification_type, service_type, webhook_url)"
        " SELECT id, 'task_completed', 'webhook', 'http://127.0.0.1:9/' FROM users"
    )
    home.goto(f"{live_server.url}/settings")
    switch = home.get_by_role("main").get_by_role("listitem").get_by_role("checkbox")
    expect(switch).to_be_checked()
    switch.press("Space")

    expect(switch).not_to_be_checked()
    expect(switch).to_be_enabled()
    expect(switch).to_be_focused()
