"""The dashboard on a phone: one row of header with a menu, the first page and its answers."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.dashboard.conftest import PASSWORD, Fleet
from tests.acceptance.dashboard.test_keyboard import ASK
from tests.support.dashboard import NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES, log_in, until, violations
from tests.support.serving import LiveServer

pytestmark = [pytest.mark.browser, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]

LONG = "東京都交通局のバス時刻表を読みやすくするための大きな改修とその検証 " * 4


@pytest.fixture
def phone(browser: Browser, fleet: Fleet, live_server: LiveServer) -> Iterator[Page]:
    """The first page at 360 pixels, with an instance that asks and one of a long name."""
    fleet.sql(ASK, fleet.instance_id)
    fleet.sql(
        "INSERT INTO cc_instances (project_id, name, type, status, activity, activity_detail)"
        " VALUES ($1::text::uuid, $2, 'PARENT', 'RUNNING', 'WAITING_ANSWER', $2)",
        fleet.project_id,
        LONG,
    )
    context = browser.new_context(
        viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True, locale="en-GB"
    )
    opened = context.new_page()
    log_in(opened, live_server.url, "alice", PASSWORD)
    opened.get_by_text("東京-parent").wait_for()
    yield opened
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_header_is_one_row_with_a_menu_for_fingers_and_keys(
    phone: Page, live_server: LiveServer, theme: str
) -> None:
    phone.evaluate(f"localStorage['ccgraph.theme'] = '{theme}'")
    phone.reload()
    header, menu = phone.get_by_role("banner"), phone.get_by_label("Pages: Fleet")
    menu.wait_for()
    for width in (360, 390):
        phone.set_viewport_size({"width": width, "height": 640})
        box = header.bounding_box()
        assert box is not None
        assert box["height"] < 60
    assert violations(phone) == []

    menu.focus()
    phone.keyboard.press("Enter")
    board = header.get_by_role("link", name="Board")
    expect(board).to_be_visible()
    assert violations(phone) == []
    phone.keyboard.press("Escape")
    expect(board).to_be_hidden()
    expect(menu).to_be_focused()

    menu.tap()
    board.tap()
    phone.wait_for_url("**/board")
    expect(board).to_be_hidden()
    expect(phone.get_by_label("Pages: Board")).to_be_visible()


def test_a_permission_is_answered_with_a_finger(phone: Page, fleet: Fleet) -> None:
    line = phone.get_by_role("article").filter(has_text="東京-parent")
    allow = line.get_by_role("button", name="Allow")
    box, frame = allow.bounding_box(), line.bounding_box()
    assert box is not None
    assert frame is not None
    assert box["height"] >= 44
    assert frame["y"] + frame["height"] <= 640
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360

    allow.tap()

    until(phone, lambda: fleet.sql("SELECT FROM cc_permission_requests WHERE decision = 'allow'"))
    expect(allow).to_have_count(0)
