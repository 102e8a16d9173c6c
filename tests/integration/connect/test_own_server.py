"""ccgraph's own MCP server comes into Claude Code's configuration, and out of it byte for byte."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.config.errors import StartupError
from app.connect import own_server, wrapping
from app.connect.claude_code import ClaudeFolder, configuration
from app.connect.connection import Folder, Server, folder_of
from app.connect.own_server import Change, carry_out, entry, plan, plan_undoing

VALUE = entry("/opt/ccgraph/bin/ccgraph", Server("http://127.0.0.1:8000"), [], "/srv/data")
THEIRS = {"type": "http", "url": "https://example.com/mcp"}
SHAPES = [
    b"",
    b"\n",
    b"{}",
    b"{ }\n",
    b'{"numStartups": 3}',
    b'{"numStartups":3,"mcpServers":{}}',
    b'{\n  "mcpServers": {}\n}',
    b'{\n\t"mcpServers": {\n\t\t"files": {"type": "stdio", "command": "x", "args": [], "env": {}}\n\t}\n}\n',
    b'{\r\n  "projects": {\r\n    "@": {\r\n      "allowedTools": [ ]\r\n    }\r\n  }\r\n}\r\n',
    b'\xef\xbb\xbf{\n    "projects": {"@": {"mcpServers": { }}},\n    "userID": "u"\n}',
]


@pytest.fixture
def claude(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClaudeFolder:
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    found = ClaudeFolder(tmp_path / ".claude")
    found.path.mkdir()
    return found


@pytest.fixture
def file(claude: ClaudeFolder) -> Path:
    return configuration(claude, {})


@pytest.fixture(params=[False, True], ids=["user", "project"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path if request.param else None


@pytest.fixture
def folder(claude: ClaudeFolder, project: Path | None) -> Folder:
    found = folder_of(claude, project)
    found.make()
    return found


def servers(file: Path, project: Path | None) -> Any:
    told = json.loads(file.read_text("utf-8-sig"))
    return (told if project is None else told["projects"][str(project)])["mcpServers"]


def undone(folder: Folder) -> Change:
    change = plan_undoing(folder)
    assert change is not None
    carry_out(change)
    assert plan_undoing(folder) is None
    return change


@pytest.mark.parametrize("shape", SHAPES)
def test_what_was_put_in_comes_out_and_leaves_the_file_as_it_was(
    shape: bytes, claude: ClaudeFolder, folder: Folder, file: Path, project: Path | None, tmp_path: Path
) -> None:
    before = shape.replace(b'"@"', json.dumps(str(tmp_path)).encode())
    file.write_bytes(before)
    file.chmod(0o640)
    carry_out(plan(folder, claude, project, VALUE))
    assert servers(file, project)["ccgraph"] == VALUE
    once = file.read_bytes()
    again = plan(folder, claude, project, VALUE)
    assert not again.changes
    carry_out(again)
    assert file.read_bytes() == once

    undone(folder)

    assert file.read_bytes() == before
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_file_that_was_not_there_is_gone_afterwards(
    claude: ClaudeFolder, folder: Folder, file: Path, project: Path | None
) -> None:
    carry_out(plan(folder, claude, project, VALUE))
    assert servers(file, project) == {"ccgraph": VALUE}
    undone(folder)
    assert not file.exists()


def test_what_others_write_meanwhile_stays(
    claude: ClaudeFolder, folder: Folder, file: Path, project: Path | None
) -> None:
    carry_out(plan(folder, claude, project, VALUE))
    told = json.loads(file.read_text())
    told["userID"] = "u"
    (told if project is None else told["projects"][str(project)])["mcpServers"]["files"] = THEIRS
    file.write_text(json.dumps(told, indent=2))

    undone(folder)

    left = json.loads(file.read_text())
    assert (left["userID"], servers(file, project)) == ("u", {"files": THEIRS})


def test_a_server_of_the_same_name_that_is_not_ours_is_left_alone(
    claude: ClaudeFolder, folder: Folder, file: Path, project: Path | None
) -> None:
    told: dict[str, Any] = {"mcpServers": {"ccgraph": THEIRS}}
    before = json.dumps(told if project is None else {"projects": {str(project): told}})
    file.write_text(before)

    change = plan(folder, claude, project, VALUE)

    assert not change.changes
    assert (
        change.kept == f"{file} has an MCP server ccgraph that is not of this connection: it stays as it is."
    )
    carry_out(change)
    assert file.read_text() == before
    assert plan_undoing(folder) is None


def test_ours_that_a_person_has_changed_stays_with_a_sentence(
    claude: ClaudeFolder, folder: Folder, file: Path, project: Path | None
) -> None:
    carry_out(plan(folder, claude, project, VALUE))
    changed = file.read_text().replace("/opt/ccgraph/bin/ccgraph", "/home/hanako/ccgraph")
    file.write_text(changed)

    change = plan_undoing(folder)

    assert change is not None
    assert (change.changes, change.kept is not None) == (False, True)
    assert file.read_text() == changed


def test_a_connection_to_another_server_replaces_ours(
    claude: ClaudeFolder, folder: Folder, file: Path, project: Path | None
) -> None:
    file.write_bytes(b'{"numStartups": 3}')
    carry_out(plan(folder, claude, project, VALUE))
    other = entry("/opt/ccgraph/bin/ccgraph", Server("https://example.com", "/etc/ca.pem"), ["-x"], None)
    carry_out(plan(folder, claude, project, other))
    assert servers(file, project) == {"ccgraph": other}
    assert other["env"] == {"SSL_CERT_FILE": "/etc/ca.pem"}
    undone(folder)
    assert file.read_bytes() == b'{"numStartups": 3}'


def test_servers_that_are_no_object_are_left(
    claude: ClaudeFolder, folder: Folder, file: Path, project: Path | None
) -> None:
    told: dict[str, Any] = {"mcpServers": []}
    before = json.dumps(told if project is None else {"projects": {str(project): told}})
    file.write_text(before)
    change = plan(folder, claude, project, VALUE)
    assert "are no object" in str(change.kept)
    carry_out(change)
    assert file.read_text() == before


def test_a_proxy_comes_before_others_and_not_before_ours(
    claude: ClaudeFolder, folder: Folder, file: Path, project: Path | None
) -> None:
    told = {"mcpServers": {"files": {"type": "stdio", "command": "x", "args": [], "env": {}}}}
    before = json.dumps(told if project is None else {"projects": {str(project): told}}).encode()
    file.write_bytes(before)
    program = wrapping.program()
    ours = entry(program, Server("http://127.0.0.1:8000"), [], None)
    carry_out(plan(folder, claude, project, ours))

    proxies = wrapping.plan(claude, project)

    assert [server.name for change in proxies for server in change.servers] == ["files"]
    wrapping.put_in(folder, proxies)
    assert servers(file, project)["ccgraph"] == ours
    wrapping.take_out(folder, wrapping.plan_undoing(folder))
    undone(folder)
    assert file.read_bytes() == before


def test_a_damaged_record_is_told(folder: Folder) -> None:
    own_server.record(folder).write_text("{")
    with pytest.raises(StartupError, match="is damaged"):
        own_server.load(folder)
