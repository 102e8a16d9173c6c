"""Puts a proxy around the MCP servers of Claude Code's configuration, and takes it away again, as text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from app.connect.json_text import Path, insert, put, remove, replace, text_at, value_at

PROXY: Final = "mcp-proxy"
_OURS: Final = ("mcp", PROXY)
"""Commands of ccgraph that need no proxy: what they carry is recorded already."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A server whose command was changed.

    `place` is where it stands. `command` and `args` are as they were written before (None: it had no args),
    `program` and `arguments` are what stands there now.
    """

    place: Path
    command: str
    args: str | None
    program: str
    arguments: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the server is called."""
        return str(self.place[-1])

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return {
            "place": list(self.place),
            "command": self.command,
            "args": self.args,
            "program": self.program,
            "arguments": list(self.arguments),
        }

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> "Wrapped":
        """What `as_json` gave. Raises: KeyError and TypeError for anything else."""
        place, arguments = tuple(value["place"]), tuple(value["arguments"])
        return cls(place, value["command"], value["args"], value["program"], arguments)


def wrap(text: str, program: str, containers: Sequence[Path]) -> tuple[str, list[Wrapped]]:
    """The configuration with a proxy around each server that is a program, in the objects at `containers`.

    `program` is the command `ccgraph`. One that has a proxy already is left.
    """
    changed: list[Wrapped] = []
    for place in [place for container in containers for place in _servers(text, container)]:
        server = value_at(text, place)
        if not _is_program(server):
            continue
        args = server.get("args")
        name = str(place[-1])
        named = [f"--server={name}"] if name.startswith("-") else ["--server", name]
        arguments = [PROXY, *named, "--", server["command"], *(args or [])]
        before = None if args is None else text_at(text, (*place, "args"))
        changed.append(Wrapped(place, text_at(text, (*place, "command")), before, program, tuple(arguments)))
        text = replace(text, (*place, "command"), program)
        text = (
            insert(text, place, "args", arguments)
            if before is None
            else replace(text, (*place, "args"), arguments)
        )
    return text, changed


def unwrap(text: str, changed: Sequence[Wrapped]) -> str:
    """The configuration with their own commands again, wherever a proxy of ours still stands.

    What has been changed behind the proxy meanwhile stays as it is.
    """
    for server in reversed(changed):
        found = value_at(text, server.place)
        args = found.get("args") if isinstance(found, dict) else None
        if not isinstance(args, list) or found.get("command") != server.program or args[:1] != [PROXY]:
            continue
        if args == list(server.arguments):
            text = put(text, (*server.place, "command"), server.command)
            at = (*server.place, "args")
            text = remove(text, at) if server.args is None else put(text, at, server.args)
        elif "--" in args[:-1]:
            command, *rest = args[args.index("--") + 1 :]
            text = replace(text, (*server.place, "command"), command)
            text = replace(text, (*server.place, "args"), rest)
    return text


def _servers(text: str, container: Path) -> Iterator[Path]:
    servers = value_at(text, container)
    if isinstance(servers, dict):
        for name in servers:
            yield (*container, name)


def _is_program(server: object) -> bool:
    """Whether a server is a program that a proxy can start, and has none yet."""
    if not isinstance(server, dict) or server.get("type", "stdio") != "stdio":
        return False
    command, args = server.get("command"), server.get("args", [])
    if not isinstance(command, str) or not command or not isinstance(args, list):
        return False
    if not all(isinstance(arg, str) for arg in args):
        return False
    return PurePath(command).name != "ccgraph" or not args or args[0] not in _OURS
