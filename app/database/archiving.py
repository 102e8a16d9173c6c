"""Archives the log of the embedded PostgreSQL, and takes it out of the archive again."""

import os
import re
import shlex
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from app.database import wal_files
from app.database.programs import Account

ARCHIVE: Final = "wal"
"""The folder of archived log in a folder of backups."""

SEGMENT: Final = 1 << 24
"""Bytes of a segment of the log, as initdb has it."""

_SEGMENT_NAME: Final = re.compile(r"[0-9A-F]{24}(?:\.partial|\.[0-9A-F]{8}\.backup)?\.gz")


@dataclass(frozen=True, slots=True)
class Archive:
    """The archive of a server's log; a change is there after `timeout` seconds at the latest."""

    folder: Path
    timeout: int

    def prepare(self, account: Account) -> None:
        """Make the folder, which belongs to the user that runs PostgreSQL."""
        self.folder.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        if not self.folder.exists():
            self.folder.mkdir(mode=0o700)
            account.give(self.folder)

    @property
    def settings(self) -> Mapping[str, str]:
        """Settings of PostgreSQL."""
        return {
            "archive_mode": "on",
            "archive_timeout": str(self.timeout),
            "archive_command": f"{_script()} keep %p {_quoted(self.folder)}",
        }

    @property
    def needed(self) -> list[tuple[str, int]]:
        """The paths that PostgreSQL's user must reach, each with the rights that it needs."""
        return [(str(self.folder), os.R_OK | os.W_OK | os.X_OK), *_needed()]


def recovery_settings(archive: Path, until: str | None, timeline: str) -> Mapping[str, str]:
    """Settings that play archived log back up to `until` (`2026-01-31 12:00:00+00`), or to its end."""
    settings = {
        "restore_command": f"{_script()} fetch %f %p {_quoted(archive)}",
        "recovery_target_timeline": timeline,
        "recovery_target_action": "promote",
        "hot_standby": "off",
    }
    return settings if until is None else {**settings, "recovery_target_time": until}


def readable(archive: Path, identifier: str) -> list[tuple[str, int]]:
    """The paths that PostgreSQL's user must reach to read an archive, each with the rights that it needs."""
    folder = archive / identifier
    files = sorted(folder.glob("*.gz"))[-1:] if folder.is_dir() else []
    return [
        *((str(path), os.R_OK | (os.X_OK if path.is_dir() else 0)) for path in [folder, *files]),
        *_needed(),
    ]


def timeline_at(archive: Path, identifier: str, moment: datetime) -> str:
    """The timeline in which the server lived at a moment, as `recovery_target_timeline` takes it.

    Each restore begins another one, which leaves what came after its moment behind. Who asks for a time from
    before such a restore means the server as it was then.
    """
    begun = {1: 0.0}
    for path in (archive / identifier).glob("*.history.gz"):
        begun[int(path.name.partition(".")[0], 16)] = path.stat().st_mtime
    return str(max(number for number, since in begun.items() if since <= moment.timestamp()))


def system_identifier(cluster: Path) -> str:
    """The identifier that tells a cluster from all others: the first field of pg_control."""
    return str(struct.unpack("=Q", (cluster / "global/pg_control").read_bytes()[:8])[0])


def segment_of(position: str, timeline: int) -> str:
    """The segment that holds a position of the log, such as `0/2000028`.

    >>> segment_of("0/2000028", 1)
    '000000010000000000000002'
    """
    high, low = (int(part, 16) for part in position.split("/"))
    return f"{timeline:08X}{high:08X}{low // SEGMENT:08X}"


def remove_before(folder: Path, first: str) -> int:
    """Remove the archived segments that are older than `first`, of whatever timeline; how many."""
    removed = 0
    for path in folder.iterdir():
        if _SEGMENT_NAME.fullmatch(path.name) and path.name[8:24] < first[8:24]:
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _script() -> str:
    return f"{_quoted(Path(sys.executable))} -I -S {_quoted(Path(wal_files.__file__))}"


def _needed() -> list[tuple[str, int]]:
    return [(sys.executable, os.R_OK | os.X_OK), (str(wal_files.__file__), os.R_OK)]


def _quoted(path: Path) -> str:
    """A path for the shell, in a setting in which % begins something else."""
    return shlex.quote(str(path)).replace("%", "%%")
