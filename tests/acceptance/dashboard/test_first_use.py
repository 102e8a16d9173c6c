"""Nothing is there yet, or not any more: each page says what to do next, and what leads nowhere says so."""

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.dashboard.conftest import Fleet
from tests.support.dashboard import NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES
from tests.support.serving import LiveServer

pytestmark = [pytest.mark.browser, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]

NONE = "01a2299a-5d2c-7b58-b07d-52561356cc3b"
NOT_THERE = "This does not exist, or you may not see it."


@pytest.mark.parametrize("path", ["/", "/board", "/usage?days=90", "/usage?view=tool"])
def test_a_page_without_anything_says_how_a_claude_is_connected(
    home: Page, fleet: Fleet, live_server: LiveServer, path: str
) -> None:
    fleet.sql("DELETE FROM cc_instances")
    home.goto(f"{live_server.url}{path}")

    expect(home.get_by_role("main")).to_contain_text("`ccgraph connect`")


@pytest.mark.parametrize(
    "path",
    [
        *(f"/instances/{NONE}", "/instances/nonsense", f"/projects/{NONE}", "/projects/nonsense"),
        *(f"/tasks/{NONE}", "/tasks/nonsense", f"/sessions/{NONE}", "/notifications/99", "/notifications/x"),
        *(f"/board?project={NONE}", "/board?project=nonsense", f"/board/{NONE}/graph"),
    ],
)
def test_an_address_that_leads_to_nothing_says_so(home: Page, live_server: LiveServer, path: str) -> None:
    home.goto(f"{live_server.url}{path}")

    expect(home.get_by_role("main").get_by_role("heading", level=1)).to_have_text(NOT_THERE)
    expect(home.get_by_role("main")).to_have_text(NOT_THERE)  # and nothing of keys or requests


def test_a_row_that_goes_under_the_page_is_told(home: Page, fleet: Fleet, live_server: LiveServer) -> None:
    home.goto(f"{live_server.url}/instances/{fleet.instance_id}")
    expect(home.get_by_role("heading", name="東京-parent")).to_be_visible()
    fleet.sql("DELETE FROM cc_instances WHERE id = $1::text::uuid", fleet.instance_id)

    expect(home.get_by_role("main").get_by_role("heading", level=1)).to_have_text(NOT_THERE)


def test_a_board_says_that_its_project_was_archived_and_leads_there(
    home: Page, fleet: Fleet, live_server: LiveServer
) -> None:
    fleet.sql(
        "INSERT INTO tasks (project_id, name, task_type) VALUES ($1::text::uuid, 'Rests', 'testing')",
        fleet.project_id,
    )
    (project,) = fleet.sql("SELECT name FROM projects")
    home.goto(f"{live_server.url}/board?project={fleet.project_id}")
    menu = home.get_by_role("main").get_by_label("Project")
    expect(menu).to_have_value(fleet.project_id)
    fleet.sql("UPDATE projects SET status = 'archived', archived_at = now()")

    expect(home.get_by_text("This project is archived")).to_be_visible()
    expect(menu.locator("option:checked")).to_have_text(project["name"])
    home.get_by_role("link", name="To the project").click()
    expect(home.get_by_role("button", name="Restore")).to_be_visible()


def test_a_project_that_is_new_is_in_the_menu_of_the_board(
    home: Page, fleet: Fleet, live_server: LiveServer
) -> None:
    home.goto(f"{live_server.url}/board")
    menu = home.get_by_role("main").get_by_label("Project")
    expect(menu.get_by_role("option")).to_have_count(2)
    fleet.sql(
        "INSERT INTO projects (name, owner_id, workdir)"
        " SELECT 'Brand new', owner_id, '/brand-new' FROM projects"
    )

    expect(menu.get_by_role("option", name="Brand new")).to_be_attached()


def test_tabs_are_called_by_what_they_show(home: Page, fleet: Fleet, live_server: LiveServer) -> None:
    expect(home).to_have_title("ccgraph")
    home.get_by_role("link", name="Board").click()
    expect(home).to_have_title("Board · ccgraph")
    home.goto(f"{live_server.url}/instances/{fleet.instance_id}")
    expect(home).to_have_title("東京-parent · ccgraph")
    fleet.sql(
        "UPDATE cc_instances SET activity = 'WAITING_ANSWER' WHERE id = $1::text::uuid", fleet.instance_id
    )
    expect(home).to_have_title("(1) 東京-parent · ccgraph")
    home.get_by_role("link", name="Settings").click()
    expect(home).to_have_title("(1) Settings · ccgraph")
