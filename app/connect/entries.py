"""The entries of ccgraph in Claude Code's settings: put in, found again, and taken out, as text."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from app.connect.claude_code import CERTIFICATE, ENDPOINT, HELPER, TELEMETRY
from app.connect.json_text import Path, container_at, has, insert, inside, remove, value_at

TIMEOUT: Final = 2
"""Seconds that Claude Code waits for a hook at the most."""
ASKED: Final = "PermissionRequest"


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries that are to stand in the settings.

    `command` runs the hook, `hold` is how many seconds a permission request may wait for an answer from
    afar (0: none is waited for), `environment` are variables, `helper` the program that gives telemetry its
    token (None: telemetry is left as it is).
    """

    command: str
    events: Sequence[str]
    hold: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    helper: str | None = None

    def group(self, event: str) -> dict[str, Any]:
        """The hook of an event as the settings have it."""
        handler: dict[str, Any] = {"type": "command", "command": self.command, "timeout": TIMEOUT}
        if event == ASKED:
            handler["command"] += " hold" if self.hold else " ask"
            handler["timeout"] = TIMEOUT + self.hold
        return {"hooks": [handler]}

    def is_ours(self, handler: object) -> bool:
        """True if a handler of a hook runs our command."""
        command = handler.get("command") if isinstance(handler, dict) else None
        return isinstance(command, str) and (
            command == self.command or command.startswith(self.command + " ")
        )


@dataclass(frozen=True, slots=True)
class Trace:
    """The facts, beside the entries, that taking them out again needs.

    `created` are the members that were made for them, variables among them; `emptied` is what stood between
    the brackets of objects and lists that were empty.
    """

    created: tuple[Path, ...] = ()
    emptied: Mapping[Path, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The value for a file, which `of_json` reads."""
        return {
            "created": [list(path) for path in self.created],
            "emptied": [[list(path), blank] for path, blank in self.emptied.items()],
        }

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> "Trace":
        """The trace that `as_json` wrote out."""
        return cls(
            tuple(tuple(path) for path in value["created"]),
            {tuple(path): blank for path, blank in value["emptied"]},
        )


def digest(content: bytes) -> str:
    """The digest by which the content of a file is recognised."""
    return hashlib.sha256(content).hexdigest()


def complete(text: str, entries: Entries) -> bool:
    """True if the settings hold exactly the entries that they should."""
    found = {
        event: [handler for group, handler in _handlers(text, event) if entries.is_ours(handler)]
        for event in _events(text)
    }
    wanted = {event: _numbers_as_text(entries.group(event)["hooks"]) for event in entries.events}
    return (
        {event: ours for event, ours in found.items() if ours} == wanted
        and all(value_at(text, ("env", name)) == value for name, value in entries.environment.items())
        and (entries.helper is None or value_at(text, (HELPER,)) == entries.helper)
    )


def put_in(text: str, entries: Entries) -> tuple[str, Trace]:
    """The settings with the entries behind what is there; no entry of others is touched."""
    created: list[Path] = []
    emptied: dict[Path, str] = {}

    def add(path: Path, key: str | None, value: object) -> None:
        nonlocal text
        if not container_at(text, path).parts:
            emptied[path] = inside(text, path)
        text = insert(text, path, key, value)

    for event in entries.events:
        path: Path = ("hooks", event)
        group = entries.group(event)
        if not has(text, ("hooks",)):
            created += [("hooks",), path]
            add((), "hooks", {event: [group]})
        elif not has(text, path):
            created.append(path)
            add(("hooks",), event, [group])
        else:
            add(path, None, group)
    missing = {name: value for name, value in entries.environment.items() if not has(text, ("env", name))}
    created += [("env", name) for name in missing]
    if missing and not has(text, ("env",)):
        created.append(("env",))
        add((), "env", missing)
    else:
        for name, value in missing.items():
            add(("env",), name, value)
    if entries.helper is not None and not has(text, (HELPER,)):
        created.append((HELPER,))
        add((), HELPER, entries.helper)
    return text, Trace(tuple(created), emptied)


def take_out(text: str, entries: Entries, trace: Trace) -> str:
    """The settings without the entries, wherever they stand by now; what others changed stays."""
    for event in _events(text):
        text = _without_hooks(text, event, entries, trace)
    if ("hooks",) in trace.created and value_at(text, ("hooks",)) == {}:
        text = _removed(text, ("hooks",), trace)
    for name, value in entries.environment.items():
        if ("env", name) in trace.created and value_at(text, ("env", name)) == value:
            text = _removed(text, ("env", name), trace)
    if ("env",) in trace.created and value_at(text, ("env",)) == {}:
        text = _removed(text, ("env",), trace)
    if (HELPER,) in trace.created and value_at(text, (HELPER,)) == entries.helper:
        text = _removed(text, (HELPER,), trace)
    return text


def _without_hooks(text: str, event: str, entries: Entries, trace: Trace) -> str:
    path: Path = ("hooks", event)
    for (at, number), handler in reversed(list(_handlers(text, event))):
        if entries.is_ours(handler):
            group: Path = (*path, at)
            alone = len(container_at(text, (*group, "hooks")).parts) == 1
            text = _removed(text, group if alone else (*group, "hooks", number), trace)
    if path in trace.created and value_at(text, path) == []:
        text = _removed(text, path, trace)
    return text


def _removed(text: str, path: Path, trace: Trace) -> str:
    return remove(text, path, trace.emptied.get(path[:-1], ""))


def _events(text: str) -> list[str]:
    return list(value_at(text, ("hooks",)) or {})


def _handlers(text: str, event: str) -> Iterator[tuple[tuple[int, int], object]]:
    """Each handler of an event with the places of its group and of itself; what is malformed is left out."""
    for at, group in enumerate(value_at(text, ("hooks", event)) or []):
        handlers = group.get("hooks") if isinstance(group, dict) else None
        if isinstance(handlers, list):
            for number, handler in enumerate(handlers):
                yield (at, number), handler


def _numbers_as_text(handlers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The handlers with numbers as text, as `json_text` reads them."""
    return [handler | {"timeout": str(handler["timeout"])} for handler in handlers]


def telemetry(endpoint: str, certificate: str | None) -> dict[str, str]:
    """The variables that send telemetry to a server."""

    found = {**TELEMETRY, ENDPOINT: endpoint}
    return found | ({CERTIFICATE: certificate} if certificate else {})
