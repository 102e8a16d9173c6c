"""The destination of recorded traffic: the connection of `ccgraph connect`, or what the environment names."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.config.errors import StartupError
from app.connect.claude_code import claude_folder
from app.connect.client import Client, server_of
from app.connect.connection import Folder, folder_of
from app.connect.mcp_spool import Spool

URL: Final = "CCGRAPH_URL"
TOKEN: Final = "CCGRAPH_INGEST_TOKEN"  # noqa: S105 - the name of a variable
"""Variables with a server, and with a token that can only ingest: in place of a connection."""

_PROJECT: Final = "CLAUDE_PROJECT_DIR"


@dataclass(frozen=True, slots=True)
class Destination:
    """A folder in which traffic waits, and how to reach the server that it is for."""

    spool: Spool
    folder: Folder | None
    environment: Mapping[str, str]

    def client(self) -> Client | None:
        """A client with the token of now; None where the connection was taken away, or cannot be read."""
        with suppress(StartupError, OSError):
            if self.folder is None:
                return Client(server_of(self.environment[URL]), self.environment[TOKEN])
            connection = self.folder.load()
            if connection is not None:
                return Client(connection.server, self.folder.token.read_text().strip())
        return None


def destination(environment: Mapping[str, str], here: Path) -> Destination | None:
    """The destination of the traffic of a server started at `here`; None where nothing is connected.

    The connection of a project comes before the one for all projects, and the environment before both.
    """
    claude = claude_folder(environment)
    if environment.get(URL) and environment.get(TOKEN):
        name = hashlib.sha256(environment[URL].encode()).hexdigest()[:12]
        return Destination(Spool(claude.path / "ccgraph" / "mcp" / name), None, environment)
    project = Path(environment.get(_PROJECT) or here)
    for folder in (*(folder_of(claude, path) for path in (project, *project.parents)), folder_of(claude)):
        if folder.record.exists():
            return Destination(Spool(folder.mcp), folder, environment)
    return None
