"""What a person said to an instance, and when it did what, in a real browser."""

from typing import Final

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.dashboard.conftest import Fleet
from tests.support.dashboard import NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES, violations
from tests.support.serving import LiveServer

pytestmark = [pytest.mark.browser, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]

BEGIN: Final = "TIMESTAMPTZ '2026-11-01 10:00:00+00'"
PROMPTS: Final = f"""
INSERT INTO cc_logs (cc_instance_id, log_level, category, message, details, created_at)
SELECT $1::text::uuid, 'info', 'task', p.said, '{{"event": "prompt"}}', {BEGIN} + p.at * interval '1 second'
FROM (VALUES ('テストを直して', 0), ('Now deploy it', 100)) AS p(said, at)
"""
CALLS: Final = f"""
INSERT INTO mcp_tool_calls (cc_instance_id, tool_name, arguments, status, started_at, completed_at)
SELECT $1::text::uuid, c.tool, '{{}}', 'completed', {BEGIN} + c.began * interval '1 second',
  {BEGIN} + c.ended * interval '1 second'
FROM (VALUES ('Bash', 10, 60), ('Read', 20, 30), ('Grep', 110, 140)) AS c(tool, began, ended)
"""


@pytest.fixture
def instance(home: Page, fleet: Fleet) -> Page:
    """The instance after two turns of one minute and of forty seconds."""
    fleet.sql(PROMPTS, fleet.instance_id)
    fleet.sql(CALLS, fleet.instance_id)
    home.get_by_role("link", name="東京-parent").click()
    home.get_by_role("heading", name="東京-parent").wait_for()
    return home


def test_the_conversation_has_what_a_person_said_with_how_long_its_turn_took(instance: Page) -> None:
    said = instance.get_by_role("region", name="Conversation").get_by_role("group")
    expect(said).to_have_count(5)
    expect(said.first).to_contain_text("Prompt テストを直して 1m")
    expect(said.nth(3)).to_contain_text("Prompt Now deploy it 40s")


def test_turns_have_a_lane_and_what_overlaps_counts_once(instance: Page) -> None:
    instance.get_by_role("link", name="Timeline").click()

    expect(instance.get_by_role("img", name="Turns: 2, 1m 40s")).to_be_visible()
    tools = instance.get_by_role("img", name="Tools at work: 3, 1m 20s")
    heights = tools.locator("rect").evaluate_all("bars => bars.map((bar) => bar.getAttribute('y'))")
    assert len(heights) == 3
    assert heights[0] != heights[1]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(
    instance: Page, live_server: LiveServer, fleet: Fleet, theme: str
) -> None:
    instance.evaluate(f"localStorage['ccgraph.theme'] = '{theme}'; localStorage['ccgraph.language'] = 'ja'")
    instance.set_viewport_size({"width": 360, "height": 640})
    for tab, shown in (("conversation", "テストを直して"), ("timeline", "ターン")):
        instance.goto(f"{live_server.url}/instances/{fleet.instance_id}?tab={tab}")
        instance.get_by_text(shown).first.wait_for()
        assert violations(instance) == [], tab
        assert instance.evaluate("document.documentElement.scrollWidth") <= 360


def test_long_texts_leave_room_for_the_page_and_who_decides_reads_all_of_them(
    instance: Page, fleet: Fleet
) -> None:
    fleet.sql(
        "UPDATE cc_instances SET last_message = repeat('A long last message. ', 450),"
        " name = repeat('averylongname', 15) WHERE id = $1::text::uuid",
        fleet.instance_id,
    )
    fleet.sql(
        "UPDATE cc_permission_requests SET decision = 'lapsed' WHERE decision IS NULL AND cc_instance_id ="
        " $1::text::uuid",
        fleet.instance_id,
    )
    fleet.sql(
        "INSERT INTO cc_permission_requests (cc_instance_id, tool_name, tool_input, held_until) VALUES"
        " ($1::text::uuid, 'Bash', jsonb_build_object('command', repeat('echo aaaa; ', 300) || 'rm -rf /'),"
        " now() + interval '1 hour')",
        fleet.instance_id,
    )
    asked = instance.get_by_role("region", name="Asks permission")
    expect(asked).to_contain_text("rm -rf /")
    expect(instance.get_by_role("region", name="Said last")).to_contain_text("A long last message.")
    tabs = instance.get_by_role("navigation", name="Views").bounding_box()
    assert tabs is not None
    assert tabs["y"] + tabs["height"] < 500
    expect(instance.get_by_role("button", name="Allow").first).to_be_in_viewport()
    assert instance.evaluate("document.documentElement.scrollWidth") <= 1280
    assert violations(instance) == []
