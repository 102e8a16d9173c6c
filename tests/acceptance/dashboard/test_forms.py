"""Values that do not fit: which field is meant, nothing without a name, and names that others left blank."""

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.dashboard.conftest import Fleet
from tests.support.dashboard import NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES
from tests.support.serving import LiveServer

pytestmark = [pytest.mark.browser, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]


def test_a_value_that_is_too_long_is_told_with_the_name_of_its_field(
    home: Page, fleet: Fleet, live_server: LiveServer
) -> None:
    home.goto(f"{live_server.url}/projects")
    form = home.get_by_role("form", name="Create a project")
    form.get_by_label("Name").fill("A name")
    form.get_by_label("Default branch").fill("b" * 5_000)
    form.get_by_role("button").click()
    told = home.get_by_role("alert")
    expect(told).to_contain_text("Default branch: This may be at most 100 characters long")

    home.goto(f"{live_server.url}/projects/{fleet.project_id}")
    home.get_by_label("Repository (URL)").fill("r" * 5_000)
    home.get_by_role("button", name="Save").click()
    expect(told).to_contain_text("Repository (URL): This may be at most 500 characters long")


def test_a_project_without_a_letter_in_its_name_is_not_sent(
    home: Page, fleet: Fleet, live_server: LiveServer
) -> None:
    home.goto(f"{live_server.url}/projects")
    name = home.get_by_role("form", name="Create a project").get_by_label("Name")
    name.fill("   ")
    name.press("Enter")

    assert name.evaluate("(field) => field.validity.patternMismatch")
    name.fill("One")
    name.press("Enter")
    expect(home.get_by_role("heading", name="One", level=1)).to_be_visible()
    assert len(fleet.sql("SELECT FROM projects")) == 2


def test_what_has_no_name_is_called_by_its_key_and_can_be_opened(
    home: Page, fleet: Fleet, live_server: LiveServer
) -> None:
    fleet.sql("UPDATE cc_instances SET name = ' '")
    fleet.sql("UPDATE projects SET name = ''")
    home.goto(live_server.url)
    home.get_by_role("article").get_by_role("link", name=fleet.instance_id).click()
    expect(home.get_by_role("heading", name=fleet.instance_id, level=1)).to_be_visible()

    home.get_by_role("link", name="Projects").click()
    home.get_by_role("link", name=fleet.project_id).click()
    expect(home.get_by_role("heading", name=fleet.project_id, level=1)).to_be_visible()
