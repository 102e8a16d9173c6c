"""GraphiQL in a real browser, with nothing from outside: login, docs, a query, a subscription."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import asyncpg
import pytest

from app.config.settings import Settings
from app.database.pools import open_database
from services.accounts.accounts import add_user
from tests.support.browser import CHROMIUM, Page, browser
from tests.support.factories import make_instance, make_project
from tests.support.serving import LiveServer
from tests.support.waiting import PATIENCE

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian package chromium)"),
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed: it brings GraphiQL"),
]

PASSWORD = "correct horse"
QUERY_EDITOR = "document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror"
RESPONSE = "document.querySelector('.graphiql-response .CodeMirror')?.CodeMirror.getValue() ?? ''"


@pytest.fixture
def settings(settings: Settings, assets: Path) -> Settings:
    return settings.model_copy(update={"ide_assets": assets})


@pytest.fixture
def instance(settings: Settings) -> str:
    """The id of an instance in a project of Alice's."""

    async def make() -> str:
        async with open_database(settings) as database, database.transaction() as connection:
            alice = await add_user(connection, "alice", PASSWORD)
            project = await make_project(connection, owner_id=alice)
            made = await make_instance(connection, project_id=project.project_id, name="東京", status="IDLE")
            return str(made.id)

    return asyncio.run(make())


@pytest.fixture
def page(live_server: LiveServer, instance: str, tmp_path: Path) -> Iterator[Page]:
    with browser(tmp_path / "profile", f"{live_server.url}/graphql") as opened:
        yield opened


def run(page: Page, document: str) -> None:
    """Put a document into the editor and press the button."""
    page.evaluate(f"{QUERY_EDITOR}.setValue({document!r})")
    page.evaluate("document.querySelector('.graphiql-execute-button').click()")


def test_it_logs_in_shows_the_docs_runs_a_query_and_a_subscription(
    page: Page, settings: Settings, instance: str
) -> None:
    page.wait_for("document.readyState === 'complete' && document.getElementById('login')")
    assert page.evaluate("document.querySelector('.graphiql-container') === null")

    page.evaluate(
        "const form = document.getElementById('login'); form.username.value = 'alice';"
        f" form.password.value = {PASSWORD!r}; form.requestSubmit()"
    )
    page.wait_for("document.querySelector('.graphiql-container .CodeMirror')")
    assert page.evaluate("document.getElementById('who').textContent") == "alice"

    page.wait_for("document.querySelector('[aria-label=\"Show Documentation Explorer\"]')")
    page.evaluate("document.querySelector('[aria-label=\"Show Documentation Explorer\"]').click()")
    page.wait_for("document.querySelector('.graphiql-doc-explorer')?.innerText.includes('Mutation')")

    run(page, "{ me { username } }")
    page.wait_for(f'({RESPONSE}).includes(\'"username": "alice"\')')

    run(page, "subscription { ccInstanceStatusChanged { previousStatus status ccInstance { name } } }")
    page.wait_for(
        "document.querySelector('.graphiql-execute-button').getAttribute('aria-label')?.startsWith('Stop')"
    )
    shown = f"({RESPONSE}).includes('東京') && ({RESPONSE}).includes('RUNNING')"
    asyncio.run(keep_changing(settings, instance, lambda: bool(page.evaluate(shown))))

    page.evaluate("document.getElementById('logout').click()")
    page.wait_for("!document.querySelector('.graphiql-container')")


async def keep_changing(settings: Settings, instance: str, shown: Callable[[], bool]) -> None:
    """Change the status by plain SQL until it is shown: when the page has subscribed it does not tell."""
    assert settings.database_url is not None
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        async with asyncio.timeout(PATIENCE):
            for status in cycle(("RUNNING", "IDLE")):
                await connection.execute(
                    "UPDATE cc_instances SET status = $1 WHERE id = $2::text::uuid", status, instance
                )
                await asyncio.sleep(0.5)
                if shown():
                    return
    finally:
        await connection.close()
