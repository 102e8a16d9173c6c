"""The private folder, beside Claude Code's settings, that keeps a machine's connection.

`ccgraph/user` in Claude Code's folder is for all projects, `ccgraph/projects/NAME` for one. In it lie the
token, the hook, the spool of what could not be sent, and what is needed to undo everything.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from app.config.errors import StartupError
from app.connect.claude_code import ClaudeFolder
from app.connect.entries import Entries, Trace
from app.connect.locks import held
from app.connect.settings_file import replace

_IGNORED: Final = "# Keys and recordings of one machine: they belong into no repository.\n*\n"


@dataclass(frozen=True, slots=True)
class Server:
    """A server's address, without a slash at the end, and the file of the authority that vouches for it."""

    url: str
    ca: str | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection: the server, the token's name and end, and what was written into which settings.

    `digest` is of the settings as they were left; None for a settings file that was not there is `existed`.
    """

    server: Server
    token_name: str
    token_id: str | None
    expires_at: str | None
    settings: str
    existed: bool
    digest: str
    entries: Entries
    trace: Trace
    version: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The value for the file `connection.json`; the token is not in it."""
        return {**asdict(self), "trace": self.trace.as_json()}

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> "Connection":
        """The connection that `as_json` wrote out. Raises: KeyError and TypeError for anything else."""
        parts = {
            "server": Server(**value["server"]),
            "entries": Entries(**value["entries"]),
            "trace": Trace.of_json(value["trace"]),
        }
        return cls(**{**value, **parts})


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of one connection."""

    path: Path
    settings: Path = field(compare=False)
    projects: Path = field(compare=False)
    sessions: Path = field(compare=False)

    @property
    def token(self) -> Path:
        """The token, and nothing else."""
        return self.path / "token"

    @property
    def mcp_token(self) -> Path:
        """The access token of ccgraph's own MCP server, where that is on another machine."""
        return self.path / "mcp-token"

    @property
    def hook(self) -> Path:
        """The program that Claude Code runs as a hook."""
        return self.path / "hook"

    @property
    def headers(self) -> Path:
        """The program that gives Claude Code's telemetry its token."""
        return self.path / "telemetry-headers"

    @property
    def requests(self) -> Path:
        """The configuration of curl, with the token in it, by which the hook reaches the server."""
        return self.path / "curl"

    @property
    def spool(self) -> Path:
        """The folder of the hooks that could not be sent yet, a file for each."""
        return self.path / "spool"

    @property
    def mcp(self) -> Path:
        """MCP traffic that proxies have recorded and that is not sent yet."""
        return self.path / "mcp"

    @property
    def away(self) -> Path:
        """Stands while the server could not be reached, so that hooks lose no time with it."""
        return self.path / "away"

    @property
    def offsets(self) -> Path:
        """The file that says how many bytes of each transcript are sent."""
        return self.path / "offsets.json"

    @property
    def copy(self) -> Path:
        """The settings as they were before."""
        return self.path / "settings.before.json"

    @property
    def record(self) -> Path:
        """The connection, without its token."""
        return self.path / "connection.json"

    def make(self) -> None:
        """Make the folder, for this user alone. Raises: StartupError."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.path.chmod(0o700)
            self.spool.mkdir(exist_ok=True, mode=0o700)
            ignored = _outermost(self.path) / ".gitignore"
            if not ignored.exists():
                ignored.write_text(_IGNORED)
        except OSError as error:
            raise StartupError(
                f"{error.filename or self.path} cannot be made ({error.strerror}); nothing was changed."
            ) from error

    def write(self, path: Path, text: str | bytes, mode: int = 0o600) -> None:
        """Write one of the files, private and whole, unless it is so already."""
        content = text.encode() if isinstance(text, str) else text
        with suppress(FileNotFoundError):
            if path.read_bytes() == content and path.stat().st_mode & 0o777 == mode:
                return
        try:
            replace(path, content, mode)
        except OSError as error:
            raise StartupError(f"{path} cannot be written ({error.strerror}).") from error

    def load(self) -> Connection | None:
        """The connection, or None when there is none. Raises: StartupError for a file that is damaged."""
        try:
            return Connection.of_json(json.loads(self.record.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise StartupError(
                f"{self.record} is damaged: take the entries that name {self.hook} out of {self.settings} by "
                f"hand and remove the folder {self.path}, then run `ccgraph connect` again."
            ) from error

    def save(self, connection: Connection) -> None:
        """Write the connection down."""
        self.write(self.record, json.dumps(connection.as_json(), indent=2) + "\n")

    def remove(self) -> None:
        """Remove everything, the record last, and the folders around it that are empty then."""
        with suppress(OSError):
            for path in self.path.iterdir():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                elif path != self.record:
                    path.unlink(missing_ok=True)
        shutil.rmtree(self.path, ignore_errors=True)
        outermost = _outermost(self.path)
        with suppress(OSError):
            self.path.parent.rmdir() if self.path.parent != outermost else None
        with suppress(OSError):
            if {path.name for path in outermost.iterdir()} <= {".gitignore"}:
                (outermost / ".gitignore").unlink(missing_ok=True)
                outermost.rmdir()

    @contextmanager
    def alone(self, within: float = 0.0) -> Iterator[bool]:
        """Hold the folder's lock; False when another process holds it for so many seconds.

        Without a folder there is no lock.
        """
        with ExitStack() as stack:
            try:
                alone = stack.enter_context(held(self.path / "lock", within))
            except FileNotFoundError:
                alone = True
            yield alone


def folder_of(claude: ClaudeFolder, project: Path | None = None) -> Folder:
    """The folder for all projects of this user, or for one."""
    ours = claude.path / "ccgraph"
    if project is None:
        return Folder(ours / "user", claude.settings, claude.projects, claude.sessions)
    project = project.expanduser().resolve()
    name = re.sub(r"[^A-Za-z0-9]+", "-", str(project)).strip("-")[-60:]
    name = f"{name}-{hashlib.sha256(os.fsencode(project)).hexdigest()[:12]}"
    settings = project / ".claude" / "settings.local.json"
    return Folder(ours / "projects" / name, settings, claude.projects, claude.sessions)


def connected_folders(claude: ClaudeFolder) -> list[Path]:
    """The folders that hold a connection, the one for all projects first."""
    ours = claude.path / "ccgraph"
    return sorted(
        path.parent for path in [*ours.glob("projects/*/connection.json"), *ours.glob("user/connection.json")]
    )[::-1]


def _outermost(path: Path) -> Path:
    return path.parent if path.name == "user" else path.parent.parent
