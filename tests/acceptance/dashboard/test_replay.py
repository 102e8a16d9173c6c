"""What happened, moment by moment, in a real browser."""

from typing import Final

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.dashboard.conftest import Fleet
from tests.support.dashboard import NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES, violations
from tests.support.serving import LiveServer

pytestmark = [pytest.mark.browser, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]

BEGIN: Final = "TIMESTAMPTZ '2026-11-01 10:00:00+00'"
STOPPED: Final = (
    f"UPDATE cc_instances SET created_at = {BEGIN}, started_at = {BEGIN}, status = 'STOPPED',"
    f" terminated_at = {BEGIN} + interval '10 minutes' WHERE id = $1::text::uuid"
)
CALLS: Final = f"""
INSERT INTO mcp_tool_calls (cc_instance_id, tool_name, arguments, status, started_at, completed_at)
SELECT $1::text::uuid, c.tool, json_build_object('command', c.command), c.status,
  {BEGIN} + c.began * interval '1 second', {BEGIN} + c.ended * interval '1 second'
FROM (VALUES ('Read', 'plan.md', 'completed', 10, 11), ('Bash', 'make deploy', 'failed', 60, 180))
  AS c(tool, command, status, began, ended)
"""
ASKED: Final = f"""
INSERT INTO cc_permission_requests (cc_instance_id, tool_name, tool_input, asked_at, answered_at, decision)
VALUES ($1::text::uuid, 'Bash', '{{"command": "make deploy"}}', {BEGIN} + interval '61 seconds',
  {BEGIN} + interval '121 seconds', 'allow')
"""
TASK: Final = f"""
INSERT INTO tasks (project_id, name, task_type, status, assigned_to, created_at, started_at, completed_at)
VALUES ($1::text::uuid, '配備する', 'testing', 'COMPLETED', $2::text::uuid, {BEGIN} + interval '5 seconds',
  {BEGIN} + interval '20 seconds', {BEGIN} + interval '200 seconds')
"""
SESSION: Final = """
INSERT INTO sessions (session_id, name, user_id, project_id)
SELECT gen_random_uuid(), 'work', owner_id, id FROM projects WHERE project_id = $1::text::uuid
RETURNING session_id
"""
USAGE: Final = f"""
INSERT INTO cc_usage (project_id, cc_instance_id, session_id, model, input_tokens, output_tokens,
  cost_micro_usd, duration_ms, requested_at)
VALUES ($1::text::uuid, $2::text::uuid, $3, 'claude-opus', 1000, 500, 2500000, 5000,
  {BEGIN} + interval '2 seconds')
"""
FILE: Final = f"""
INSERT INTO file_operations (session_id, user_id, operation_type, file_path, created_at)
SELECT session_id, user_id, 'update', 'src/main.py', {BEGIN} + interval '190 seconds'
FROM sessions WHERE session_id = $1
"""
LOGS: Final = f"""
INSERT INTO cc_logs (cc_instance_id, log_level, category, message, created_at)
SELECT $1::text::uuid, 'info', 'system', 'line ' || n, {BEGIN} + n * interval '1 minute'
FROM generate_series(1, 9) AS n
"""


@pytest.fixture
def replay(home: Page, fleet: Fleet) -> Page:
    """The replay of ten minutes that are over: a deployment waited for a person, and failed."""
    fleet.sql(STOPPED, fleet.instance_id)
    fleet.sql(CALLS, fleet.instance_id)
    fleet.sql(ASKED, fleet.instance_id)
    fleet.sql(TASK, fleet.project_id, fleet.instance_id)
    session = fleet.sql(SESSION, fleet.project_id)[0]["session_id"]
    fleet.sql(USAGE, fleet.project_id, fleet.instance_id, session)
    fleet.sql(FILE, session)
    fleet.sql(LOGS, fleet.instance_id)
    home.goto(home.url + f"instances/{fleet.instance_id}?tab=replay")
    home.get_by_role("slider", name="Moment").wait_for()
    return home


def step(page: Page, key: str, times: int) -> None:
    """Press a key so many times."""
    for _ in range(times):
        page.keyboard.press(key)


