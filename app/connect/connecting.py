"""Connects and disconnects: what will be changed as a value that can be shown, and the change itself."""

import difflib
import os
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from app.config.errors import StartupError
from app.connect.claude_code import HELPER, ClaudeFolder, Version, events_for, goes_elsewhere
from app.connect.connection import Connection, Folder, Server
from app.connect.entries import Entries, Trace, complete, digest, put_in, take_out, telemetry
from app.connect.json_text import value_at
from app.connect.scripts import headers, hook, requests
from app.connect.settings_file import SettingsText, clear, read, require_object, write
from app.connect.tokens import IngestToken

LONGEST_HOLD: Final = 3600


@dataclass(frozen=True, slots=True)
class Wanted:
    """A person's wishes: a server, the version of Claude Code, and how long permissions wait for answers.

    `telemetry` False leaves Claude Code's telemetry as it is.
    """

    server: Server
    version: Version | None
    hold: int = 0
    telemetry: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes of the settings that connecting will make.

    `before` is what is there, `base` the same without entries of ours, `after` what will be there.
    `kept` names the variable, or the setting, because of which telemetry is left as it is.
    """

    folder: Folder
    before: SettingsText
    base: bytes | None
    after: str
    entries: Entries
    trace: Trace
    existing: Connection | None
    kept: str | None

    @property
    def changes(self) -> bool:
        """True if the settings will be written."""
        return self.before.content is None or self.after != self.before.text

    @property
    def diff(self) -> str:
        """The change of the settings, as `diff -u` shows it."""
        shown = "" if self.before.content is None else self.before.text
        return unified(shown, self.after, self.before.path)


def plan(
    folder: Folder,
    claude: ClaudeFolder,
    wanted: Wanted,
    environment: Mapping[str, str] = os.environ,
) -> Plan:
    """The changes that connecting would make; nothing is changed.

    Raises: StartupError for settings that cannot be read.
    """
    before = read(folder.settings)
    existing = folder.load()
    base, base_content = _without(folder, before, existing)
    kept = None
    if wanted.telemetry:
        ours = existing.entries.environment if existing is not None else {}
        others = {name: value for name, value in environment.items() if ours.get(name) != value}
        kept = _other_telemetry(base, folder, claude, wanted.server, others)
    entries = Entries(
        command=shlex.quote(str(folder.hook)),
        events=list(events_for(wanted.version)),
        hold=wanted.hold,
        environment=telemetry(wanted.server.url, wanted.server.ca)
        if wanted.telemetry and kept is None
        else {},
        helper=shlex.quote(str(folder.headers)) if wanted.telemetry and kept is None else None,
    )
    if existing is not None and existing.entries == entries and complete(before.text, entries):
        return Plan(folder, before, base_content, before.text, entries, existing.trace, existing, kept)
    after, trace = put_in(base, entries)
    require_object(folder.settings, after)
    return Plan(folder, before, base_content, after, entries, trace, existing, kept)


def connect(planned: Plan, wanted: Wanted, token: IngestToken) -> Connection:
    """Do it: the folder with token and programs first, the settings last. Raises: StartupError."""
    folder, before = planned.folder, planned.before
    after = before.encoded(planned.after)
    folder.make()
    folder.write(folder.token, token.token + "\n")
    folder.write(folder.requests, requests(wanted.server, token.token))
    folder.write(folder.hook, hook(folder, wanted.hold, sys.executable), 0o700)
    folder.write(folder.headers, headers(folder), 0o700)
    existing = planned.existing
    existed = before.content is not None if existing is None else existing.existed
    if planned.base is not None and existed and (planned.changes or not folder.copy.exists()):
        folder.write(folder.copy, planned.base)
    connection = Connection(
        server=wanted.server,
        token_name=token.name,
        token_id=token.token_id,
        expires_at=token.expires_at,
        settings=str(folder.settings),
        existed=existed,
        digest=digest(after) if planned.changes or existing is None else existing.digest,
        entries=planned.entries,
        trace=planned.trace,
        version=".".join(map(str, wanted.version)) if wanted.version else None,
    )
    folder.save(connection)
    if planned.changes:
        write(folder.settings, after, expected=before.content)
    clear(folder.settings)
    with suppress(FileNotFoundError):
        folder.away.unlink()
    return connection


@dataclass(frozen=True, slots=True)
class Undoing:
    """The changes that disconnecting will make; `after` is None when the settings file will be removed."""

    folder: Folder
    before: SettingsText
    after: bytes | None
    connection: Connection

    @property
    def diff(self) -> str:
        """The change of the settings, as `diff -u` shows it."""
        after = "" if self.after is None else self.after.decode(errors="replace")
        return unified(self.before.text, after, self.before.path)


def plan_undoing(folder: Folder) -> Undoing | None:
    """The changes that disconnecting would make; None when nothing is connected. Raises: StartupError."""
    connection = folder.load()
    if connection is None:
        return None
    folder = replace(folder, settings=Path(connection.settings))
    before = read(folder.settings)
    _, content = _without(folder, before, connection)
    return Undoing(folder, before, content, connection)


def undo(planned: Undoing) -> None:
    """Take the entries out, then remove the folder with the token. Raises: StartupError."""
    folder, before = planned.folder, planned.before
    if planned.after is None:
        if before.content is not None:
            write(folder.settings, b"", expected=before.content)
            clear(folder.settings)
            folder.settings.resolve().unlink()
            if folder.settings.parent.name == ".claude":
                with suppress(OSError):
                    folder.settings.parent.rmdir()
    elif planned.after != before.content:
        write(folder.settings, planned.after, expected=before.content)
    clear(folder.settings)
    folder.remove()


def unified(before: str, after: str, path: Path) -> str:
    """A diff of two texts; empty when they are the same."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), str(path), str(path)
    )
    return "".join(
        line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines
    )


def _without(
    folder: Folder, settings: SettingsText, connection: Connection | None
) -> tuple[str, bytes | None]:
    """The settings without our entries: as text to work with, and as the file's content (None: no file)."""
    if connection is None:
        return settings.text, settings.content
    if settings.content is None:
        return settings.text, None
    if digest(settings.content) == connection.digest:
        if not connection.existed:
            return "{}\n", None
        with suppress(FileNotFoundError):
            content = folder.copy.read_bytes()
            return read(folder.copy).text, content
    text = take_out(settings.text, connection.entries, connection.trace)
    if text.split() == ["{}"]:
        if not connection.existed:
            return "{}\n", None
        with suppress(FileNotFoundError):
            if not (content := folder.copy.read_bytes()).strip():
                return "{}\n", content
    if text == settings.text:
        return text, settings.content
    return text, settings.encoded(text)


def _other_telemetry(
    base: str, folder: Folder, claude: ClaudeFolder, server: Server, environment: Mapping[str, str]
) -> str | None:
    """The name of the setting by which telemetry goes to another place already; None where there is none."""
    texts = [base]
    if folder.settings != claude.settings:
        with suppress(StartupError):
            texts.append(read(claude.settings).text)
    for text in texts:
        if value_at(text, (HELPER,)) is not None:
            return HELPER
        name = goes_elsewhere(value_at(text, ("env",)) or {}, server.url)
        if name is not None:
            return name
    return goes_elsewhere(environment, server.url)
