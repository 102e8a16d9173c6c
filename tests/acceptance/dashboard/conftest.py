"""A server with a person and a fleet, and a page of a browser on it."""

import asyncio
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from playwright.sync_api import Browser, Page

from app.config.settings import Settings
from app.database.pools import open_database
from services.accounts.accounts import add_user
from tests.support.dashboard import LOOKS, SharedBrowser, log_in
from tests.support.factories import make_instance, make_project
from tests.support.serving import LiveServer
from tests.support.waiting import PATIENCE

PASSWORD = "correct horse"


@dataclass(frozen=True, slots=True)
class Fleet:
    """Alice's project and an instance in it; `sql` changes the database as psql would."""

    url: str
    project_id: str
    instance_id: str

    def sql(self, statement: str, *parameters: object) -> list[Any]:
        """Run one statement, and commit."""

        async def run() -> list[Any]:
            connection = await asyncpg.connect(self.url)
            try:
                return list(await connection.fetch(statement, *parameters))
            finally:
                await connection.close()

        # Playwright has an event loop of its own in the thread of the test.
        with ThreadPoolExecutor(1) as executor:
            return executor.submit(asyncio.run, run()).result()


@pytest.fixture
def fleet(settings: Settings) -> Fleet:
    """Made before the server starts."""
    assert settings.database_url is not None

    async def make() -> tuple[str, str]:
        async with open_database(settings) as database, database.transaction() as connection:
            alice = await add_user(connection, "alice", PASSWORD)
            project = await make_project(connection, owner_id=alice)
            made = await make_instance(
                connection, project_id=project.project_id, name="東京-parent", status="RUNNING"
            )
            return str(project.project_id), str(made.id)

    return Fleet(settings.database_url.get_secret_value(), *asyncio.run(make()))


@pytest.fixture(scope="session")
def shared_browser() -> Iterator[SharedBrowser]:
    """The browser of a worker."""
    shared = SharedBrowser()
    yield shared
    shared.close()


@pytest.fixture
def browser(fleet: Fleet, shared_browser: SharedBrowser) -> Iterator[Browser]:
    """Lent after the fleet is made and given back before its database is dropped: both run an event loop."""
    with shared_browser.lent() as browser:
        yield browser


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Function) -> Generator[None, object, object]:
    """Close the page of a test while its server is still there: what it loads is not to fail."""
    try:
        return (yield)
    finally:
        page = item.funcargs.get("page")
        if isinstance(page, Page):
            page.close()


@pytest.fixture
def page(browser: Browser, shared_browser: SharedBrowser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page without cookies and storage. What the browser has to complain of fails the test.

    It is in a context and a process of its own where the test is marked with `own_context`.
    """
    own = request.node.get_closest_marker("own_context") is not None
    context = browser.new_context(**LOOKS) if own else shared_browser.context
    context.set_default_timeout(PATIENCE * 1000)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "console",
        lambda message: complaints.append(message.text) if "Content Security" in message.text else None,
    )
    yield opened
    opened.close()
    assert complaints == []


@pytest.fixture
def home(page: Page, fleet: Fleet, live_server: LiveServer) -> Page:
    """The first page, as Alice sees it."""
    log_in(page, live_server.url, "alice", PASSWORD)
    page.get_by_text("東京-parent").wait_for()
    return page
