"""Makes the pictures of the dashboard in docs/images of a fresh demo: `make screenshots`."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from services.demo import DEMO_USER, PASSWORD
from tests.support.dashboard import chromium, log_in
from tests.support.processes import serving

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SIZE = (1280, 640)
"""Pixels, of the page and of the picture."""
_CHANGES_BEFORE_THE_END = 60
"""Where the slider of the replay stands, so that something goes on."""


def main() -> None:
    """Serve a demo, and take a picture of each page."""
    ccgraph = Path(sys.executable).with_name("ccgraph")
    with tempfile.TemporaryDirectory() as folder:
        serves = serving(["serve", "--demo"], Path(folder), program=str(ccgraph))
        with serves as server, chromium() as browser:
            width, height = SIZE
            context = browser.new_context(locale="en-GB", viewport={"width": width, "height": height})
            page = context.new_page()
            log_in(page, server.url, DEMO_USER, PASSWORD)
            page.get_by_role("article").first.wait_for()
            _take(page, "dashboard")
            page.get_by_role("article").first.get_by_role("link").click()
            page.get_by_role("region", name="Conversation").wait_for()
            _take(page, "dashboard-instance")
            page.get_by_role("link", name="Replay").click()
            page.get_by_role("slider", name="Moment").press("End")
            for _ in range(_CHANGES_BEFORE_THE_END):
                page.keyboard.press("h")
            _take(page, "dashboard-replay")
            page.goto(f"{server.url}/projects")
            page.get_by_role("region", name="Projects").get_by_role("link").first.click()
            page.get_by_role("button", name="Save").wait_for()
            _take(page, "dashboard-project")


def _take(page: Page, name: str) -> None:
    page.wait_for_timeout(1_000)  # what appears slowly has appeared
    page.screenshot(path=IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
