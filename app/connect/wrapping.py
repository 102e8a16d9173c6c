"""Finds and changes configurations of Claude Code that have MCP servers behind a proxy."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from app.config.errors import StartupError
from app.connect import json_text
from app.connect.claude_code import ClaudeFolder, configuration
from app.connect.connection import Folder
from app.connect.json_text import value_at
from app.connect.mcp_servers import Wrapped, unwrap, wrap
from app.connect.settings_file import SettingsText, read, write

_SERVERS: Final = "mcpServers"

Containers: TypeAlias = Callable[[str], Sequence[json_text.Path]]


@dataclass(frozen=True, slots=True)
class FileChange:
    """The change of a configuration to come: which servers get a proxy, or lose it."""

    before: SettingsText
    after: str
    servers: tuple[Wrapped, ...]

    @property
    def sentence(self) -> str:
        """The file and the names of the servers; their commands may hold secrets."""
        return f"{self.before.path}: {', '.join(server.name for server in self.servers)}"


@dataclass(frozen=True, slots=True)
class Wrapping:
    """The proxies of a connection, by the file of the servers."""

    folder: Folder
    files: dict[str, tuple[Wrapped, ...]] = field(default_factory=dict)

    @property
    def record(self) -> Path:
        """The file that records the changes."""
        return self.folder.path / "mcp-servers.json"

    def save(self) -> None:
        """Write it down. Raises: StartupError."""
        value = {path: [server.as_json() for server in servers] for path, servers in self.files.items()}
        self.folder.write(self.record, json.dumps(value, indent=2) + "\n")


def program() -> str:
    """The command `ccgraph` of this installation. Raises: StartupError."""
    beside = Path(sys.executable).with_name("ccgraph")
    found = str(beside) if beside.exists() else shutil.which("ccgraph")
    if found is None:
        raise StartupError("The command ccgraph is not on the PATH, so Claude Code could not start proxies.")
    return found


def load(folder: Folder) -> Wrapping:
    """The proxies of a connection. Raises: StartupError for a record that is damaged."""
    found = Wrapping(folder)
    with suppress(FileNotFoundError):
        try:
            value: Mapping[str, Any] = json.loads(found.record.read_text())
            for path, servers in value.items():
                found.files[path] = tuple(map(Wrapped.of_json, servers))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StartupError(
                f"{found.record} is damaged: take `ccgraph mcp-proxy` out of the MCP servers by hand "
                "and remove this file."
            ) from error
    return found


def plan(claude: ClaudeFolder, project: Path | None, own: str | None = None) -> list[FileChange]:
    """The changes that put servers behind a proxy: all of the person, or those of one project.

    `own` is the URL of the server that records. Raises: StartupError.
    """
    command = program()
    planned = []
    for path, containers in _places(claude, project):
        before = read(path)
        if before.content is not None:
            after, servers = wrap(before.text, command, list(containers(before.text)), own)
            if servers:
                planned.append(FileChange(before, after, tuple(servers)))
    return planned


def put_in(folder: Folder, planned: Sequence[FileChange]) -> None:
    """Do it; what is needed to undo it is written down first. Raises: StartupError."""
    known = load(folder)
    for change in planned:
        path = str(change.before.path)
        places = {server.place for server in change.servers}
        kept = [server for server in known.files.get(path, ()) if server.place not in places]
        known.files[path] = (*kept, *change.servers)
        known.save()
        write(change.before.path, change.before.encoded(change.after), expected=change.before.content)


def plan_undoing(folder: Folder) -> list[FileChange]:
    """The changes that take the proxies away. Raises: StartupError."""
    planned = []
    for path, servers in load(folder).files.items():
        before = read(Path(path))
        after = unwrap(before.text, servers)
        if before.content is not None and after != before.text:
            planned.append(FileChange(before, after, servers))
    return planned


def take_out(folder: Folder, planned: Sequence[FileChange]) -> None:
    """Do it, and forget the proxies. Raises: StartupError."""
    for change in planned:
        write(change.before.path, change.before.encoded(change.after), expected=change.before.content)
    load(folder).record.unlink(missing_ok=True)


def _places(claude: ClaudeFolder, project: Path | None) -> Iterator[tuple[Path, Containers]]:
    """The files with servers, and what finds the objects in which they stand."""
    own = configuration(claude)
    if project is None:
        yield own, _all
        return
    where = str(project.expanduser().resolve())
    yield own, lambda text: [("projects", where, _SERVERS)]
    yield Path(where) / ".mcp.json", lambda text: [(_SERVERS,)]


def _all(text: str) -> Sequence[json_text.Path]:
    projects = value_at(text, ("projects",))
    of_projects = [("projects", name, _SERVERS) for name in projects] if isinstance(projects, dict) else []
    return [(_SERVERS,), *of_projects]
