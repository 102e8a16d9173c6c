"""The dashboard in a real browser."""

import pytest
from playwright.sync_api import Browser, Page, expect

from app.config.settings import Settings
from tests.acceptance.dashboard.conftest import PASSWORD, Fleet
from tests.support.dashboard import NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES, log_in, violations
from tests.support.serving import LiveServer, served

pytestmark = [pytest.mark.browser, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]


def test_the_address_that_the_demo_prints_needs_one_press_of_a_button(
    page: Page, fleet: Fleet, live_server: LiveServer
) -> None:
    page.goto(f"{live_server.url}/#username=alice&password={PASSWORD.replace(' ', '+')}")
    page.get_by_role("button", name="Log in").wait_for()
    assert page.url == f"{live_server.url}/"

    page.keyboard.press("Enter")

    expect(page.get_by_text("東京-parent")).to_be_visible()


def test_a_wrong_password_is_told_in_the_servers_words(
    page: Page, fleet: Fleet, live_server: LiveServer
) -> None:
    page.goto(live_server.url)
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("The username or the password is wrong.")


def test_a_change_by_plain_sql_is_seen_within_a_second(home: Page, fleet: Fleet) -> None:
    row = home.get_by_role("listitem").filter(has_text="東京-parent")
    expect(row).to_contain_text("Running")

    fleet.sql("UPDATE cc_instances SET status = 'IDLE' WHERE id = $1::text::uuid", fleet.instance_id)

    expect(row).to_contain_text("Idle", timeout=1_000)


def test_tokens_are_nowhere_that_a_script_can_read(home: Page) -> None:
    kept = home.evaluate("JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage}])")

    assert "eyJ" not in kept
    (cookie,) = home.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")


def test_a_login_holds_over_a_reload_and_in_other_tabs_and_ends_in_all(
    home: Page, live_server: LiveServer
) -> None:
    home.reload()
    home.get_by_text("東京-parent").wait_for()
    tab = home.context.new_page()
    tab.goto(live_server.url)
    tab.get_by_text("東京-parent").wait_for()

    tab.get_by_label("Account: alice").click()
    tab.get_by_role("button", name="Log out", exact=True).click()

    for page in (tab, home):
        expect(page.get_by_role("heading", name="Log in to ccgraph")).to_be_visible()
    assert home.context.cookies() == []


def test_a_server_that_is_killed_and_started_again_is_told_and_nothing_is_missed(
    page: Page, fleet: Fleet, settings: Settings
) -> None:
    with served(settings) as server:
        log_in(page, server.url, "alice", PASSWORD)
        row = page.get_by_role("listitem").filter(has_text="東京-parent")
        expect(row).to_contain_text("Running")
    status = page.get_by_role("banner").get_by_role("status")
    expect(status).to_contain_text("Connection lost", timeout=10_000)
    fleet.sql("UPDATE cc_instances SET status = 'IDLE' WHERE id = $1::text::uuid", fleet.instance_id)
    port = int(server.url.rpartition(":")[2])

    with served(settings.model_copy(update={"port": port})):
        expect(status).to_contain_text("Connected again", timeout=15_000)
        expect(row).to_contain_text("Idle")
        page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_axe_finds_nothing_on_the_login_and_on_the_first_page(home: Page, theme: str, language: str) -> None:
    home.evaluate(
        f"localStorage['ccgraph.theme'] = '{theme}'; localStorage['ccgraph.language'] = '{language}'"
    )
    home.reload()
    home.get_by_text("東京-parent").wait_for()
    assert violations(home) == []
    assert home.evaluate("document.documentElement.lang") == language

    home.context.clear_cookies()
    home.reload()
    home.locator("form").wait_for()
    assert violations(home) == []


def test_on_a_phone_nothing_is_wider_than_the_screen(
    browser: Browser, fleet: Fleet, live_server: LiveServer
) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 640}, locale="ja-JP", has_touch=True)
    page = context.new_page()
    page.goto(live_server.url)
    page.get_by_label("ユーザー名").fill("alice")
    page.get_by_label("パスワード").fill(PASSWORD)
    page.get_by_role("button", name="ログイン").tap()
    page.get_by_text("東京-parent").wait_for()

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()


def test_graphiql_runs_a_query_and_a_subscription_with_nothing_from_outside(
    home: Page, fleet: Fleet, live_server: LiveServer
) -> None:
    asked: set[str] = set()
    home.on("request", lambda request: asked.add(request.url))
    home.get_by_role("link", name="GraphiQL").click()
    editor = home.locator(".graphiql-query-editor .monaco-editor")
    editor.wait_for(timeout=30_000)

    def run(document: str) -> None:
        editor.click()
        home.keyboard.press("ControlOrMeta+A")
        home.keyboard.insert_text(document)
        home.keyboard.press("ControlOrMeta+Enter")

    answer = home.locator(".graphiql-response")
    run("{ me { username } }")
    expect(answer).to_contain_text("alice")
    run("subscription { live { ccInstances { nodes { status } } } }")
    expect(answer).to_contain_text("RUNNING")
    fleet.sql("UPDATE cc_instances SET status = 'IDLE' WHERE id = $1::text::uuid", fleet.instance_id)
    expect(answer).to_contain_text("IDLE")

    hosts = {url.split("/")[2] for url in asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {live_server.url.removeprefix("http://")}
