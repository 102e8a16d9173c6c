"""Registry of the ccgraph servers on this machine: each writes down where it listens while it serves."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from stat import S_ISDIR
from typing import Final

from app.connect.processes import is_alive, started_at
from app.connect.settings_file import replace

IN_DATA_DIRECTORY: Final = "serving"


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server that runs. `data_dir` is of its embedded PostgreSQL, None where it uses another one."""

    url: str
    pid: int
    started: str | None
    folder: str
    data_dir: str | None


@contextmanager
def written_down(url: str, data_dir: Path | None) -> Iterator[None]:
    """Let commands of this user find the server for as long as the block lasts."""
    pid = os.getpid()
    server = LocalServer(
        url, pid, started_at(pid), str(Path.cwd()), None if data_dir is None else str(data_dir.absolute())
    )
    paths = [_records() / f"{pid}.json"]
    if data_dir is not None:
        paths.append(data_dir / IN_DATA_DIRECTORY)
    written = []
    for path in paths:
        with suppress(OSError):  # it serves all the same; commands then need --url
            path.parent.mkdir(exist_ok=True, mode=0o700)
            if _is_ours(path.parent):
                replace(path, json.dumps(asdict(server)).encode(), 0o600)
                written.append(path)
    try:
        yield
    finally:
        for path in (*written, *_records().glob(f"{pid}.*.token*")):
            with suppress(OSError):
                path.unlink()


def server_on(data_dir: Path) -> LocalServer | None:
    """The server that runs on a data directory."""
    return _read(data_dir / IN_DATA_DIRECTORY)


def servers() -> list[LocalServer]:
    """The servers of this user."""
    folder = _records()
    with suppress(OSError):
        if _is_ours(folder):
            found = [_read(path) for path in sorted(folder.glob("*.json"))]
            return [server for server in found if server is not None]
    return []


def token_file(server: LocalServer, username: str | None) -> Path | None:
    """The file in which commands of this user keep a server's access token; None where no place is safe."""
    folder = _records()
    with suppress(OSError):
        if _is_ours(folder):
            named = sha256((username or "").encode()).hexdigest()[:16]
            return folder / f"{server.pid}.{named}.token"
    return None


def _read(path: Path) -> LocalServer | None:
    with suppress(OSError, ValueError, TypeError):
        server = LocalServer(**json.loads(path.read_text()))
        if is_alive(server.pid, server.started):
            return server
    return None


def _records() -> Path:
    """A folder that does not hang on HOME, as Claude Code may be tried with another one."""
    return Path(tempfile.gettempdir()) / f"ccgraph-{os.getuid()}"


def _is_ours(folder: Path) -> bool:
    """True if only this user can have written the files in a folder: another user may have taken its name."""
    stat = folder.lstat()
    return S_ISDIR(stat.st_mode) and stat.st_uid == os.getuid() and not stat.st_mode & 0o022
