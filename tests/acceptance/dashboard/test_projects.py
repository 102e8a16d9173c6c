"""Projects, their settings and their people, in a real browser."""

import asyncio

import pytest
from playwright.sync_api import Browser, Page, expect

from app.config.settings import Settings
from app.database.pools import open_database
from services.accounts.accounts import add_user
from tests.acceptance.dashboard.conftest import PASSWORD, Fleet
from tests.support.dashboard import NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES, log_in, violations
from tests.support.serving import LiveServer

pytestmark = [pytest.mark.browser, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]


@pytest.fixture
def fleet(fleet: Fleet, settings: Settings) -> Fleet:
    """The fleet, and Bob, who has no part in it."""

    async def make() -> None:
        async with open_database(settings) as database, database.transaction() as connection:
            await add_user(connection, "bob", PASSWORD)

    asyncio.run(make())
    fleet.sql("UPDATE projects SET name = 'Orders'")
    return fleet


@pytest.fixture
def projects(home: Page) -> Page:
    """The list of projects, opened by the keyboard."""
    home.keyboard.press("g")
    home.keyboard.press("p")
    home.get_by_role("heading", name="Projects").wait_for()
    return home


@pytest.fixture
def orders(projects: Page) -> Page:
    """The page of the project."""
    projects.get_by_role("link", name="Orders").click()
    projects.get_by_role("heading", name="Orders").wait_for()
    projects.get_by_role("button", name="Save").wait_for()
    return projects


def as_bob(browser: Browser, server: LiveServer) -> Page:
    """A page of Bob's, in a browser of his own."""
    page = browser.new_context(locale="en-GB").new_page()
    log_in(page, server.url, "bob", PASSWORD)
    page.goto(f"{server.url}/projects")
    page.get_by_role("heading", name="Projects", exact=True).wait_for()
    return page


def test_a_project_is_created_listed_and_found(projects: Page, fleet: Fleet) -> None:
    row = projects.get_by_role("row").filter(has_text="Orders")
    expect(row).to_contain_text("Activealiceowner1")
    projects.keyboard.press("n")
    projects.keyboard.type("請求書")
    projects.get_by_label("Directory on disk").fill("/srv/invoices")
    projects.keyboard.press("Enter")

    expect(projects.get_by_role("heading", name="請求書")).to_be_visible()
    (made,) = fleet.sql("SELECT local_path, workdir, default_branch FROM projects WHERE name = '請求書'")
    assert tuple(made) == ("/srv/invoices", "/srv/invoices", "main")
    projects.keyboard.press("u")
    projects.get_by_label("Filter by name").fill("請求")
    expect(projects.get_by_role("link", name="請求書")).to_be_visible()
    expect(projects.get_by_role("link", name="Orders")).to_have_count(0)


def test_settings_are_changed_and_what_was_left_alone_is_not_written(orders: Page, fleet: Fleet) -> None:
    orders.get_by_label("Hold permissions until a person answers here").check()
    orders.get_by_label("Instances at a time, at most").fill("7")
    orders.get_by_role("button", name="Save").click()

    expect(orders.get_by_text("Saved.")).to_be_visible()
    (stored,) = fleet.sql("SELECT name, hold_permission_requests, max_parallel_cc FROM projects")
    assert tuple(stored) == ("Orders", True, 7)
    expect(orders.get_by_label("Instances at a time, at most")).to_have_value("7")
    orders.get_by_role("button", name="Save").click()
    expect(orders.get_by_text("Nothing is changed.")).to_be_visible()


def test_a_change_that_meets_anothers_is_told_and_what_the_server_refuses_is_in_its_words(
    orders: Page, fleet: Fleet
) -> None:
    fleet.sql("UPDATE projects SET description = 'by another'")
    orders.get_by_label("Name", exact=True).fill("Mine")
    orders.get_by_role("button", name="Save").click()
    expect(orders.get_by_text("Somebody else has changed the project in the meantime.")).to_be_visible()
    assert fleet.sql("SELECT FROM projects WHERE name = 'Orders'")
    orders.get_by_role("main").get_by_role("button", name="Read anew").click()
    expect(orders.get_by_label("Description")).to_have_value("by another")

    orders.get_by_role("button", name="Archive the project").click()
    orders.get_by_role("button", name="Yes, archive it").click()
    expect(orders.get_by_role("alert")).to_contain_text(
        "Running instances of this project: 1. Stop them first."
    )