def test_each_change_is_shown_with_what_was_so_by_the_keyboard_alone(replay: Page) -> None:
    controls = replay.get_by_role("region", name="Replay")
    did = replay.get_by_role("region", name="What each did")
    expect(did).to_contain_text("東京-parent model at work claude-opus")
    expect(controls).to_contain_text("$0.00 and 0 tokens until then")
    expect(replay.get_by_role("region", name="Tasks")).to_contain_text("Nothing yet.")

    step(replay, "l", 2)  # the task is created, the answer of the model is there
    expect(controls).to_contain_text("$2.50 and 1.5K tokens until then")
    expect(replay.get_by_role("region", name="Tasks")).to_contain_text("pending 配備する")
    expect(did).to_contain_text("東京-parent idle")
    step(replay, "l", 3)  # the file is read, the task begins
    expect(replay.get_by_role("region", name="Tasks")).to_contain_text("running 配備する")
    step(replay, "l", 1)
    expect(did).to_contain_text("tool at work Bash make deploy")
    step(replay, "l", 1)
    expect(did).to_contain_text("blocked on a person Bash make deploy")
    deployment = replay.get_by_role("group").filter(has_text="make deploy").first
    expect(deployment).to_contain_text("still running")
    expect(replay.get_by_role("listitem").filter(has_text="line 2")).to_have_count(0)

    step(replay, "l", 3)  # a line, the answer, and the deployment has failed
    expect(deployment).to_contain_text("failed")
    expect(replay.get_by_role("listitem").filter(has_text="line 2")).to_have_count(1)
    step(replay, "l", 1)
    expect(replay.get_by_role("region", name="Files", exact=True)).to_contain_text("src/main.py")
    step(replay, "h", 1)
    expect(replay.get_by_role("region", name="Files", exact=True)).to_contain_text("Nothing yet.")


def test_it_plays_to_its_end_and_pauses(replay: Page) -> None:
    slider = replay.get_by_role("slider", name="Moment")
    replay.keyboard.press("p")
    expect(slider).not_to_have_value("0")
    replay.get_by_role("button", name="Pause").wait_for()
    replay.keyboard.press("p")
    replay.get_by_role("button", name="Play").wait_for()
    step(replay, ">", 2)
    expect(replay.get_by_label("Speed")).to_have_value("500")

    replay.keyboard.press("p")

    expect(replay.get_by_role("button", name="Play")).to_be_visible()
    expect(replay.get_by_role("region", name="What each did")).to_contain_text("東京-parent")
    expect(replay.get_by_role("region", name="Tasks")).to_contain_text("completed 配備する")
    expect(replay.get_by_role("listitem").filter(has_text="line 9")).to_have_count(1)


def test_a_session_of_ten_thousand_calls_stays_usable(replay: Page, fleet: Fleet) -> None:
    fleet.sql(
        "INSERT INTO mcp_tool_calls (cc_instance_id, tool_name, arguments, status, started_at, completed_at)"
        " SELECT $1::text::uuid, 'Grep', '{\"pattern\": \"x\"}', 'completed',"
        f" {BEGIN} + interval '5 minutes' + n * interval '10 ms',"
        f" {BEGIN} + interval '5 minutes' + n * interval '10 ms' FROM generate_series(1, 10500) AS n",
        fleet.instance_id,
    )
    replay.get_by_role("button", name="Read anew").click()
    replay.get_by_role("slider", name="Moment").wait_for()

    expect(replay.get_by_text("502 older entries are left out")).to_be_visible()
    slider = replay.get_by_role("slider", name="Moment")
    longest = replay.evaluate(
        """async () => {
          const slider = document.querySelector('input[type=range]');
          const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
          const taken = [];
          for (let share = 1; share <= 20; share += 1) {
            const before = performance.now();
            set.call(slider, String(slider.max * share / 20));
            slider.dispatchEvent(new Event('input', { bubbles: true }));
            await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
            taken.push(performance.now() - before);
          }
          return taken.sort((a, b) => a - b)[10];
        }"""
    )
    assert longest < 1_000  # milliseconds for the median of twenty moves, on a busy machine
    assert replay.evaluate("document.querySelectorAll('*').length") < 3_000
    slider.press("h")
    expect(replay.get_by_role("region", name="Until then", exact=True).first).to_contain_text("Grep x")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(
    replay: Page, live_server: LiveServer, theme: str
) -> None:
    replay.evaluate(f"localStorage['ccgraph.theme'] = '{theme}'; localStorage['ccgraph.language'] = 'ja'")
    replay.set_viewport_size({"width": 360, "height": 640})
    replay.reload()
    slider = replay.get_by_role("slider", name="時点")
    slider.wait_for()
    slider.press("End")
    replay.get_by_text("line 9").wait_for()
    assert violations(replay) == []
    assert replay.evaluate("document.documentElement.scrollWidth") <= 360
