"""Claude Code's living processes on this machine, by what they wrote into Claude Code's folder."""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from services.core.processes import stat_fields

_PROC: Final = Path("/proc")
_NAMES: Final = ("claude", "claude.exe")


@dataclass(frozen=True, slots=True)
class ClaudeProcess:
    """A process, the session that it runs, and where."""

    pid: int
    session_id: str | None
    cwd: str | None

    def as_json(self) -> dict[str, Any]:
        """The value that the server takes."""
        return asdict(self)


def processes(sessions: Path) -> tuple[list[ClaudeProcess], list[ClaudeProcess]]:
    """Processes that live, and processes that ended without saying so: killed, or with the machine."""
    alive: list[ClaudeProcess] = []
    gone: list[ClaudeProcess] = []
    if not sessions.is_dir():  # versions before 2.1 tell nothing
        return _by_name(), gone
    for path in sessions.glob("*.json"):
        with suppress(OSError, ValueError, TypeError, AttributeError):
            told = json.loads(path.read_text())
            process = ClaudeProcess(int(told["pid"]), _text(told.get("sessionId")), _text(told.get("cwd")))
            lives = is_alive(process.pid, _text(told.get("procStart")))
            (alive if lives else gone).append(process)
    return sorted(alive, key=_number), sorted(gone, key=_number)


def is_alive(pid: int, started: str | None) -> bool:
    """True if this very process lives; a later one with its number does not count where that can be seen."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    fields = stat_fields(pid)
    if fields and fields[0] in "ZX":
        return False
    return not fields or started is None or not started.isdecimal() or _start(fields) == started


def started_at(pid: int) -> str | None:
    """The time at which a process started, in ticks of the kernel's clock; None where that cannot be seen."""
    fields = stat_fields(pid)
    return _start(fields) if fields else None


def _start(fields: list[str]) -> str:
    return fields[19]


def _by_name() -> list[ClaudeProcess]:
    found = []
    with suppress(OSError):
        for path in _PROC.iterdir():
            if not path.name.isdecimal():
                continue
            with suppress(OSError):
                name = (path / "comm").read_text().strip()
                if name in _NAMES and path.stat().st_uid == os.geteuid():
                    found.append(ClaudeProcess(int(path.name), None, str((path / "cwd").readlink())))
    return found


def _number(process: ClaudeProcess) -> int:
    return process.pid


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