def test_a_project_is_archived_and_restored(orders: Page, fleet: Fleet) -> None:
    fleet.sql("UPDATE cc_instances SET status = 'STOPPED', terminated_at = now()")
    orders.get_by_role("button", name="Archive the project").click()
    orders.get_by_role("button", name="Yes, archive it").click()

    expect(orders.get_by_role("button", name="Restore")).to_be_visible()
    expect(orders.get_by_role("button", name="Save")).to_be_disabled()
    orders.keyboard.press("u")
    orders.get_by_role("button", name="Restore: Orders").click()
    expect(orders.get_by_role("row").filter(has_text="Orders")).to_contain_text("Active")


def test_a_person_is_invited_accepts_gets_a_role_and_leaves(
    orders: Page, fleet: Fleet, browser: Browser, live_server: LiveServer
) -> None:
    form = orders.get_by_role("form", name="Invite a person")
    form.get_by_label("Username").fill("nemo")
    form.get_by_role("button").click()
    expect(orders.get_by_text("There is no account with the name nemo.")).to_be_visible()
    form.get_by_label("Username").fill("bob")
    form.get_by_role("button").click()
    expect(orders.get_by_text("bob is invited.")).to_be_visible()
    expect(orders.get_by_text("invited as viewer, has not answered yet")).to_be_visible()

    bob = as_bob(browser, live_server)
    expect(bob.get_by_text("alice asks you to be viewer")).to_be_visible()
    expect(bob.get_by_role("link", name="Orders")).to_have_count(0)
    bob.get_by_role("button", name="Accept: Orders").click()
    bob.get_by_role("link", name="Orders").click()
    expect(bob.get_by_text("The owner of the project changes these.")).to_be_visible()
    expect(bob.get_by_role("button", name="Save")).to_be_disabled()
    expect(bob.get_by_role("form", name="Invite a person")).to_have_count(0)

    orders.get_by_role("combobox", name="Role of bob").select_option("EDITOR")
    expect(bob.get_by_role("listitem").filter(has_text="bob")).to_contain_text("editor")
    bob.get_by_role("button", name="Leave the project").click()
    expect(bob.get_by_role("heading", name="Projects", exact=True)).to_be_visible()
    expect(orders.get_by_role("combobox", name="Role of bob")).to_have_count(0)
    bob.context.close()


def test_an_invitation_is_withdrawn_declined_and_a_project_given_away(
    orders: Page, fleet: Fleet, browser: Browser, live_server: LiveServer
) -> None:
    bob = as_bob(browser, live_server)
    form = orders.get_by_role("form", name="Invite a person")
    form.get_by_label("Username").fill("bob")
    form.get_by_role("button").click()
    expect(bob.get_by_role("button", name="Accept: Orders")).to_be_visible()
    orders.get_by_role("button", name="Withdraw the invitation of bob").click()
    expect(bob.get_by_role("button", name="Accept: Orders")).to_have_count(0)

    orders.get_by_text("Give the project to another person").first.click()
    giving = orders.get_by_role("form", name="Give the project to another person")
    giving.get_by_label("Username of the new owner").fill("bob")
    giving.get_by_role("button").click()
    expect(orders.get_by_text("bob is asked to own it.")).to_be_visible()
    bob.get_by_role("button", name="Accept: Orders").click()
    expect(orders.get_by_text("The owner of the project changes these.")).to_be_visible()
    expect(bob.get_by_role("row").filter(has_text="Orders")).to_contain_text("bobowner")
    bob.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(
    orders: Page, fleet: Fleet, live_server: LiveServer, theme: str
) -> None:
    fleet.sql(
        "INSERT INTO project_invitations (project_id, project_name, user_id, invited_by, role, state)"
        " SELECT p.id, p.name, b.id, p.owner_id, 'viewer', 'pending' FROM projects p, users b"
        " WHERE b.username = 'bob'"
    )
    orders.evaluate(f"localStorage['ccgraph.theme'] = '{theme}'; localStorage['ccgraph.language'] = 'ja'")
    orders.set_viewport_size({"width": 360, "height": 640})
    orders.reload()
    orders.get_by_text("閲覧者として招待中").wait_for()
    orders.get_by_role("button", name="保存").wait_for()
    assert violations(orders) == []
    assert orders.evaluate("document.documentElement.scrollWidth") <= 360
    orders.goto(f"{live_server.url}/projects")
    orders.get_by_role("row").filter(has_text="Orders").wait_for()
    assert violations(orders) == []
    assert orders.evaluate("document.documentElement.scrollWidth") <= 360
