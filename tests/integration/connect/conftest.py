"""A machine with a Claude Code folder of its own, and a server that receives."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.connect.claude_code import ClaudeFolder
from app.connect.connecting import Wanted, connect, plan
from app.connect.connection import Connection, Folder, Server, folder_of
from app.connect.tokens import IngestToken
from tests.support.ingest_receiver import TOKEN, Received, receiving

VERSION = (2, 1, 197)
Connect = Callable[..., Connection]


@pytest.fixture
def claude(tmp_path: Path) -> ClaudeFolder:
    """A folder that nothing was written to yet; with a blank in its name."""
    return ClaudeFolder(tmp_path / "a home" / ".claude")


@pytest.fixture
def folder(claude: ClaudeFolder) -> Folder:
    """Where the connection for all projects is kept."""
    return folder_of(claude)


@pytest.fixture
def server() -> Iterator[Received]:
    """A server that receives."""
    with receiving() as received:
        yield received


@pytest.fixture
def connected(claude: ClaudeFolder, folder: Folder) -> Connect:
    """Connect to a URL, as the command does once it has a token."""

    def run(
        url: str, hold: int = 0, at: Folder = folder, environment: dict[str, str] | None = None
    ) -> Connection:
        wanted = Wanted(Server(url), VERSION, hold)
        planned = plan(at, claude, wanted, environment or {})
        return connect(planned, wanted, IngestToken(TOKEN, "a machine", None, None))

    return run
