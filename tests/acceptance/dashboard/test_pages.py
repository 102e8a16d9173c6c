"""The dashboard in a real browser."""

import re
from functools import partial
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from app.config.settings import Settings
from tests.acceptance.dashboard.conftest import PASSWORD, Fleet
from tests.support.dashboard import (
    NEEDS_BUILD,
    NEEDS_CHROMIUM,
    NEEDS_PACKAGES,
    log_in,
    quickest,
    violations,
)
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
    expect(row).to_contain_text("Working")

    def change(status: str) -> None:
        fleet.sql("UPDATE cc_instances SET status = $2 WHERE id = $1::text::uuid", fleet.instance_id, status)
        expect(row).to_contain_text({"IDLE": "Idle", "RUNNING": "Working"}[status])

    assert quickest(change, "IDLE", "RUNNING", "IDLE") < 1


def test_what_an_instance_does_and_said_last_is_seen_within_a_second(home: Page, fleet: Fleet) -> None:
    row = home.get_by_role("listitem").filter(has_text="東京-parent")

    def change(assigned: str, shown: str) -> None:
        fleet.sql(
            f"UPDATE cc_instances SET {assigned} = $2 WHERE id = $1::text::uuid", fleet.instance_id, shown
        )
        expect(row).to_contain_text(shown)

    for column in ("last_message", "activity_detail"):  # a detail is shown before what was said last
        assert quickest(partial(change, column), f"{column} 1", f"{column} 2", f"{column} 3") < 1


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
        expect(row).to_contain_text("Working")
    status = page.get_by_role("banner").get_by_role("status")
    expect(status).to_contain_text("Connection lost")
    fleet.sql("UPDATE cc_instances SET status = 'IDLE' WHERE id = $1::text::uuid", fleet.instance_id)
    port = int(server.url.rpartition(":")[2])

    with served(settings.model_copy(update={"port": port})):
        expect(status).to_contain_text("Connected again")
        expect(row).to_contain_text("Idle")
        page.close()


ASK = """
INSERT INTO cc_permission_requests (cc_instance_id, tool_name, tool_input, held_until)
VALUES ($1::text::uuid, 'Bash', '{"command": "make deploy"}', now() + interval '1 hour') RETURNING id
"""
LOG = "INSERT INTO cc_logs (cc_instance_id, log_level, category, message) VALUES ($1::text::uuid, $2, $3, $4)"


@pytest.mark.parametrize(("key", "decision"), [("a", "allow"), ("d", "deny")])
def test_who_needs_a_person_is_first_and_answered_by_the_keyboard_alone(
    home: Page, fleet: Fleet, key: str, decision: str
) -> None:
    fleet.sql(
        "INSERT INTO cc_instances (project_id, name, type, status)"
        " SELECT $1::text::uuid, 'other-' || n, 'PARENT', 'RUNNING' FROM generate_series(1, 30) AS n",
        fleet.project_id,
    )
    expect(home.get_by_text("31 running")).to_be_visible()
    assert home.title() == "ccgraph"

    (asked,) = fleet.sql(ASK, fleet.instance_id)
    first = home.get_by_role("main").get_by_role("listitem").first
    expect(first).to_contain_text("Bash make deploy")
    expect(home).to_have_title("(1) ccgraph")
    icon = home.locator('link[rel="icon"]')
    expect(icon).to_have_attribute("href", re.compile("^data:image/png"))
    home.keyboard.press("j")
    home.keyboard.press(key)

    expect(first).not_to_contain_text("make deploy")
    expect(home).to_have_title("ccgraph")
    expect(icon).to_have_attribute("href", "/icon.svg")
    (row,) = fleet.sql("SELECT decision FROM cc_permission_requests WHERE id = $1", asked["id"])
    assert row["decision"].lower() == decision


def test_the_list_is_searched_and_opened_by_the_keyboard(home: Page, fleet: Fleet) -> None:
    home.keyboard.press("/")
    home.keyboard.type("東京 nothing")
    expect(home.get_by_text("None fits the search.")).to_be_visible()
    home.keyboard.press("ControlOrMeta+A")
    home.keyboard.type("parent")
    home.keyboard.press("Escape")
    home.keyboard.press("j")
    home.keyboard.press("Enter")

    expect(home.get_by_role("heading", name="東京-parent")).to_be_visible()
    assert home.url.endswith(f"/instances/{fleet.instance_id}")
    home.keyboard.press("u")
    expect(home.get_by_role("searchbox")).to_have_value("parent")


def test_an_instance_shows_its_tree_what_it_did_and_its_messages(home: Page, fleet: Fleet) -> None:
    fleet.sql(
        "INSERT INTO cc_instances (project_id, name, type, status, parent_instance_id)"
        " VALUES ($1::text::uuid, 'the-child', 'CHILD', 'RUNNING', $2::text::uuid)",
        fleet.project_id,
        fleet.instance_id,
    )
    fleet.sql(
        "INSERT INTO cc_usage (cc_instance_id, project_id, input_tokens, output_tokens, cost_micro_usd,"
        " requested_at) SELECT id, project_id, 1000, 500, 1250000, now() FROM cc_instances"
    )
    fleet.sql(
        "INSERT INTO mcp_messages (cc_instance_id, message_type, method, params)"
        " VALUES ($1::text::uuid, 'request', 'tools/call', '{\"name\": \"Read\"}')",
        fleet.instance_id,
    )
    fleet.sql(
        "INSERT INTO mcp_tool_calls (cc_instance_id, tool_name, arguments, status)"
        " VALUES ($1::text::uuid, 'Read', '{\"file_path\": \"src/main.py\"}', 'running')",
        fleet.instance_id,
    )
    home.get_by_role("link", name="東京-parent").click()

    tree = home.get_by_role("region", name="Instances")
    expect(tree.get_by_role("listitem").first).to_contain_text(
        "US$1.25 · 1.5K tokens, with all below it US$2.50 · 3K tokens".replace("US$", "$")
    )
    expect(tree).to_contain_text("the-child")
    call = home.locator("details", has_text="src/main.py")
    expect(call).to_contain_text("still running")
    call.locator("summary").click()
    expect(call).to_contain_text('"file_path": "src/main.py"')
    home.get_by_role("link", name="Timeline").click()
    expect(home.get_by_role("img", name="Tools at work: 1")).to_be_visible()
    home.get_by_role("link", name="MCP messages").click()
    expect(home.get_by_text("tools/call")).to_be_visible()
    home.get_by_role("link", name="Files", exact=True).click()
    expect(home.get_by_text("No file operations")).to_be_visible()


