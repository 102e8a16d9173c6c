"""Configurations of Claude Code with proxies are afterwards what they were; twice is once."""

import json
from pathlib import Path

import pytest

from app.config.errors import StartupError
from app.connect.claude_code import ClaudeFolder
from app.connect.connection import Folder
from app.connect.wrapping import load, plan, plan_undoing, put_in, take_out

CONFIGURATION = b"""{
  "numStartups": 12,
  "mcpServers": {
    "files": {
      "type": "stdio",
      "command": "npx",
      "args": [
        "-y",
        "server-filesystem"
      ],
      "env": {}
    },
    "web": { "type": "http", "url": "https://example.com/mcp" }
  },
  "projects": {
    "/work/\xe6\x9c\xac": { "mcpServers": { "git": {"command": "mcp-server-git"} }, "history": [] },
    "/work/other": {}
  }
}
"""


@pytest.fixture
def configuration(claude: ClaudeFolder) -> Path:
    path = claude.path.parent / ".claude.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(CONFIGURATION)
    path.chmod(0o600)
    return path


def proxied(path: Path) -> dict[str, list[str]]:
    """The commands of all servers."""
    value = json.loads(path.read_text())
    objects = [value, *value.get("projects", {}).values()]
    return {
        name: [server.get("command", ""), *server.get("args", [])]
        for one in objects
        for name, server in one.get("mcpServers", {}).items()
    }


def test_the_servers_of_a_person_get_a_proxy_and_lose_it_again(
    claude: ClaudeFolder, folder: Folder, configuration: Path
) -> None:
    folder.make()
    planned = plan(claude, None)
    assert [change.sentence for change in planned] == [f"{configuration}: files, git"]
    put_in(folder, planned)
    commands = proxied(configuration)
    assert commands["files"][1:] == ["mcp-proxy", "--server", "files", "--", "npx", "-y", "server-filesystem"]
    assert commands["git"][1:] == ["mcp-proxy", "--server", "git", "--", "mcp-server-git"]
    assert commands["files"][0].endswith("/ccgraph")
    assert commands["web"] == [""]
    assert configuration.stat().st_mode & 0o777 == 0o600
    assert plan(claude, None) == []
    put_in(folder, plan(claude, None))
    take_out(folder, plan_undoing(folder))
    assert configuration.read_bytes() == CONFIGURATION
    assert plan_undoing(folder) == []
    assert not load(folder).record.exists()


def test_a_server_that_comes_later_gets_its_proxy_the_next_time(
    claude: ClaudeFolder, folder: Folder, configuration: Path
) -> None:
    folder.make()
    put_in(folder, plan(claude, None))
    value = json.loads(configuration.read_text())
    value["mcpServers"]["later"] = {"command": "later"}
    configuration.write_text(json.dumps(value))
    [change] = plan(claude, None)
    assert [server.name for server in change.servers] == ["later"]
    put_in(folder, [change])
    take_out(folder, plan_undoing(folder))
    wanted = json.loads(CONFIGURATION)
    wanted["mcpServers"]["later"] = {"command": "later"}
    assert json.loads(configuration.read_text()) == wanted


def test_those_of_a_project_are_in_two_files(
    claude: ClaudeFolder, folder: Folder, configuration: Path, tmp_path: Path
) -> None:
    folder.make()
    project = tmp_path / "project"
    project.mkdir()
    shared = b'{"mcpServers":{"db":{"command":"db","args":["${DSN}"]}}}'
    (project / ".mcp.json").write_bytes(shared)
    own = json.dumps({"projects": {str(project): {"mcpServers": {"mine": {"command": "mine"}}}}}).encode()
    configuration.write_bytes(own)
    planned = plan(claude, project)
    assert [[server.name for server in change.servers] for change in planned] == [["mine"], ["db"]]
    put_in(folder, planned)
    assert proxied(project / ".mcp.json")["db"][-2:] == ["db", "${DSN}"]
    take_out(folder, plan_undoing(folder))
    assert (project / ".mcp.json").read_bytes() == shared
    assert configuration.read_bytes() == own


def test_a_file_that_another_program_has_changed_is_left(
    claude: ClaudeFolder, folder: Folder, configuration: Path
) -> None:
    folder.make()
    planned = plan(claude, None)
    configuration.write_bytes(CONFIGURATION + b"\n")
    with pytest.raises(StartupError, match="changed by another program"):
        put_in(folder, planned)
    assert configuration.read_bytes() == CONFIGURATION + b"\n"
    assert plan_undoing(folder) == []
