"""Where the links of notifications lead, in a real browser."""

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.dashboard.conftest import Fleet
from tests.support.dashboard import NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES, violations
from tests.support.serving import LiveServer

pytestmark = [pytest.mark.browser, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]


def test_each_leads_to_what_it_is_about(home: Page, fleet: Fleet, live_server: LiveServer) -> None:
    (task,) = fleet.sql(
        "INSERT INTO tasks (project_id, name, task_type) VALUES ($1::text::uuid, '設定を直す', 'testing')"
        " RETURNING id",
        fleet.project_id,
    )
    (session,) = fleet.sql(
        "INSERT INTO sessions (session_id, name, user_id, project_id)"
        " SELECT gen_random_uuid(), 'work', owner_id, id FROM projects RETURNING session_id"
    )
    fleet.sql(
        "INSERT INTO cc_usage (project_id, cc_instance_id, session_id, model, requested_at)"
        " VALUES ($1::text::uuid, $2::text::uuid, $3, 'claude-opus', now())",
        fleet.project_id,
        fleet.instance_id,
        session["session_id"],
    )
    (notification,) = fleet.sql(
        "INSERT INTO notification_history (user_id, notification_type, service_type, title, message)"
        " SELECT id, 'task_completed', 'webhook', '終わりました', 'All is done' FROM users RETURNING id"
    )

    home.goto(f"{live_server.url}/tasks/{task['id']}")
    expect(home.get_by_role("button", name="設定を直す", expanded=True)).to_be_visible()
    home.goto(f"{live_server.url}/sessions/{session['session_id']}")
    expect(home.get_by_role("heading", name="東京-parent")).to_be_visible()
    home.goto(f"{live_server.url}/notifications/{notification['id']}")
    expect(home.get_by_role("heading", name="終わりました")).to_be_visible()
    assert violations(home) == []
    home.goto(f"{live_server.url}/invitations/{task['id']}")
    expect(home.get_by_role("heading", name="Projects")).to_be_visible()
    home.goto(f"{live_server.url}/tasks/{session['session_id']}")
    expect(home.get_by_role("alert")).to_contain_text("This does not exist")
