"""Search over all that has words, in a real browser."""

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.dashboard.conftest import Fleet
from tests.support.dashboard import NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES, violations
from tests.support.serving import LiveServer

pytestmark = [pytest.mark.browser, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]


@pytest.fixture
def search(home: Page, fleet: Fleet) -> Page:
    """The page of search, over 120 lines of a log and one of every other kind."""
    fleet.sql(
        "INSERT INTO cc_logs (cc_instance_id, log_level, category, message)"
        " SELECT $1::text::uuid, 'error', 'git', '設定ファイル ' || n FROM generate_series(1, 120) AS n",
        fleet.instance_id,
    )
    fleet.sql(
        "INSERT INTO tasks (project_id, name, task_type) VALUES ($1::text::uuid, '設定を直す', 'testing')",
        fleet.project_id,
    )
    fleet.sql(
        "INSERT INTO ultrathink_messages (child_instance_id, instruction_type, instruction_content, status)"
        " VALUES ($1::text::uuid, 'task_assignment', 'その設定を直してください', 'sent')",
        fleet.instance_id,
    )
    fleet.sql(
        "INSERT INTO mcp_messages (cc_instance_id, message_type, method, params)"
        " VALUES ($1::text::uuid, 'request', 'tools/call', '{\"name\": \"設定\"}')",
        fleet.instance_id,
    )
    fleet.sql(
        "INSERT INTO mcp_tool_calls (cc_instance_id, tool_name, arguments, status)"
        " VALUES ($1::text::uuid, '設定_read', '{}', 'running')",
        fleet.instance_id,
    )
    home.keyboard.press("g")
    home.keyboard.press("s")
    home.get_by_role("heading", name="Search").wait_for()
    return home


def test_japanese_is_found_in_every_kind_and_read_page_by_page(search: Page) -> None:
    search.keyboard.type("設定")
    search.keyboard.press("Enter")

    found = search.get_by_role("main")
    expect(found.get_by_role("status")).to_have_text("50 of 120, the newest first")
    search.get_by_role("button", name="Show more").click()
    search.get_by_role("button", name="Show more").click()
    expect(found.get_by_role("status")).to_have_text("120 of 120, the newest first")
    expect(search.get_by_role("button", name="Show more")).to_have_count(0)
    for kind, shown in (
        ("Tasks 1", "設定を直す"),
        ("Instructions 1", "その設定を直してください"),
        ("MCP messages", "tools/call"),
        ("Tool calls 1", "設定_read"),
    ):
        search.get_by_role("link", name=kind).click()
        expect(found.get_by_role("listitem").filter(has_text=shown)).to_have_count(1)


def test_a_find_is_opened_by_the_keyboard_alone(search: Page) -> None:
    search.keyboard.type("設定")
    search.keyboard.press("Enter")
    search.get_by_text("設定ファイル 120").wait_for()
    search.keyboard.press("j")
    search.keyboard.press("Enter")

    expect(search.get_by_role("heading", name="東京-parent")).to_be_visible()
    assert search.url.endswith("?tab=logs")
    search.keyboard.press("u")
    expect(search.get_by_role("searchbox")).to_have_value("設定")
    search.keyboard.press("/")
    search.keyboard.press("ControlOrMeta+A")
    search.keyboard.type("nowhere 100%")
    search.keyboard.press("Enter")
    expect(search.get_by_text("Nothing fits.")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(
    search: Page, live_server: LiveServer, theme: str
) -> None:
    search.evaluate(f"localStorage['ccgraph.theme'] = '{theme}'; localStorage['ccgraph.language'] = 'ja'")
    search.set_viewport_size({"width": 360, "height": 640})
    for address in ("search", "search?q=設定", "search?q=nowhere"):
        search.goto(f"{live_server.url}/{address}")
        search.get_by_role("searchbox").wait_for()
        if "設定" in address:
            search.get_by_text("設定ファイル 120").wait_for()
        assert violations(search) == [], address
        assert search.evaluate("document.documentElement.scrollWidth") <= 360
