"""axe-core on what no other test looks at: GraphiQL, a page that is not there, a connection that is lost."""

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from app.config.settings import Settings
from tests.acceptance.dashboard.conftest import PASSWORD, Fleet
from tests.support.dashboard import NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES, log_in, violations
from tests.support.serving import LiveServer, served

pytestmark = [pytest.mark.browser, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_the_states_between_the_pages(
    page: Page, fleet: Fleet, settings: Settings, theme: str
) -> None:
    found = {}
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


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_graphiql(home: Page, live_server: LiveServer, theme: str) -> None:
    found = {}
    home.evaluate(f"localStorage['ccgraph.theme'] = '{theme}'")
    document = "# 数 and words\n{ ccInstances(first: 5) { totalCount nodes { name contextUsedPercent } } }"
    home.goto(f"{live_server.url}/graphql#{urlencode({'query': document})}")
    expect(home.locator("body")).to_have_class(re.compile(f"graphiql-{theme}"))
    home.locator(".graphiql-query-editor .view-line").first.wait_for()
    home.get_by_role("button", name="Execute query").click()
    home.locator(".graphiql-response", has_text="東京-parent").wait_for()
    found["an answer"] = violations(home)

    home.get_by_role("button", name="Show Documentation Explorer").click()
    explorer = home.locator(".graphiql-doc-explorer")
    for opened, heading in (("Query", "Query"), ("tasks", "tasks"), ("TaskConnection", "TaskConnection")):
        explorer.get_by_role("link", name=opened, exact=True).first.click()
        explorer.locator(".graphiql-doc-explorer-title", has_text=heading).wait_for()
        found[f"the documentation of {opened}"] = violations(home)
    home.get_by_role("button", name="Show History").click()
    home.locator(".graphiql-history-item").first.wait_for()
    found["the history"] = violations(home)

    home.get_by_role("button", name="New tab").click()
    expect(home.locator(".graphiql-tab")).to_have_count(2)
    expect(home.locator(".graphiql-tab-button[aria-current=true]")).to_have_count(1)
    found["two tabs"] = violations(home)
    for name in ("Open settings dialog", "Open short keys dialog"):
        home.get_by_role("button", name=name).click()
        home.get_by_role("dialog").wait_for()
        found[name] = violations(home)
        home.keyboard.press("Escape")
        home.get_by_role("dialog").wait_for(state="detached")

    assert {state: broken for state, broken in found.items() if broken} == {}
