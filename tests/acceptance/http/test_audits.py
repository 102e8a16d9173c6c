"""The audits of the package graphql-http, written by the working group of GraphQL over HTTP."""

import asyncio
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from app.config.settings import Settings
from app.database.pools import open_database
from services.accounts.accounts import add_user
from services.accounts.token_store import issue_for_username
from services.accounts.tokens import TokenPolicy
from services.core.principal import Origin
from tests.support.npm import fetched
from tests.support.serving import LiveServer

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed: it brings the audits"),
]

LIBRARY = "graphql-http@1.23.1"
SCRIPT = Path(__file__).with_name("audits.mjs")


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked package."""
    folder = tmp_path_factory.mktemp("graphql-http")
    command = ["npm", "pack", LIBRARY, "--silent", "--pack-destination", str(folder)]
    fetched(lambda: subprocess.run(command, check=True, capture_output=True, text=True))
    [archive] = folder.glob("*.tgz")
    with tarfile.open(archive) as package:
        package.extractall(folder, filter="data")
    return folder / "package"


@pytest.fixture
def token(settings: Settings) -> str:
    """An access token: without one nothing is answered."""

    async def issue() -> str:
        async with open_database(settings) as database, database.transaction() as connection:
            await add_user(connection, "auditor", "correct horse")
            policy = TokenPolicy(settings.signing_key())
            return (await issue_for_username(connection, policy, "auditor", Origin())).token

    return asyncio.run(issue())


def test_every_audit_is_passed(live_server: LiveServer, library: Path, token: str) -> None:
    command = ["node", str(SCRIPT), str(library), f"{live_server.url}/graphql", token]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    audits = [json.loads(line) for line in done.stdout.splitlines()]

    assert len(audits) > 50
    assert [audit for audit in audits if audit["status"] != "ok"] == []
