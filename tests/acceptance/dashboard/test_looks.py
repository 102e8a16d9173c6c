"""What a reader sees at a glance: what one does, the reader's way of writing, on a phone and on paper."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.dashboard.conftest import PASSWORD, Fleet
from tests.support.dashboard import NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES
from tests.support.serving import LiveServer

pytestmark = [pytest.mark.browser, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]

RETRIES = """
UPDATE cc_instances SET activity = 'RETRYING', activity_detail = 'Overloaded, attempt 2 of 10',
  activity_since = now() - interval '3 minutes' WHERE id = $1::text::uuid
"""
CHILD = """
INSERT INTO cc_instances (project_id, name, type, status, activity, parent_instance_id)
VALUES ($1::text::uuid, 'the-child', 'CHILD', 'RUNNING', 'WAITING_ANSWER', $2::text::uuid)
"""
DONE = """
INSERT INTO tasks (project_id, name, task_type, status, assigned_to, completed_at)
VALUES ($1::text::uuid, 'Old work', 'testing', 'COMPLETED', $2::text::uuid, now())
"""


def test_an_instance_and_its_tree_tell_what_each_does(home: Page, fleet: Fleet) -> None:
    fleet.sql(RETRIES, fleet.instance_id)
    fleet.sql(CHILD, fleet.project_id, fleet.instance_id)
    home.get_by_role("link", name="東京-parent").click()

    main = home.get_by_role("main")
    head = main.locator("div", has=home.get_by_role("heading", name="東京-parent")).last
    expect(head).to_contain_text(re.compile("Retries the API 3m"))
    expect(head).to_contain_text("Overloaded, attempt 2 of 10")
    tree = home.get_by_role("region", name="Instances").get_by_role("listitem")
    expect(tree.filter(has_text="the-child")).to_contain_text("Asks a question")


def test_a_task_that_is_done_is_held_by_none(home: Page, fleet: Fleet, live_server: LiveServer) -> None:
    fleet.sql(DONE, fleet.project_id, fleet.instance_id)
    home.goto(f"{live_server.url}/board")

    expect(home.get_by_role("article").filter(has_text="Old work")).to_contain_text("Done by 東京-parent")


def test_times_are_written_as_where_the_reader_lives(
    home: Page, fleet: Fleet, live_server: LiveServer
) -> None:
    fleet.sql(
        "INSERT INTO cc_logs (cc_instance_id, log_level, category, message, created_at)"
        " VALUES ($1::text::uuid, 'info', 'git', 'a line', date_trunc('day', now()) + interval '1 second')",
        fleet.instance_id,
    )
    home.goto(f"{live_server.url}/instances/{fleet.instance_id}?tab=logs")
    line = home.get_by_role("listitem").filter(has_text="a line").get_by_role("time")

    expect(line).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))  # British, without AM and PM


@pytest.mark.own_context
def test_japanese_tables_keep_their_words_whole_on_a_phone(
    browser: Browser, home: Page, fleet: Fleet, live_server: LiveServer
) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 640}, locale="ja-JP", storage_state=home.context.storage_state()
    )
    page = context.new_page()
    for path in ("projects", "settings"):
        page.goto(f"{live_server.url}/{path}")
        page.get_by_role("columnheader").first.wait_for()
        heights = page.evaluate("[...document.querySelectorAll('th')].map((cell) => cell.offsetHeight)")
        assert max(heights) < 45, path
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()


def test_a_dark_page_is_printed_on_white_and_as_a_whole(
    home: Page, fleet: Fleet, live_server: LiveServer
) -> None:
    home.evaluate("localStorage['ccgraph.theme'] = 'dark'")
    home.goto(f"{live_server.url}/projects/{fleet.project_id}")
    home.get_by_role("button", name="Save").wait_for()
    home.set_viewport_size({"width": 1000, "height": 300})
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = home.evaluate(ground)
    assert home.evaluate("document.documentElement.scrollHeight") <= 300

    home.emulate_media(media="print")

    assert home.evaluate(ground) != dark
    assert home.evaluate("document.documentElement.scrollHeight") > 600
    expect(home.get_by_role("banner")).to_be_hidden()


@pytest.mark.parametrize("path", ["/board", "/usage?view=tool", "/search?q=needle", "/settings"])
def test_an_address_leads_there_after_the_login(
    page: Page, fleet: Fleet, live_server: LiveServer, path: str
) -> None:
    page.goto(f"{live_server.url}{path}")
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")

    page.get_by_role("navigation", name="Pages").wait_for()
    assert page.url == f"{live_server.url}{path}"
    expect(page.get_by_role("main").get_by_role("heading", level=1)).to_be_visible()


def test_lines_that_failed_stay_in_their_columns(home: Page, fleet: Fleet, live_server: LiveServer) -> None:
    for status in ("completed", "failed"):
        fleet.sql(
            "INSERT INTO mcp_tool_calls (cc_instance_id, tool_name, arguments, status)"
            " VALUES ($1::text::uuid, 'Read', '{}', $2)",
            fleet.instance_id,
            status,
        )
    home.goto(f"{live_server.url}/instances/{fleet.instance_id}")
    times = home.get_by_role("group").get_by_role("time")
    expect(times).to_have_count(2)

    assert len({time.bounding_box()["x"] for time in times.all()}) == 1  # type: ignore[index]


def test_fields_and_menus_beside_each_other_are_equally_high(
    home: Page, fleet: Fleet, live_server: LiveServer
) -> None:
    home.goto(f"{live_server.url}/projects/{fleet.project_id}")
    home.get_by_role("button", name="Save").wait_for()
    fields = home.locator("form").filter(has=home.get_by_role("button", name="Save"))

    heights = fields.locator("select, input:not([type='checkbox'])").evaluate_all(
        "(found) => [...new Set(found.map((field) => field.offsetHeight))]"
    )

    assert len(heights) == 1
