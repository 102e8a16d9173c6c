"""Parts that tests of the dashboard share: whether it is built, a browser, a look for barriers to people."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from app.dashboard.files import built_files
from tests.support.waiting import PATIENCE

Change = TypeVar("Change")

SOURCE = Path(__file__).parents[2] / "dashboard"
CHROMIUM = shutil.which("chromium")
SHELL = shutil.which("chromium-headless-shell") or CHROMIUM
"""Chromium without the parts that show windows, which take a third of the processor time of a test."""
AXE = SOURCE / "node_modules" / "axe-core" / "axe.min.js"

NEEDS_BUILD = pytest.mark.skipif(not built_files(), reason="the dashboard is not built: run `make dashboard`")
NEEDS_CHROMIUM = pytest.mark.skipif(SHELL is None, reason="Chromium is not installed (package chromium)")
NEEDS_WINDOWS = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (package chromium)")
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
def chromium(program: str | None = SHELL) -> Iterator[Browser]:
    """A browser of this machine's, with nothing in it. `expect` waits as long as all else does."""
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            browser.close()


class SharedBrowser:
    """One browser for many tests, each of which gets it without contexts, that is: with nothing in it.

    The event loop of Playwright counts as running in its thread from its start to its end, and no second one
    could run there in the meantime. So between two loans it is hidden.
    """

    def __init__(self, program: str | None = SHELL) -> None:
        self._program = program
        self._open = ExitStack()
        self._browser: Browser | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @contextmanager
    def lent(self) -> Iterator[Browser]:
        """The browser, started where none runs; what the block opens in it is closed after the block."""
        with self._own_loop():
            if self._browser is None or not self._browser.is_connected():
                self._open.close()
                self._browser = self._open.enter_context(chromium(self._program))
            try:
                yield self._browser
            finally:
                for context in self._browser.contexts:
                    context.close()

    def close(self) -> None:
        """End the browser."""
        with self._own_loop():
            self._open.close()

    @contextmanager
    def _own_loop(self) -> Iterator[None]:
        asyncio._set_running_loop(self._loop)
        try:
            yield
        finally:
            self._loop = asyncio._get_running_loop()
            asyncio._set_running_loop(None)


def until(page: Page, true: Callable[[], object]) -> None:
    """Return when the condition holds, or fail; the page works in the meantime."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        page.wait_for_timeout(50)


def quickest(change: Callable[[Change], None], *changes: Change) -> float:
    """Seconds of the quickest of several changes, each of which returns once it is seen.

    Whatever else the machine does delays one of them, but hardly all.
    """
    took = []
    for one in changes:
        begun = time.monotonic()
        change(one)
        took.append(time.monotonic() - begun)
    return min(took)


def log_in(page: Page, url: str, username: str, password: str) -> None:
    """Open the dashboard and log in as the form has it."""
    page.goto(url)
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("navigation").wait_for()


_ALL_THERE = """
Promise.all(document.getAnimations()
  .filter(({ effect }) => Number.isFinite(effect.getComputedTiming().endTime))
  .map(({ finished }) => finished.catch(() => null)))
  .then(() => null)
"""


def violations(page: Page) -> list[tuple[str, str]]:
    """The barriers that axe-core finds in the page: the rule, and the first element that breaks it.

    What fades in has too little contrast until it is there.
    """
    page.evaluate(_ALL_THERE)
    page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = page.evaluate("axe.run().then((result) => result.violations)")
    return [(rule["id"], rule["nodes"][0]["html"]) for rule in found]
