"""ccgraph's own MCP server in Claude Code's configuration: put in, and taken out again, as text."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from app.config.errors import StartupError
from app.connect import json_text
from app.connect.claude_code import ClaudeFolder, configuration
from app.connect.connection import Folder, Server
from app.connect.entries import Trace
from app.connect.json_text import container_at, has, insert, inside, remove, value_at
from app.connect.settings_file import SettingsText, clear, read, require_object, write

NAME: Final = "ccgraph"
"""What the server is called."""

_SERVERS: Final = "mcpServers"


@dataclass(frozen=True, slots=True)
class Written:
    """A value that was written: `value` at `place` of `file`, which is new where it did not `exist`.

    `blank` is what the file held where that was nothing but blanks, and `token_id` is that of the access
    token that was made for the server, if any.
    """

    file: str
    place: json_text.Path
    value: Mapping[str, Any]
    existed: bool
    trace: Trace
    token_id: str | None = None
    blank: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The value for a file, which `of_json` reads."""
        return {
            "file": self.file,
            "place": list(self.place),
            "value": self.value,
            "existed": self.existed,
            "trace": self.trace.as_json(),
            "token_id": self.token_id,
            "blank": self.blank,
        }

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> "Written":
        """The record that `as_json` wrote out. Raises: KeyError and TypeError for anything else."""
        return cls(
            value["file"],
            tuple(value["place"]),
            value["value"],
            value["existed"],
            Trace.of_json(value["trace"]),
            value["token_id"],
            value["blank"],
        )


@dataclass(frozen=True, slots=True)
class Change:
    """The change of the configuration to come; `after` is None when the file will be removed.

    `kept` is a sentence where something is left as it is.
    """

    folder: Folder
    before: SettingsText
    after: bytes | None
    written: Written | None
    known: Written | None
    kept: str | None = None

    @property
    def changes(self) -> bool:
        """True if the file will be written."""
        return self.after != self.before.content

    @property
    def sentence(self) -> str:
        """A sentence about the change."""
        if self.written is None:
            return f"The MCP server {NAME} is taken out of {self.before.path}."
        shown = json.dumps({NAME: self.written.value}, indent=2, ensure_ascii=False)
        return f"The MCP server {NAME} comes into {self.before.path}:\n{shown}"


def entry(program: str, server: Server, arguments: Sequence[str], data_dir: str | None) -> dict[str, Any]:
    """The server as `claude mcp add` writes one. `data_dir` is that of a server of this machine."""
    variables = {} if data_dir is None else {"CCGRAPH_DATA_DIR": data_dir}
    if server.ca is not None:
        variables["SSL_CERT_FILE"] = server.ca
    return {
        "type": "stdio",
        "command": program,
        "args": ["mcp", "--url", server.url, *arguments],
        "env": variables,
    }


def record(folder: Folder) -> Path:
    """The file that records the entry that was written."""
    return folder.path / "mcp-server.json"


def load(folder: Folder) -> Written | None:
    """The record of the entry that was written; None where there is none.

    Raises: StartupError for a record that is damaged.
    """
    try:
        return Written.of_json(json.loads(record(folder).read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise StartupError(
            f"{record(folder)} is damaged: take the MCP server {NAME} out of Claude Code's configuration by "
            "hand (`claude mcp remove`) and remove this file."
        ) from error


def plan(folder: Folder, claude: ClaudeFolder, project: Path | None, value: Mapping[str, Any]) -> Change:
    """The change that writing the server would make: for all projects, or for one. Raises: StartupError."""
    path = configuration(claude)
    place: json_text.Path = (_SERVERS, NAME)
    if project is not None:
        place = ("projects", str(project.expanduser().resolve()), *place)
    known = load(folder)
    before = read(path)
    if known is not None and (known.file, known.place) == (str(path), place):
        if value_at(before.text, place) == known.value == dict(value):
            return Change(folder, before, before.content, known, known)
        base, existed = _without(before, known)
    else:
        base, existed = before.content, before.content is not None
    text = "{}\n" if base is None else _text(base)
    if has(text, place):
        kept = f"{path} has an MCP server {NAME} that is not of this connection: it stays as it is."
        return Change(folder, before, before.content, None, known, kept)
    around = [place[:end] for end in range(1, len(place)) if has(text, place[:end])]
    if not all(isinstance(value_at(text, outer), dict) for outer in around):
        kept = f"The MCP servers in {path} are no object: ccgraph's own is not written."
        return Change(folder, before, before.content, None, known, kept)
    after, trace = _put(text, place, value)
    require_object(path, after)
    token = None if known is None else known.token_id
    blank = None if base is None or base.strip() else base.decode()
    written = Written(str(path), place, dict(value), existed, trace, token, blank)
    return Change(folder, before, before.encoded(after), written, known)


def plan_undoing(folder: Folder) -> Change | None:
    """The change that taking the server out would make; None where none was written. Raises: StartupError."""
    known = load(folder)
    if known is None:
        return None
    before = read(Path(known.file))
    found = value_at(before.text, known.place)
    if before.content is None or found is None:
        return Change(folder, before, before.content, None, known)
    if found != known.value:
        kept = f"The MCP server {NAME} in {known.file} was changed since: it stays, remove it by hand."
        return Change(folder, before, before.content, None, known, kept)
    return Change(folder, before, _without(before, known)[0], None, known)


def carry_out(change: Change, token_id: str | None = None) -> None:
    """Do it; what is needed to undo it is written down first. Raises: StartupError."""
    if change.kept is not None and change.known is None:
        return
    if change.written is not None:
        written = change.written
        if token_id is not None:
            written = replace(written, token_id=token_id)
        change.folder.write(record(change.folder), json.dumps(written.as_json(), indent=2) + "\n")
    if change.changes:
        target = change.before.path
        write(target, change.after or b"", expected=change.before.content)
        if change.after is None:
            target.resolve().unlink()
    clear(change.before.path)
    if change.written is None:
        record(change.folder).unlink(missing_ok=True)


def _put(text: str, place: json_text.Path, value: Mapping[str, Any]) -> tuple[str, Trace]:
    """The configuration with the server, and the members that were made around it."""
    depth = next(end for end in range(len(place) - 1, -1, -1) if end == 0 or has(text, place[:end]))
    made: Any = dict(value)
    for key in reversed(place[depth + 1 :]):
        made = {str(key): made}
    outer = place[:depth]
    emptied = {} if container_at(text, outer).parts else {outer: inside(text, outer)}
    created = tuple(place[:end] for end in range(depth + 1, len(place) + 1))
    return insert(text, outer, str(place[depth]), made), Trace(created, emptied)


def _without(before: SettingsText, known: Written) -> tuple[bytes | None, bool]:
    """The file without the server (None: no file), and whether there was one before it."""
    text = before.text
    if value_at(text, known.place) == known.value:
        text = _removed(text, known.place, known.trace)
        for path in reversed(known.trace.created[:-1]):
            if value_at(text, path) == {}:
                text = _removed(text, path, known.trace)
    if not known.existed and text.split() == ["{}"]:
        return None, False
    if known.blank is not None and text.split() == ["{}"]:
        return known.blank.encode(), True
    return before.encoded(text), known.existed


def _removed(text: str, path: json_text.Path, trace: Trace) -> str:
    return remove(text, path, trace.emptied.get(path[:-1], ""))


def _text(content: bytes) -> str:
    text = content.decode(errors="surrogatepass").removeprefix("\ufeff")
    return text if text.strip() else "{}\n"
