"""A server that is killed and started again under an open page: nothing is lost, nothing comes twice."""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import asyncpg
import pytest
from playwright.sync_api import Page, expect

from app.config.settings import Settings
from tests.acceptance.dashboard.conftest import PASSWORD, Fleet
from tests.support.dashboard import NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES, log_in
from tests.support.processes import serving

pytestmark = [pytest.mark.browser, NEEDS_BUILD, NEEDS_CHROMIUM, NEEDS_PACKAGES]

MOST = 3_000
"""Lines at most, so that the writer ends in any case."""


SHOWN = """
async (frame) => {
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  const lines = [...frame.querySelectorAll('li')];
  const positions = lines.map((line) => [Number(line.getAttribute('aria-posinset')), line.innerText]);
  return [positions, frame.scrollTop + frame.clientHeight >= frame.scrollHeight - 1];
}
"""
"""The lines that are in the page, with their places in the list, and whether its end is among them."""


class Writer:
    """Appends numbered lines to the log of the instance by plain SQL, about ten a second, until stopped."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._write()))
        self.written = 0

    async def _write(self) -> None:
        connection = await asyncpg.connect(self._fleet.url)
        try:
            while self.written < MOST and not self._stopped.is_set():
                await connection.execute(
                    "INSERT INTO cc_logs (cc_instance_id, log_level, category, message)"
                    " VALUES ($1::text::uuid, 'info', 'git', $2)",
                    self._fleet.instance_id,
                    f"line {self.written + 1}",
                )
                self.written += 1
                await asyncio.sleep(0.08)
        finally:
            await connection.close()

    def stop(self) -> None:
        """Write no more, and wait for the last line."""
        self._stopped.set()
        self._thread.join()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """It writes for the length of the block."""
        self._thread.start()
        try:
            yield
        finally:
            self.stop()


@pytest.mark.long
def test_lines_that_come_while_the_server_is_killed_and_started_again_are_there_once(
    page: Page, fleet: Fleet, settings: Settings, tmp_path: Path
) -> None:
    assert settings.secret_key is not None
    given = {"DATABASE_URL": fleet.url, "CCGRAPH_SECRET_KEY": settings.secret_key.get_secret_value()}
    command = ["serve", "--no-worker"]
    writer = Writer(fleet)
    status = page.get_by_role("banner").get_by_role("status")
    with ExitStack() as until_the_end:
        with serving(command, tmp_path, **given) as server:
            log_in(page, server.url, "alice", PASSWORD)
            page.goto(f"{server.url}/instances/{fleet.instance_id}?tab=logs")
            page.get_by_text("No log entry fits.").wait_for()
            until_the_end.enter_context(writer.at_work())
            page.get_by_text(re.compile(r"^line \d+$")).first.wait_for()
            port = server.url.rpartition(":")[2]
            server.process.kill()
            server.process.wait()
        expect(status).to_contain_text(re.compile(r"Connection lost \d+s ago. What you see may be old"))
        lost_at = writer.written
        with serving(command, tmp_path, **{**given, "CCGRAPH_PORT": port}):
            expect(status).to_contain_text(re.compile(r"Connected again after .*s\. Nothing was missed"))
            for _ in range(600):
                if writer.written > lost_at + 20:
                    break
                page.wait_for_timeout(100)
            writer.stop()
            assert writer.written > lost_at
            _every_line_once(page, writer)
            page.close()


def _every_line_once(page: Page, writer: Writer) -> None:
    """Walk over the whole list, of which few lines are in the page at a time."""
    frame = page.get_by_role("region", name="Logs")
    expect(page.get_by_text(f"line {writer.written}", exact=True)).to_be_attached()
    total = str(writer.written)
    expect(frame.get_by_role("listitem").last).to_have_attribute("aria-setsize", total)
    seen: dict[int, str] = {}
    frame.evaluate("(frame) => { frame.scrollTop = 0 }")
    for _ in range(MOST):
        shown = frame.evaluate(SHOWN)
        items, at_end = shown
        seen |= {int(position): text for position, text in items}
        if at_end:
            break
        frame.evaluate("(frame) => { frame.scrollTop += frame.clientHeight }")
    numbers = [int(re.findall(r"line (\d+)", seen[position])[0]) for position in sorted(seen)]
    assert numbers == list(range(1, writer.written + 1))
