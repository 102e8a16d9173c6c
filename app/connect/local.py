"""Which ccgraph servers run on this machine: each writes down where it listens while it serves."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
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
def written_down(
    url: str, data_dir: Path | None, environment: Mapping[str, str] = os.environ
) -> Iterator[None]:
    """Let commands of this user find the server for as long as the block lasts."""
    pid = os.getpid()
    server = LocalServer(
        url, pid, started_at(pid), str(Path.cwd()), None if data_dir is None else str(data_dir.absolute())
    )
    paths = [_records(environment) / f"{pid}.json"]
    if data_dir is not None:
        paths.append(data_dir / IN_DATA_DIRECTORY)
    written = []
    for path in paths:
        with suppress(OSError):  # it serves all the same; commands then need --url
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace(path, json.dumps(asdict(server)).encode(), 0o600)
            written.append(path)
    try:
        yield
    finally:
        for path in written:
            with suppress(OSError):
                path.unlink()


def server_on(data_dir: Path) -> LocalServer | None:
    """The server that runs on a data directory."""
    return _read(data_dir / IN_DATA_DIRECTORY)


def servers(environment: Mapping[str, str] = os.environ) -> list[LocalServer]:
    """The servers of this user."""
    found = []
    with suppress(OSError):
        for path in sorted(_records(environment).glob("*.json")):
            server = _read(path)
            if server is not None:
                found.append(server)
    return found


def _read(path: Path) -> LocalServer | None:
    with suppress(OSError, ValueError, TypeError):
        server = LocalServer(**json.loads(path.read_text()))
        if is_alive(server.pid, server.started):
            return server
    return None


def _records(environment: Mapping[str, str]) -> Path:
    home = environment.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local/state") / "ccgraph/serving"
