"""Half a screen, a small laptop, a page at 200 and 400 %: what is needed is seen, and nothing is cut off."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.acceptance.dashboard.conftest import Fleet
from tests.acceptance.dashboard.test_keyboard import ASK
from tests.support.dashboard import NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES, violations
from tests.support.serving import LiveServer

pytestmark = [pytest.mark.browser, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]

LONG = "東京-parent-of-a-long-name"
WIDTHS = {"half": 768, "small": 1024, "200 %": 640, "400 %": 320}


def is_whole(part: Locator) -> bool:
    """Whether all of a part is within the window and none of its text is cut off."""
    return bool(
        part.evaluate(
            "(part) => part.scrollWidth <= part.clientWidth + 1 && part.getBoundingClientRect().left >= 0"
            " && part.getBoundingClientRect().right <= innerWidth"
        )
    )


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
def test_who_asks_where_and_for_what_is_read_beside_the_answer(home: Page, fleet: Fleet, width: int) -> None:
    fleet.sql("UPDATE cc_instances SET name = $2 WHERE id = $1::text::uuid", fleet.instance_id, LONG)
    fleet.sql(ASK, fleet.instance_id)
    home.set_viewport_size({"width": width, "height": 700})
    line = home.get_by_role("article").filter(has_text=LONG)
    expect(line.get_by_role("button", name="Allow")).to_be_visible()
    (project,) = fleet.sql("SELECT name FROM projects")

    for part in (
        line.get_by_role("link", name=LONG),
        line.get_by_text("Bash make deploy", exact=True),
        line.get_by_text(project["name"], exact=True),
        line.get_by_role("button", name="Allow"),
        line.get_by_role("button", name="Deny"),
    ):
        assert is_whole(part), part
    assert violations(home) == []


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_header_of_half_a_screen_is_one_row(home: Page, language: str) -> None:
    home.evaluate(f"localStorage['ccgraph.language'] = '{language}'")
    home.set_viewport_size({"width": 768, "height": 700})
    home.reload()
    home.get_by_role("article").wait_for()

    box = home.get_by_role("banner").bounding_box()
    assert box is not None
    assert box["height"] < 50


def test_an_instance_at_400_percent_begins_with_what_it_does_and_its_tree_unfolds(
    home: Page, fleet: Fleet, live_server: LiveServer
) -> None:
    fleet.sql(
        "INSERT INTO cc_instances (project_id, name, type, status, activity, parent_instance_id)"
        " VALUES ($1::text::uuid, 'child', 'CHILD', 'RUNNING', 'WAITING_ANSWER', $2::text::uuid)",
        fleet.project_id,
        fleet.instance_id,
    )
    home.set_viewport_size({"width": 320, "height": 256})
    home.goto(f"{live_server.url}/instances/{fleet.instance_id}")
    tree = home.get_by_role("region", name="Instances")
    expect(tree).to_contain_text("Instances 2 1 other waits")

    expect(home.get_by_role("heading", name="東京-parent")).to_be_in_viewport(ratio=1)
    expect(tree.get_by_role("link", name="child")).to_be_hidden()
    assert violations(home) == []
    tree.locator("summary").press("Enter")
    expect(tree.get_by_role("link", name="child")).to_be_visible()
    assert violations(home) == []
