"""axe-core on what no other test looks at: a page that is not there, a connection that is lost."""

import pytest
from playwright.sync_api import Page, expect

from app.config.settings import Settings
from tests.acceptance.dashboard.conftest import PASSWORD, Fleet
from tests.support.dashboard import NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES, log_in, violations
from tests.support.serving import served

pytestmark = [pytest.mark.browser, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_the_states_between_the_pages(
    page: Page, fleet: Fleet, settings: Settings, theme: str
) -> None:
    found = {}
    page.set_default_timeout(60_000)
    with served(settings) as server:
        log_in(page, server.url, "alice", PASSWORD)
        page.evaluate(f"localStorage['ccgraph.theme'] = '{theme}'")
        page.goto(f"{server.url}/nowhere")
        page.get_by_role("heading", name="There is no page at this address.").wait_for()
        found["a page that is not there"] = violations(page)
        page.goto(f"{server.url}/instances/01900000-0000-7000-8000-000000000000")
        page.get_by_role("main").get_by_role("alert").wait_for()
        found["an instance that is not there"] = violations(page)
        page.goto(server.url)
        page.get_by_text("東京-parent").wait_for()
    expect(page.get_by_role("banner").get_by_role("status")).to_contain_text("Connection lost")
    found["a lost connection"] = violations(page)
    page.close()

    assert {state: broken for state, broken in found.items() if broken} == {}