def test_the_tail_of_the_log_goes_on_over_a_restart_with_every_line_once(
    page: Page, fleet: Fleet, settings: Settings
) -> None:
    for number in range(3):
        fleet.sql(LOG, fleet.instance_id, "info", "git", f"line {number}")
    with served(settings) as server:
        log_in(page, server.url, "alice", PASSWORD)
        page.goto(f"{server.url}/instances/{fleet.instance_id}?tab=logs")
        expect(page.get_by_text("line 2")).to_be_visible()

        def log(number: int) -> None:
            level = "error" if number == 3 else "info"
            fleet.sql(LOG, fleet.instance_id, level, "git", f"line {number}")
            expect(page.get_by_text(f"line {number}")).to_be_visible()

        assert quickest(log, 3, 4, 5) < 2
    expect(page.get_by_role("banner").get_by_role("status")).to_contain_text("lost")
    fleet.sql(LOG, fleet.instance_id, "info", "git", "line 6")

    port = int(server.url.rpartition(":")[2])
    with served(settings.model_copy(update={"port": port})):
        expect(page.get_by_text("line 6")).to_be_visible()
        log(7)
        shown = page.get_by_text(re.compile(r"^line \d$"))
        assert shown.all_text_contents() == [f"line {number}" for number in range(8)]
        page.get_by_label("Level, at least").select_option("ERROR")
        expect(shown).to_have_text(["line 3"])
        page.get_by_label("Level, at least").select_option("DEBUG")
        page.get_by_label("Contains").fill("NE 6")
        expect(shown).to_have_text(["line 6"])
        page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_any_view_of_an_instance(
    home: Page, fleet: Fleet, live_server: LiveServer, theme: str
) -> None:
    home.evaluate(f"localStorage['ccgraph.theme'] = '{theme}'")
    fleet.sql(ASK, fleet.instance_id)
    fleet.sql(LOG, fleet.instance_id, "error", "git", "a line")
    fleet.sql(LOG, fleet.instance_id, "warn", "git", "another")
    for tab, shown in (
        ("conversation", "make deploy"),
        ("timeline", "Blocked on a person"),
        ("files", "No file operations"),
        ("mcp", "No MCP messages"),
        ("logs", "another"),
    ):
        home.goto(f"{live_server.url}/instances/{fleet.instance_id}?tab={tab}")
        home.get_by_role("main").get_by_text(shown).first.wait_for()
        assert violations(home) == [], tab


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
    editor.wait_for()

    def run(document: str) -> None:
        home.goto("about:blank")
        home.goto(f"{live_server.url}/graphql#{urlencode({'query': document})}")
        expect(editor.locator(".view-lines")).to_have_text(document.replace(" ", "\xa0"))
        home.get_by_role("button", name="Execute query").click()

    answer = home.locator(".graphiql-response")
    run("{ me { username } }")
    expect(answer).to_contain_text("alice")
    run("subscription { live { ccInstances { nodes { status } } } }")
    expect(answer).to_contain_text("RUNNING")
    fleet.sql("UPDATE cc_instances SET status = 'IDLE' WHERE id = $1::text::uuid", fleet.instance_id)
    expect(answer).to_contain_text("IDLE")

    hosts = {url.split("/")[2] for url in asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {live_server.url.removeprefix("http://")}


def test_an_answer_that_comes_second_is_told_once_and_taken_away(home: Page, fleet: Fleet) -> None:
    (asked,) = fleet.sql(
        "INSERT INTO cc_permission_requests (cc_instance_id, tool_name, tool_input, held_until) VALUES"
        " ($1::text::uuid, 'Bash', '{\"command\": \"make deploy\"}', now() + interval '1 hour') RETURNING id",
        fleet.instance_id,
    )

    def answer_before(route: Route) -> None:
        """Another person is a moment faster."""
        if "AnswerPermission" in (route.request.post_data or ""):
            fleet.sql(
                "UPDATE cc_permission_requests SET decision = 'deny', answered_at = now(),"
                " answered_by = (SELECT id FROM users LIMIT 1) WHERE id = $1 AND decision IS NULL",
                asked["id"],
            )
        route.continue_()

    home.route("**/graphql", answer_before)
    home.get_by_role("button", name=re.compile("^Allow")).click()

    alert = home.get_by_role("main").get_by_role("alert")
    expect(alert).to_contain_text("This request was already answered with DENY.")
    expect(home.get_by_role("button", name=re.compile("^Allow"))).to_have_count(0)
    home.unroute_all()
    alert.get_by_role("button", name="Close").click()
    expect(alert).to_have_count(0)
    assert fleet.sql("SELECT FROM cc_permission_requests WHERE decision = 'deny'")
