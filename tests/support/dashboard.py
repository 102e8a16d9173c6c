"""What tests of the dashboard share: whether it is built, a browser, a look for what bars people from it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from app.dashboard.files import built_files

SOURCE = Path(__file__).parents[2] / "dashboard"
CHROMIUM = shutil.which("chromium")
AXE = SOURCE / "node_modules" / "axe-core" / "axe.min.js"

NEEDS_BUILD = pytest.mark.skipif(not built_files(), reason="the dashboard is not built: run `make dashboard`")
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (package chromium)")
NEEDS_PACKAGES = pytest.mark.skipif(
    not AXE.is_file(), reason="the packages of the dashboard are not installed: run `make dashboard`"
)


def npm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run npm in the folder of the dashboard, with the Node.js that builds it."""
    command = [sys.executable, str(SOURCE / "build.py"), "npm", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, env={**os.environ, "NO_COLOR": "1", "CI": "1"}
    )


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of this machine's, with nothing in it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            browser.close()


def log_in(page: Page, url: str, username: str, password: str) -> None:
    """Open the dashboard and log in as the form has it."""
    page.goto(url)
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("navigation").wait_for()


def violations(page: Page) -> list[tuple[str, str]]:
    """What axe-core finds in the page: the rule, and the first element that breaks it."""
    page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = page.evaluate("axe.run().then((result) => result.violations)")
    return [(rule["id"], rule["nodes"][0]["html"]) for rule in found]
