"""Puts a proxy around the MCP servers of Claude Code's configuration, and takes it away again, as text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from app.connect.json_text import Path, insert, put, remove, replace, text_at, value_at

PROXY: Final = "mcp-proxy"
URL: Final = "CCGRAPH_MCP_URL"
HEADER: Final = "CCGRAPH_MCP_HEADER_"
"""Variables with the URL of a server that speaks HTTP, and, numbered, with its headers as `Name: value`.

Others on the machine see arguments, and no variables: both may hold secrets.
"""

_OF_HTTP: Final = frozenset({"type", "url", "headers"})

_OURS: Final = ("mcp", PROXY)
"""Commands of ccgraph that need no proxy: what they carry is recorded already."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A server whose command was changed.

    `place` is where it stands. `command` and `args` are as they were written before (None: it had no args),
    `program` and `arguments` are what stands there now. A server that speaks HTTP was another entry as a
    `whole`.
    """

    place: Path
    command: str
    args: str | None
    program: str
    arguments: tuple[str, ...]
    whole: str | None = None

    @property
    def name(self) -> str:
        """The name of the server."""
        return str(self.place[-1])

    def as_json(self) -> dict[str, Any]:
        """The value for a file, which `of_json` reads."""
        return {
            "place": list(self.place),
            "command": self.command,
            "args": self.args,
            "program": self.program,
            "arguments": list(self.arguments),
            "whole": self.whole,
        }

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> "Wrapped":
        """The server that `as_json` wrote out. Raises: KeyError and TypeError for anything else."""
        place, arguments = tuple(value["place"]), tuple(value["arguments"])
        before = (value["command"], value["args"])
        return cls(place, *before, value["program"], arguments, value["whole"])


def wrap(
    text: str, program: str, containers: Sequence[Path], own: str | None = None
) -> tuple[str, list[Wrapped]]:
    """The configuration with a proxy around the servers in the objects at `containers`.

    These are programs, and those that speak HTTP with headers of their own: others may be logged in to by
    Claude Code itself. `program` is the command `ccgraph`, and `own` the URL of the server that
    records. What has a proxy already is left, and what that server records itself.
    """
    changed: list[Wrapped] = []
    for place in [place for container in containers for place in _servers(text, container)]:
        server = value_at(text, place)
        if _is_remote(server) and not _is_at(server["url"], own):
            value = _behind_proxy(place, program, server)
            whole = text_at(text, place)
            changed.append(Wrapped(place, "", None, program, tuple(value["args"]), whole))
            text = replace(text, place, value)
            continue
        if not _is_program(server):
            continue
        args = server.get("args")
        arguments = [PROXY, *_named(place), "--", server["command"], *(args or [])]
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
        if server.whole is not None:
            before = value_at(server.whole, ())
            if found == _behind_proxy(server.place, server.program, before):
                text = put(text, server.place, server.whole)
            else:
                text = replace(text, server.place, _remote(found, before))
        elif args == list(server.arguments):
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


def _named(place: Path) -> list[str]:
    name = str(place[-1])
    return [f"--server={name}"] if name.startswith("-") else ["--server", name]


def _behind_proxy(place: Path, program: str, server: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of a proxy for a server that speaks HTTP."""
    headers = [f"{name}: {value}" for name, value in server["headers"].items()]
    variables = {f"{HEADER}{number}": header for number, header in enumerate(headers, 1)}
    return {
        "type": "stdio",
        "command": program,
        "args": [PROXY, *_named(place)],
        "env": {URL: server["url"], **variables},
    }


def _remote(proxy: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """A server that speaks HTTP, by the variables of its proxy; what it was where they are gone."""
    variables = proxy.get("env")
    if not isinstance(variables, dict) or URL not in variables:
        return dict(before)
    headers = [value for name, value in variables.items() if name.startswith(HEADER)]
    parts = [value.partition(": ") for value in headers if isinstance(value, str)]
    return {"type": "http", "url": variables[URL], "headers": {name: value for name, _, value in parts}}


def _is_at(url: str, own: str | None) -> bool:
    """True if a URL leads to the server that records."""
    return own is not None and (url == own or url.startswith(f"{own}/"))


def _is_remote(server: object) -> bool:
    """True if a server speaks HTTP and all that it needs stands in its entry."""
    if not isinstance(server, dict) or server.get("type") != "http" or not _OF_HTTP.issuperset(server):
        return False
    headers = server.get("headers")
    if not isinstance(server.get("url"), str) or not isinstance(headers, dict) or not headers:
        return False
    return all(isinstance(value, str) and ":" not in name for name, value in headers.items())


def _is_program(server: object) -> bool:
    """True if a server is a program that a proxy can start, and has none yet."""
    if not isinstance(server, dict) or server.get("type", "stdio") != "stdio":
        return False
    command, args = server.get("command"), server.get("args", [])
    if not isinstance(command, str) or not command or not isinstance(args, list):
        return False
    if not all(isinstance(arg, str) for arg in args):
        return False
    return PurePath(command).name != "ccgraph" or not args or args[0] not in _OURS
