"""The conformance suite of the Model Context Protocol, for both revisions.

Scenarios that any server can pass are run against the product. Those that ask for tools, resources and
prompts of the suite's own are run against a server that has them (tests/support/mcp_fixtures.py) in the place
of ours, with transport, token, limits and checks of the product around it.

The suite comes from npm, once for a clone: `npm ci` in tests/acceptance/mcp/conformance, which the first run
does. Where no registry can be reached, or there is no npm, the tests are skipped.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from app.config.settings import Settings
from app.main import MCP, Application
from tests.support.agents import LEGACY, MODERN, Person
from tests.support.mcp_fixtures import FixtureServer
from tests.support.npm import fetched
from tests.support.serving import LiveServer, served

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(
        shutil.which("npm") is None, reason="npm is not installed: it brings the conformance suite"
    ),
    pytest.mark.xdist_group("conformance"),
    # The suite still tries what the older revision has and the newer one has not.
    pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning"),
]

FOLDER = Path(__file__).with_name("conformance")
SUITE = FOLDER / "node_modules/@modelcontextprotocol/conformance/dist/index.js"

GENERIC = {
    LEGACY: {
        "server-initialize",
        "ping",
        "tools-list",
        "resources-list",
        "prompts-list",
        "server-sse-multiple-streams",
        "dns-rebinding-protection",
    },
    MODERN: {
        "tools-list",
        "resources-list",
        "prompts-list",
        "server-sse-multiple-streams",
        "sep-2164-resource-not-found",
        "dns-rebinding-protection",
        "caching",
        "input-required-result-unsupported-methods",
        "http-header-validation",
    },
}
"""What is asked of every server. All else needs fixtures."""

SESSIONS = {
    "tools-call-sampling",
    "tools-call-elicitation",
    "elicitation-sep1034-defaults",
    "elicitation-sep1330-enums",
}
"""In these the server asks the client in the middle of a call, which takes a session of revision 2025-11-25.
/mcp has none: revision 2026-07-28 has done away with them (docs/agents.md, conformance)."""

EXTENSION = "tasks-"
"""How the scenarios of an extension begin (SEP-2663), which no revision requires and the product has not."""


class _LetIn:
    """The suite knows no tokens: each of its requests gets one."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._header = (b"authorization", f"Bearer {token}".encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in."""
        if scope["type"] == "http":
            scope = {**scope, "headers": [*scope["headers"], self._header]}
        await self._app(scope, receive, send)


def _let_in(token: str, app: Application) -> None:
    app.doors[MCP] = _LetIn(app.doors[MCP], token)


@pytest.fixture(scope="session")
def suite() -> Path:
    """The program, fetched by the first worker that needs it."""
    with (FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not SUITE.exists():
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            fetched(lambda: subprocess.run(command, cwd=FOLDER, check=True, capture_output=True, text=True))
    return SUITE


@pytest.fixture
def fixtures(settings: Settings, person: Person, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveServer]:
    """A server with what the suite asks for in the place of our tools."""
    monkeypatch.setattr("app.api.AgentServer", FixtureServer)
    with served(settings, partial(_let_in, person.token)) as server:
        yield server


@pytest.fixture
def product(settings: Settings, person: Person) -> Iterator[LiveServer]:
    """The product."""
    with served(settings, partial(_let_in, person.token)) as server:
        yield server


def outcomes(suite: Path, url: str, revision: str, folder: Path) -> dict[str, str]:
    """For each scenario that the revision requires what failed in it; nothing where all is well."""
    command = ["node", "--import", str(FOLDER / "node20.mjs"), str(suite), "server"]
    command += ["--url", f"{url}/mcp", "--requirements", revision, "--output-dir", str(folder)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=environment, cwd=folder, timeout=300
    )
    found = dict(re.findall(r"^[✓✗] ([\w-]+): \d+ passed, (\d+) failed", done.stdout, re.MULTILINE))
    assert found, done.stdout + done.stderr
    failures: dict[str, str] = {}
    for scenario in found:
        failures[scenario] = ""
        for report in folder.glob(f"server-{scenario}-20*/checks.json"):
            failures[scenario] += "; ".join(
                f"{check['id']}: {check.get('errorMessage', '')}"
                for check in json.loads(report.read_text())
                if check["status"] == "FAILURE"
            )
    return failures


def test_the_product_passes_what_is_asked_of_every_server(
    suite: Path, product: LiveServer, revision: str, tmp_path: Path
) -> None:
    found = outcomes(suite, product.url, revision, tmp_path)
    assert found.keys() >= GENERIC[revision]
    assert {name: found[name] for name in GENERIC[revision] if found[name]} == {}
    if revision == MODERN:
        # The rest of this scenario asks for tools of its own; test_fixtures has it whole.
        failed = found["server-stateless"].split("; ")
        assert [text for text in failed if "does not list the diagnostic tool" not in text] == []


def test_scenarios_with_fixtures_pass_on_the_same_stack(
    suite: Path, fixtures: LiveServer, revision: str, tmp_path: Path
) -> None:
    found = outcomes(suite, fixtures.url, revision, tmp_path)
    failed = {name: text for name, text in found.items() if text and not name.startswith(EXTENSION)}
    expected = SESSIONS if revision == LEGACY else set()
    assert failed.keys() == expected, failed
    assert len(found) - len(failed) > 25
