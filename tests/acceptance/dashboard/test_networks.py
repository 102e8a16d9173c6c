"""A network that goes, swallows answers or was away while the machine slept: what the page does and says."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, Request, Route, expect

from app.config.settings import Settings
from tests.acceptance.dashboard.conftest import PASSWORD, Fleet
from tests.support.dashboard import NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES, log_in, until
from tests.support.serving import LiveServer, served

pytestmark = [pytest.mark.browser, pytest.mark.own_context, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]

AWAY = "The server cannot be reached. The page goes on by itself when it is back."


@contextmanager
def offline(page: Page) -> Iterator[None]:
    """The browser has no network for the length of the block."""
    page.context.set_offline(True)
    try:
        yield
    finally:
        page.context.set_offline(False)


def lose_the_answer(page: Page, part: str) -> list[Request]:
    """The next request with `part` in its body is done, and its answer lost; gives what was lost."""
    lost: list[Request] = []

    def handle(route: Route) -> None:
        if lost or part not in (route.request.post_data or ""):
            route.continue_()
            return
        route.fetch()
        lost.append(route.request)
        route.abort()

    page.route("**/graphql", handle)
    return lost


@pytest.mark.parametrize("name", ["Board", "Projects", "Usage", "Search", "Settings"])
def test_a_page_that_is_opened_without_a_network_is_there_once_there_is_one(home: Page, name: str) -> None:
    with offline(home):
        home.get_by_role("link", name=name, exact=True).click()
        expect(home.get_by_role("main").get_by_role("heading", level=1)).to_have_text(AWAY)

    expect(home.get_by_role("link", name=name, exact=True)).to_have_attribute("aria-current", "page")
    expect(home.get_by_role("main").get_by_role("heading", level=1)).not_to_have_text(AWAY)
    expect(home.get_by_role("navigation", name="Pages")).to_be_visible()


def test_what_could_not_be_asked_is_asked_again_by_itself(home: Page, live_server: LiveServer) -> None:
    home.goto(f"{live_server.url}/usage")
    home.get_by_role("link", name="Open in GraphiQL").wait_for()
    with offline(home):
        home.get_by_role("button", name="Read anew").click()
        expect(home.get_by_role("main").get_by_role("alert")).to_contain_text(AWAY)

    expect(home.get_by_role("main").get_by_role("alert")).to_have_count(0)
    expect(home.get_by_role("link", name="Open in GraphiQL")).to_be_visible()


def test_after_an_hour_of_sleep_the_page_says_how_long_it_was_away_and_is_right(
    home: Page, fleet: Fleet
) -> None:
    asked: list[str] = []
    home.clock.install()
    home.reload()
    row = home.get_by_role("article").filter(has_text="東京-parent")
    expect(row).to_contain_text("Working")
    home.on("request", lambda request: asked.append(request.url))
    home.on("websocket", lambda socket: asked.append(socket.url))
    status = home.get_by_role("banner").get_by_role("status")
    with offline(home):  # what is sent goes nowhere, and nothing is closed
        fleet.sql("UPDATE cc_instances SET status = 'IDLE' WHERE id = $1::text::uuid", fleet.instance_id)
        home.clock.fast_forward("01:00:00")
        expect(status).to_contain_text(re.compile(r"Connection lost (59m|1h)"))

    expect(status).to_contain_text(re.compile(r"Connected again after (59m|1h).*Nothing was missed"))
    expect(row).to_contain_text("Idle")
    expect(row).to_have_count(1)
    assert len(asked) < 20, asked


def test_a_network_that_swallows_everything_is_noticed_as_soon_as_the_browser_knows(
    home: Page, fleet: Fleet
) -> None:
    status = home.get_by_role("banner").get_by_role("status")
    home.clock.install()
    home.reload()
    expect(status).to_contain_text("Live")
    home.evaluate("addEventListener('offline', () => { document.body.dataset.told = 'offline' })")
    home.clock.pause_at(home.evaluate("Date.now()") + 5_000)
    with offline(home):
        expect(home.locator("body[data-told=offline]")).to_be_attached()
        home.clock.run_for(9_000)  # without the browser's word it would take fifteen
        expect(status).to_contain_text("What you see may be old")
    home.clock.resume()
    expect(status).to_contain_text("Connected again")


def test_a_project_whose_answer_was_lost_is_told_and_is_made_once(
    home: Page, fleet: Fleet, live_server: LiveServer
) -> None:
    home.goto(f"{live_server.url}/projects")
    form = home.get_by_role("form", name="Create a project")
    form.get_by_label("Name").fill("Once")
    lost = lose_the_answer(home, "createProject")
    form.get_by_role("button").click()
    expect(home.get_by_role("alert")).to_contain_text("this may have been done or not")
    assert lost
    expect(home.get_by_role("cell", name="Once", exact=True)).to_be_visible()

    form.get_by_role("button").click()

    expect(home.get_by_role("heading", name="Once", level=1)).to_be_visible()
    assert len(fleet.sql("SELECT FROM projects WHERE name = 'Once'")) == 1


def test_a_token_whose_answer_was_lost_is_in_the_list(home: Page, live_server: LiveServer) -> None:
    home.goto(f"{live_server.url}/settings")
    form = home.get_by_role("form", name="Create a token")
    form.get_by_label("Name").fill("night work")
    form.get_by_label("Your password").fill(PASSWORD)
    lost = lose_the_answer(home, "createAccessToken")
    form.get_by_role("button").click()

    expect(home.get_by_role("alert")).to_contain_text("this may have been done or not")
    assert lost
    expect(home.get_by_role("button", name="Revoke night work")).to_be_visible()


def test_a_permission_whose_answer_was_lost_is_told(home: Page, fleet: Fleet) -> None:
    fleet.sql(
        "INSERT INTO cc_permission_requests (cc_instance_id, tool_name, tool_input, held_until)"
        " VALUES ($1::text::uuid, 'Bash', '{\"command\": \"make deploy\"}', now() + interval '1 hour')",
        fleet.instance_id,
    )
    lost = lose_the_answer(home, "answerPermissionRequest")
    home.get_by_role("button", name="Deny Bash make deploy").click()

    expect(home.get_by_role("alert")).to_contain_text("this may have been done or not")
    assert lost
    until(home, lambda: fleet.sql("SELECT FROM cc_permission_requests WHERE decision = 'deny'"))
    expect(home.get_by_role("button", name="Deny Bash make deploy")).to_have_count(0)


def test_a_login_without_a_network_says_so_and_is_tried_again(
    page: Page, fleet: Fleet, live_server: LiveServer
) -> None:
    page.goto(live_server.url)
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    with offline(page):
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("See whether you are online, and log in again.")
    page.get_by_role("button", name="Log in").click()

    expect(page.get_by_text("東京-parent")).to_be_visible()


def test_tokens_that_live_for_a_minute_are_not_renewed_without_end(
    page: Page, fleet: Fleet, settings: Settings
) -> None:
    renewals: list[str] = []
    with served(settings.model_copy(update={"access_token_minutes": 1})) as server:
        page.on("request", lambda request: renewals.append(request.url) if "renew" in request.url else None)
        page.clock.install()
        log_in(page, server.url, "alice", PASSWORD)
        page.get_by_text("東京-parent").wait_for()
        before = len(renewals)

        page.clock.run_for(30_000)  # three quarters of its life are not over

        expect(page.get_by_role("banner").get_by_role("status")).to_contain_text("Live")
        assert len(renewals) == before
        page.clock.run_for(20_000)
        until(page, lambda: len(renewals) > before)
        page.close()
