"""The search of the first page: it finds any session that the reader may see, listed or not."""

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.dashboard.conftest import Fleet
from tests.support.dashboard import NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES, violations
from tests.support.serving import LiveServer

pytestmark = [pytest.mark.browser, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]

MANY = """
INSERT INTO cc_instances (project_id, name, type, status)
SELECT $1::text::uuid, 'other-' || n, 'PARENT', 'RUNNING' FROM generate_series(1, 600) AS n
"""
OLD = """
INSERT INTO cc_instances (project_id, name, type, status, activity, created_at, terminated_at, last_message)
VALUES ($1::text::uuid, $2, 'PARENT', $3, $4, now() - interval '30 days', now() - interval '1 day',
        '100%_done')
RETURNING id::text
"""
PROMPT = """
INSERT INTO cc_logs (cc_instance_id, log_level, category, message, details)
VALUES ($1::text::uuid, 'info', 'system', '路線図の色をもっと見やすく', '{"event": "prompt"}')
"""
BRANCH = """
INSERT INTO git_worktrees
  (cc_instance_id, project_id, worktree_name, worktree_path, base_branch, current_branch)
VALUES ($1::text::uuid, $2::text::uuid, 'w', '/w', 'main', 'feature/PAY-77')
"""
BOB = """
INSERT INTO users (username, email, hashed_password) VALUES ('bob-the-builder', 'bob@example.com', 'x')
RETURNING id
"""
SESSION = """
INSERT INTO sessions (session_id, name, user_id, project_id)
SELECT $1::text::uuid, 'of Bob', $2, id FROM projects WHERE project_id = $3::text::uuid
"""
PRIVATE = "INSERT INTO projects (name, owner_id) VALUES ('of Bob', $1) RETURNING project_id::text"


@pytest.fixture
def old(home: Page, fleet: Fleet) -> str:
    """The key of a session that ended long ago, behind 600 that run."""
    fleet.sql(MANY, fleet.project_id)
    ((key,),) = fleet.sql(OLD, fleet.project_id, "needle-in-the-hay", "STOPPED", "GONE")
    fleet.sql(PROMPT, key)
    fleet.sql(BRANCH, key, fleet.project_id)
    ((bob,),) = fleet.sql(BOB)
    fleet.sql(SESSION, key, bob, fleet.project_id)
    ((private,),) = fleet.sql(PRIVATE, bob)
    fleet.sql(OLD, private, "needle-of-another-person", "RUNNING", "WORKING")
    return str(key)


@pytest.mark.parametrize(
    "words", ["NEEDLE", "pay-77 hay", "bob-the-builder", "路線図の色", "100%_d", "  needle   100%  "]
)
def test_any_session_is_found_by_what_one_knows_of_it(old: str, home: Page, words: str) -> None:
    home.get_by_role("searchbox").fill(words)

    row = home.get_by_role("main").get_by_role("listitem")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("needle-in-the-hay")
    expect(row).to_contain_text("Ended")
    expect(row).to_contain_text("bob-the-builder")
    expect(home.get_by_role("main").get_by_role("status").get_by_text("1 fits")).to_be_visible()
    assert violations(home) == []


def test_a_session_is_found_by_its_project_and_a_prompt_is_told(old: str, home: Page, fleet: Fleet) -> None:
    fleet.sql("UPDATE projects SET name = 'Timetable 9' WHERE project_id = $1::text::uuid", fleet.project_id)

    home.get_by_role("searchbox").fill("timetable hay")
    expect(home.get_by_role("main").get_by_role("listitem")).to_contain_text("needle-in-the-hay")
    home.get_by_role("searchbox").fill("見やすく")
    expect(home.get_by_text("Prompt: 路線図の色をもっと見やすく")).to_be_visible()


_SEEN = """
window.seen = [];
new MutationObserver(() => {
  const main = document.querySelector('main');
  window.seen.push(main.innerText.includes('needle-in-the-hay') ? 'there' :
    main.innerText.includes('None fits') ? 'none' : 'nothing');
}).observe(document.querySelector('main'), { childList: true, subtree: true, characterData: true });
"""


def test_what_fits_stays_while_one_goes_on_typing(old: str, home: Page) -> None:
    home.keyboard.press("/")
    home.keyboard.type("needle")
    row = home.get_by_role("main").get_by_role("listitem").filter(has_text="needle-in-the-hay")
    expect(row).to_be_visible()

    home.evaluate(_SEEN)
    home.keyboard.type("-in-the", delay=60)
    expect(home.get_by_role("searchbox")).to_have_value("needle-in-the")
    expect(home.get_by_role("main").get_by_role("status").get_by_text("1 fits")).to_be_visible()

    assert set(home.evaluate("window.seen")) == {"there"}


def test_what_is_found_is_entered_and_opened_from_the_field(old: str, home: Page) -> None:
    home.keyboard.press("/")
    home.keyboard.type("needle")
    link = home.get_by_role("link", name="needle-in-the-hay")
    expect(link).to_be_visible()
    home.keyboard.press("ArrowDown")
    expect(link).to_be_focused()
    home.keyboard.press("/")
    home.keyboard.press("Enter")

    expect(home.get_by_role("heading", name="needle-in-the-hay")).to_be_visible()
    home.go_back()
    expect(home.get_by_role("searchbox")).to_have_value("needle")
    expect(link).to_be_visible()


def test_an_address_with_words_is_a_search_and_the_first_page_has_none(
    old: str, home: Page, live_server: LiveServer
) -> None:
    home.goto(f"{live_server.url}/?q=77")
    expect(home.get_by_role("searchbox")).to_have_value("77")
    expect(home.get_by_role("link", name="needle-in-the-hay")).to_be_visible()

    home.get_by_role("navigation").get_by_role("link", name="Fleet").click()

    expect(home.get_by_role("searchbox")).to_have_value("")
    expect(home.get_by_role("link", name="needle-in-the-hay")).to_have_count(0)


def test_what_is_found_goes_on_living(old: str, home: Page, fleet: Fleet) -> None:
    home.get_by_role("searchbox").fill("needle-in")
    row = home.get_by_role("main").get_by_role("listitem")
    expect(row).to_contain_text("Ended")

    fleet.sql(
        "UPDATE cc_instances SET status = 'RUNNING', activity = 'WORKING' WHERE id = $1::text::uuid", old
    )

    expect(row).to_contain_text("Working")
