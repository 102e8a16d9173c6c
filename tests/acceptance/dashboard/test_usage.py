"""Where time and money go, in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.dashboard.conftest import Fleet
from tests.support.dashboard import NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES, violations
from tests.support.serving import LiveServer

pytestmark = [pytest.mark.browser, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]


@pytest.fixture
def usage(home: Page, fleet: Fleet) -> Page:
    """The page of usage: two models, two days, two tools, one error."""
    fleet.sql(
        "INSERT INTO cc_usage (cc_instance_id, project_id, user_id, model, input_tokens, output_tokens,"
        " cost_micro_usd, duration_ms, requested_at)"
        " SELECT i.id, i.project_id, p.owner_id, m.name, 1000, 500, m.cost, 2000, now() - m.ago"
        " FROM cc_instances i JOIN projects p USING (project_id), (VALUES"
        " ('claude-opus', 5250000, interval '0'), ('claude-haiku', 250000, interval '2 days'))"
        " AS m(name, cost, ago)"
    )
    fleet.sql(
        "INSERT INTO mcp_tool_calls (cc_instance_id, tool_name, arguments, status, execution_time_ms,"
        " started_at)"
        " SELECT $1::text::uuid, t.name, '{}', t.status, t.ms, now() FROM (VALUES ('Read', 'completed', 10),"
        " ('Bash', 'completed', 3000), ('Bash', 'failed', 1000)) AS t(name, status, ms)",
        fleet.instance_id,
    )
    fleet.sql(
        "INSERT INTO cc_logs (cc_instance_id, log_level, category, message)"
        " VALUES ($1::text::uuid, 'error', 'git', 'push refused')",
        fleet.instance_id,
    )
    home.keyboard.press("g")
    home.keyboard.press("u")
    home.get_by_role("heading", name="Usage").wait_for()
    return home


def test_cost_over_time_by_model_project_and_person(usage: Page, fleet: Fleet) -> None:
    expect(usage.get_by_role("img", name="Cost, Over time")).to_be_visible()
    expect(usage.get_by_text("$5.50 · 3K tokens · 2 requests")).to_be_visible()
    rows = usage.get_by_role("row")
    expect(rows).to_have_count(8)
    expect(rows.nth(1)).to_contain_text("$5.25")
    usage.get_by_role("link", name="By model").click()
    expect(rows.nth(1)).to_have_text(re.compile(r"^claude-opus\$5\.25"))
    usage.get_by_label("Period").select_option("1")
    expect(rows).to_have_count(2)
    usage.get_by_role("link", name="By project").click()
    (project,) = fleet.sql("SELECT name FROM projects")
    expect(rows.nth(1)).to_contain_text(project["name"])
    usage.get_by_role("link", name="By person").click()
    expect(rows.nth(1)).to_have_text(re.compile(r"^alice\$5\.25"))
    fleet.sql("UPDATE cc_usage SET cost_micro_usd = 0")
    usage.get_by_role("button", name="Read anew").click()
    expect(rows.nth(1)).to_have_text(re.compile(r"^alice\$0\.00"))


def test_tools_by_the_time_they_took_and_errors(usage: Page) -> None:
    usage.get_by_role("link", name="By tool").click()
    rows = usage.get_by_role("row")
    expect(rows.nth(1)).to_have_text("Bash212s2.9s3s4s")
    expect(rows.nth(2)).to_have_text("Read1010ms10ms10ms10ms")
    usage.get_by_role("link", name="Errors").click()
    expect(rows.nth(1)).to_contain_text("GIT 1")


def test_a_chart_is_opened_in_graphiql_and_gives_the_same_figures(usage: Page) -> None:
    usage.get_by_role("link", name="By model").click()
    usage.get_by_role("link", name="Open in GraphiQL").click()
    usage.locator(".graphiql-query-editor .monaco-editor").wait_for()
    expect(usage.locator(".graphiql-query-editor")).to_contain_text("UsageByModel")
    usage.get_by_role("button", name=re.compile("Execute")).click()

    expect(usage.locator(".graphiql-response")).to_contain_text("claude-opus")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_any_view_and_nothing_is_wider_than_a_phone(
    usage: Page, live_server: LiveServer, theme: str
) -> None:
    usage.evaluate(f"localStorage['ccgraph.theme'] = '{theme}'; localStorage['ccgraph.language'] = 'ja'")
    usage.set_viewport_size({"width": 360, "height": 640})
    for view in ("time", "model", "tool", "errors"):
        usage.goto(f"{live_server.url}/usage?view={view}")
        usage.get_by_role("table").wait_for()
        assert violations(usage) == [], view
        assert usage.evaluate("document.documentElement.scrollWidth") <= 360
