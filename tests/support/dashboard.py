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
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from app.dashboard.files import built_files
from tests.support.pace import delay
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
def chromium(*flags: str, program: str | None = SHELL) -> Iterator[Browser]:
    """A browser of this machine's, with nothing in it. `expect` waits as long as all else does."""
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", *flags],
        )
        try:
            yield browser
        finally:
            browser.close()


LOOKS: dict[str, Any] = {"locale": "en-GB", "viewport": {"width": 1280, "height": 800}}
"""A context of a browser as most tests want it."""

_LASTING = (
    *("set_offline", "grant_permissions", "add_init_script", "route", "expose_function", "expose_binding"),
    *("set_extra_http_headers", "set_geolocation", "storage_state"),
)
"""Methods of a context that change it for later pages, too, or ask about each page that there was."""
_CLOCK = ("install", "pause_at", "fast_forward", "run_for", "resume", "set_fixed_time", "set_system_time")


class SharedBrowser:
    """One browser for many tests, each of which gets it with nothing in it.

    Most of them open their pages in one `context`, in one process that a blank page keeps alive: it has
    compiled the scripts before, and with that and the start of a process a page takes half of the time.
    Cookies and storage are removed after each test.

    The event loop of Playwright counts as running in its thread from its start to its end, and no second one
    could run there in the meantime. So between two loans it is hidden.
    """

    def __init__(self, program: str | None = SHELL) -> None:
        self._program = program
        self._open = ExitStack()
        self._browser: Browser | None = None
        self._context: BrowserContext | None = None
        self._blank: Page | None = None
        self._visited: set[str] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def context(self) -> BrowserContext:
        """The context that tests share while the browser is lent. It refuses what would outlive a test."""
        assert self._browser is not None
        if self._context is None:
            self._context = self._browser.new_context(**LOOKS)
            self._blank = self._context.new_page()
            self._context.on("page", self._follow)
            for methods, names in ((self._context, _LASTING), (self._context.clock, _CLOCK)):
                for name in names:
                    setattr(methods, name, _refuse)
        return self._context

    @contextmanager
    def lent(self) -> Iterator[Browser]:
        """The browser, started where none runs; what the block opens in it is closed after the block."""
        with self._own_loop():
            if self._browser is None or not self._browser.is_connected():
                self._open.close()
                self._context = None
                flags = ["--renderer-process-limit=1"]
                self._browser = self._open.enter_context(chromium(*flags, program=self._program))
            try:
                yield self._browser
            finally:
                for context in self._browser.contexts:
                    if context is not self._context:
                        context.close()
                self._empty()

    def close(self) -> None:
        """End the browser."""
        with self._own_loop():
            self._open.close()

    def _follow(self, page: Page) -> None:
        page.on("framenavigated", lambda frame: self._visited.add(frame.url))

    def _empty(self) -> None:
        """Close the pages of the shared context, and remove what they have stored: ports come again."""
        if self._context is None or self._blank is None:
            return
        for page in self._context.pages:
            if page is not self._blank:
                page.close()
        self._context.clear_cookies()
        developer = self._context.new_cdp_session(self._blank)
        for address in {urlsplit(url)[:2] for url in self._visited if url.startswith("http")}:
            where = {"origin": "://".join(address), "storageTypes": "all"}
            developer.send("Storage.clearDataForOrigin", where)
        developer.detach()
        self._visited.clear()

    @contextmanager
    def _own_loop(self) -> Iterator[None]:
        asyncio._set_running_loop(self._loop)
        try:
            yield
        finally:
            self._loop = asyncio._get_running_loop()
            asyncio._set_running_loop(None)


def _refuse(*_: object, **__: object) -> NoReturn:
    raise AssertionError("This would last beyond the test: mark it with `own_context`.")


def until(page: Page, true: Callable[[], object]) -> None:
    """Return when the condition holds, or fail; the page works in the meantime."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        page.wait_for_timeout(50)


def quickest(change: Callable[[Change], None], *changes: Change) -> float:
    """Seconds of the usual machine for the quickest of some changes, each of which returns once it is seen.

    Whatever else the machine does delays one of them, but hardly all.
    """
    took = []
    for one in changes:
        pace = delay()
        begun = time.monotonic()
        change(one)
        took.append((time.monotonic() - begun) / pace)
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
