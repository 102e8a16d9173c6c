"""The six questions that the dashboard answers, asked on a demo that moves."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from app.config.settings import Settings
from services.demo import DEMO_USER, PASSWORD
from services.demo.live import Pacing
from tests.support import small_demo
from tests.support.dashboard import NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES, log_in
from tests.support.server import TestServer
from tests.support.serving import served

pytestmark = [pytest.mark.browser, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]

SOON = 60_000
"""Milliseconds for what a fleet does at its own time."""


@pytest.fixture
def database_url(embedded_postgres: TestServer) -> Iterator[str]:
    """A database that holds the demo."""
    template = embedded_postgres.template(small_demo.TEMPLATE, small_demo.fill)
    with embedded_postgres.clone(template) as url:
        yield url


def test_the_six_questions_are_answered_on_a_demo_that_moves(page: Page, settings: Settings) -> None:
    with served(settings, live_demo=Pacing(speed=6)) as server:
        page.set_default_timeout(SOON)
        log_in(page, server.url, DEMO_USER, PASSWORD)
        _who_needs_me(page)
        _what_is_this_one_doing(page, server.url)
        _how_far_is_the_work(page)
        _where_do_time_and_money_go(page)
        _what_happened(page)
        _settings(page)
        page.close()


def _who_needs_me(page: Page) -> None:
    """A permission is asked for: its line is first, its number in the title, and one key answers it."""
    lines = page.get_by_role("main").get_by_role("article")
    expect(page.get_by_text(re.compile(r"^\d+ running$"))).not_to_have_text("0 running", timeout=SOON)
    asking = lines.filter(has_text="Asks permission").first
    expect(asking.get_by_role("button", name=re.compile("^Allow"))).to_be_visible(timeout=SOON)
    expect(lines.first).to_contain_text(re.compile("Asks permission|Asks a question"))
    expect(page).to_have_title(re.compile(r"^\(\d+\) ccgraph$"))
    asking.get_by_role("link").focus()
    name = asking.get_by_role("link").inner_text()
    page.keyboard.press("a")
    # The instance goes on by the answer, the person's or, where that was faster, the fleet's own.
    line = lines.filter(has=page.get_by_role("link", name=name, exact=True))
    expect(line).not_to_contain_text("Asks permission", timeout=SOON)


def _what_is_this_one_doing(page: Page, url: str) -> None:
    """The tree with its cost, the calls, the timeline, and a log that grows."""
    lines = page.get_by_role("main").get_by_role("article")
    lines.filter(has_text=re.compile("Working|In background")).first.get_by_role("link").click()
    tree = page.get_by_role("region", name="Instances")
    expect(tree.get_by_role("listitem").nth(1)).to_be_visible(timeout=SOON)
    expect(tree).to_contain_text("tokens, with all below it", timeout=SOON)
    conversation = page.get_by_role("region", name="Conversation")
    expect(conversation.locator("details").first).to_be_visible(timeout=SOON)
    page.get_by_role("link", name="Timeline").click()
    expect(page.get_by_role("img", name=re.compile("^Model at work: [1-9]"))).to_be_visible(timeout=SOON)
    page.get_by_role("link", name="Logs").click()
    logs = page.get_by_role("region", name="Logs")
    expect(logs.get_by_role("listitem").first).to_be_visible(timeout=SOON)
    page.keyboard.press("u")
    page.wait_for_url(re.compile(f"^{re.escape(url)}/(\\?.*)?$"))


def _how_far_is_the_work(page: Page) -> None:
    """Tasks that are held, and one that is completed while one looks."""
    page.keyboard.press("g")
    page.keyboard.press("b")
    running = page.get_by_role("region", name=re.compile("^Running: [1-9]"))
    expect(running).to_contain_text("claim ends in", timeout=SOON)
    completed = page.get_by_role("region", name=re.compile(r"^Completed: \d"))
    before = completed.get_attribute("aria-label")
    expect(completed).not_to_have_attribute("aria-label", str(before), timeout=SOON)


def _where_do_time_and_money_go(page: Page) -> None:
    page.keyboard.press("g")
    page.keyboard.press("u")
    expect(page.get_by_role("img", name="Cost, Over time")).to_be_visible(timeout=SOON)
    expect(page.get_by_text(re.compile(r"^\$\d.* tokens · [\d,.KM]+ requests$"))).to_be_visible()
    page.get_by_role("link", name="By tool").click()
    expect(page.get_by_role("row").filter(has_text="Bash")).to_be_visible(timeout=SOON)


def _what_happened(page: Page) -> None:
    """Both languages of the fleet are found."""
    for words, found in (("ultrathink", "ultrathink"), ("タスク", "タスク")):
        page.keyboard.press("g")
        page.keyboard.press("s")
        page.get_by_role("searchbox").fill(words)
        page.keyboard.press("Enter")
        page.get_by_role("link", name=re.compile(r"^Instructions \d")).click()
        expect(page.get_by_role("main").get_by_role("listitem").filter(has_text=found).first).to_be_visible()
        page.get_by_role("searchbox").blur()


def _settings(page: Page) -> None:
    page.keyboard.press("g")
    page.keyboard.press(",")
    expect(page.get_by_role("cell", name="Login", exact=True).first).to_be_visible(timeout=SOON)
    expect(page.get_by_text("A task is completed").first).to_be_visible()
