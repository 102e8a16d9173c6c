"""`ccgraph watch`: follows transcripts and processes of this machine, and sends what hooks could not."""

import json
import random
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from app.config.errors import StartupError
from app.connect import spool
from app.connect.client import Client, Unreachable
from app.connect.connection import Connection, Folder
from app.connect.following import Transcripts
from app.connect.mcp_spool import Spool
from app.connect.processes import ClaudeProcess, processes
from app.connect.scripts import PATHS
from app.connect.sending import Refused, TranscriptSender

BACKFILL: Final = timedelta(days=30)
EVERY: Final = 0.5
"""Seconds between two looks at what changes at the moment."""
_ALL: Final = 5.0
"""Seconds between two looks at everything."""
_LIVELY: Final = 600.0
"""Seconds for which a file that changed is looked at often."""
_HEARTBEAT: Final = 60.0
_PIECES: Final = 4
"""Of one file in a round, so that a long one holds no other up."""
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
_SAVE_EVERY: Final = 2.0
_TRAFFIC_EVERY: Final = 30.0
_WORKTREES: Final = "--claude-worktrees-"

Say = Callable[[str], None]


class Gone(Exception):
    """The connection was taken away: there is nothing to watch any more."""


class Watcher:
    """Watches for one connection. A round may be repeated after anything that goes wrong in it."""

    def __init__(self, folder: Folder, say: Say, *, backfill: timedelta = BACKFILL) -> None:
        self._folder = folder
        self._say = say
        self._since = time.time() - backfill.total_seconds()
        self._transcripts = Transcripts(folder.projects)
        self._waiting: list[str] = []
        self._looked = self._saved = self._reported = self._sent_traffic = float("-inf")
        self._lived: list[ClaudeProcess] = []
        self._told: tuple[list[ClaudeProcess], list[ClaudeProcess]] | None = None
        self._pause = 0.0
        self._complaint = ""
        self._dirty = False
        self._open()

    def _open(self) -> None:
        """Take up the connection as it is now, and what is known of the files."""
        connection, token = self._loaded = self._read()
        self._hold = connection.entries.hold
        self._client = Client(connection.server, token)
        self._transcripts = Transcripts(self._folder.projects, self._since, _takes(self._folder, connection))
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            state = json.loads(self._folder.offsets.read_text())
            if state["server"] == connection.server.url:
                self._transcripts.remember(state["files"])
                self._lived = [ClaudeProcess(**told) for told in state["alive"]]
        self._sender = TranscriptSender(self._client, self._transcripts)
        self._waiting, self._looked = [], float("-inf")

    def _read(self) -> tuple[Connection, str]:
        """The connection and its token. Raises: Gone, also while both are being taken away."""
        try:
            connection, token = self._folder.load(), self._folder.token.read_text().strip()
        except FileNotFoundError:
            raise Gone from None
        if connection is None:
            raise Gone
        return connection, token

    def run(self, stop: threading.Event) -> None:
        """Watch until told to stop, or until the connection is gone."""
        try:
            while not stop.is_set():
                stop.wait(self.round() or EVERY)
        finally:
            self._save(at_once=True)

    def catch_up(self) -> bool:
        """Send everything that there is, once; whether all of it was taken."""
        self._looked = self._sent_traffic = float("-inf")
        try:
            while True:
                if self.round():
                    return False
                if not self._waiting:
                    return True
        finally:
            self._save(at_once=True)

    def round(self) -> float:
        """Look, and send what is new; gives for how many seconds to leave the server alone. Raises: Gone."""
        try:
            self._reopen_when_changed()
            self._send_spool()
            self._send_processes()
            self._send_transcripts()
        except Unreachable as error:
            return self._trouble(f"the server cannot be reached ({error}); trying again", None)
        except Refused as error:
            return self._trouble(
                f"the server answers {error.answer.status}: {error}", error.answer.retry_after
            )
        if self._complaint:
            self._say("The server takes everything again.")
        self._pause, self._complaint = 0.0, ""
        self._save()
        return 0.0

    def _trouble(self, what: str, pause: float | None) -> float:
        if what != self._complaint:
            self._say(f"Waiting: {what}{self._held_here()}")
            self._complaint = what
        spool.bound(self._folder)
        self._save()
        self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
        return pause if pause is not None else self._pause * random.uniform(0.75, 1.25)  # noqa: S311

    def _held_here(self) -> str:
        hooks, traffic = spool.spooled(self._folder), Spool(self._folder.mcp).waiting()
        told = [f"{hooks} hooks"] if hooks else []
        told += [f"{traffic.bytes:,} bytes of MCP traffic"] if traffic.files else []
        return f"; on this disk are {' and '.join(told)}" if told else ""

    def _reopen_when_changed(self) -> None:
        connection, token = self._read()
        if (connection.server, token) != (self._loaded[0].server, self._loaded[1]):
            self._save(at_once=True)
            self._open()

    def _send_spool(self) -> None:
        answer = spool.send_spooled(self._folder, self._client, hold=self._hold)
        if answer is not None:
            raise Refused(answer)
        self._folder.away.unlink(missing_ok=True)
        self._send_traffic()

    def _send_traffic(self) -> None:
        """Send the traffic that proxies have left; a proxy that runs sends its own at once."""
        now = time.monotonic()
        if now - self._sent_traffic < _TRAFFIC_EVERY:
            return
        self._sent_traffic = now
        traffic = Spool(self._folder.mcp)
        if traffic.waiting().files and (answer := traffic.send(self._client)) is not None:
            self._sent_traffic = float("-inf")
            raise Refused(answer)

    def _send_processes(self) -> None:
        alive, gone = processes(self._folder.sessions)
        gone += [
            process
            for process in self._lived
            if process.pid not in {one.pid for one in alive} and process not in gone
        ]
        now = time.monotonic()
        if (alive, gone) == self._told and (now - self._reported < _HEARTBEAT or not alive):
            return
        if self._told is None and not alive and not gone:
            return
        answer = self._client.post(
            PATHS["processes"],
            {
                "host": socket.gethostname(),
                "at": datetime.now(UTC).isoformat(),
                "alive": [process.as_json() for process in alive],
                "gone": [process.as_json() for process in gone],
            },
        )
        if answer.status >= 300 and answer.status not in (400, 413):
            raise Refused(answer)
        self._told, self._reported = (alive, gone), now
        if alive != self._lived:
            self._lived, self._dirty = alive, True

    def _send_transcripts(self) -> None:
        now = time.monotonic()
        if now - self._looked >= _ALL:
            self._waiting = self._transcripts.look()
            self._looked = now
        elif not self._waiting:
            self._waiting = self._transcripts.look_at(self._transcripts.recently_changed(_LIVELY))
        left = []
        for at, name in enumerate(self._waiting):
            try:
                more = self._sender.send(name, _PIECES)
            except (Unreachable, Refused):
                self._waiting = self._waiting[at:]
                raise
            self._dirty = True
            if more:
                left.append(name)
        self._waiting = left

    def _save(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if (
            not self._dirty
            or (not at_once and now - self._saved < _SAVE_EVERY)
            or not self._folder.path.is_dir()
        ):
            return
        state = {
            "server": self._loaded[0].server.url,
            "alive": [process.as_json() for process in self._lived],
            "files": self._transcripts.state(),
        }
        with suppress(StartupError):  # a full disk: the server knows how far it is
            self._folder.write(self._folder.offsets, json.dumps(state, separators=(",", ":")))
            self._dirty = False
        self._saved = now


def _takes(folder: Folder, connection: Connection) -> Callable[[str], bool]:
    """A predicate for the folders of a connection's projects: all, or one project and its worktrees."""
    if folder.path.name == "user":
        return lambda name: True
    project = project_folder(Path(connection.settings).parent.parent)
    return lambda name: name == project or name.startswith(project + _WORKTREES)


def project_folder(path: Path) -> str:
    """The name that Claude Code gives to the folder of a project's transcripts."""
    return re.sub(r"[^A-Za-z0-9]", "-", str(path))


def watch_all(
    folders: list[Folder], say: Say, stop: threading.Event, *, backfill: timedelta, once: bool
) -> bool:
    """Watch for some connections, or send `once` what there is; whether all of that was sent."""
    sent = [True] * len(folders)

    def watch(at: int) -> None:
        try:
            watcher = Watcher(folders[at], say, backfill=backfill)
            if once:
                sent[at] = watcher.catch_up()
            else:
                watcher.run(stop)
        except Gone:
            say("The connection was taken away: there is nothing to watch any more.")

    others = [threading.Thread(target=watch, args=(at,)) for at in range(1, len(folders))]
    for other in others:
        other.start()
    watch(0)
    for other in others:
        other.join()
    return all(sent)
