"""`ccgraph doctor` looks at the entry of the MCP server; disconnecting tells what became of its token."""

import io
import json
import os
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from app.cli.mcp_entry import Account, end_mcp_token
from app.connect import doctor, own_server
from app.connect.claude_code import ClaudeFolder, configuration
from app.connect.connection import Folder, Server
from app.connect.doctor import Found, Mark, examine
from tests.integration.connect.conftest import Connect
from tests.support.http_servers import answering
from tests.support.ingest_receiver import TOKEN, Received


@pytest.fixture
def file(claude: ClaudeFolder) -> Path:
    return configuration(claude, {})


def entered(server: Received, folder: Folder, claude: ClaudeFolder, program: str) -> None:
    """Write the entry of a server elsewhere, whose token is in a file."""
    folder.write(folder.mcp_token, TOKEN + "\n")
    arguments = ["--token-file", str(folder.mcp_token)]
    value = own_server.entry(program, Server(server.url), arguments, None)
    own_server.carry_out(own_server.plan(folder, claude, None, value))


def looked_at(folder: Folder, claude: ClaudeFolder) -> Found:
    [found] = [one for one in examine(folder, claude) if one.what == "MCP server"]
    return found


def test_the_entry_of_the_mcp_server_is_looked_at(
    server: Received, folder: Folder, claude: ClaudeFolder, connected: Connect, file: Path, tmp_path: Path
) -> None:
    program = tmp_path / "ccgraph"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    connected(server.url)
    assert looked_at(folder, claude).mark is Mark.WORTH_KNOWING
    entered(server, folder, claude, str(program))
    written = file.read_text()
    assert looked_at(folder, claude) == Found(Mark.GOOD, "MCP server", f"ccgraph in {file}")

    def is_bad(told: str) -> None:
        found = looked_at(folder, claude)
        assert found.mark is Mark.BAD
        assert told in found.told
        assert found.advice

    program.chmod(0o644)
    is_bad(f"its program {program} is not there")
    program.chmod(0o755)
    folder.mcp_token.chmod(0o644)
    is_bad("others may read")
    folder.mcp_token.unlink()
    is_bad(str(folder.mcp_token))
    folder.write(folder.mcp_token, "another\n")
    is_bad("The ingest token was revoked.")
    folder.write(folder.mcp_token, TOKEN + "\n")
    file.write_text("{}")
    is_bad(f"its entry is missing in {file}")
    file.write_text("{")
    is_bad("is not what Claude Code reads")
    file.write_text(written.replace('"mcp"', '"mcp2"'))
    assert looked_at(folder, claude).mark is Mark.WORTH_KNOWING
    file.write_text(written)
    assert looked_at(folder, claude).mark is Mark.GOOD


@pytest.fixture
def answers() -> list[dict[str, Any]]:
    """What the API says, answer by answer."""
    return [{"data": {"login": {"accessToken": "t"}}}]


@pytest.fixture
def api(answers: list[dict[str, Any]]) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps(answers.pop(0)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with answering(Handler) as port:
        yield Server(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"data": {"revokeToken": {"revokedId": "id-7"}}}, None),
        (
            {"errors": [{"message": "There is no such token."}]},
            "There is no such token",
        ),
        ({"errors": [{"message": "The password is wrong."}]}, "The password is wrong."),
    ],
)
def test_a_token_that_is_not_ended_is_told(
    api: Server,
    answers: list[dict[str, Any]],
    answer: dict[str, Any],
    told: str | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers.append(answer)
    monkeypatch.setattr(sys, "stdin", io.StringIO("password" + os.linesep))
    end_mcp_token(api, "id-7", Account("hanako"))
    said = " ".join(capsys.readouterr().err.split())
    assert answers == []
    if told is None:
        assert said == ""
    else:
        assert told in said
        assert 'revokeToken(input: {tokenId: "id-7"})' in said
        assert "Nothing was changed" not in said


def complaints(folder: Folder, claude: ClaudeFolder) -> list[tuple[str, str]]:
    return [(one.what, one.told) for one in examine(folder, claude) if one.mark is Mark.BAD]


def test_a_hook_that_cannot_run_or_write_anything_down_is_told(
    server: Received,
    folder: Folder,
    claude: ClaudeFolder,
    connected: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connected(server.url)
    assert complaints(folder, claude) == []
    assert list(folder.spool.iterdir()) == []

    folder.hook.unlink()
    [(what, told)] = complaints(folder, claude)
    assert (what, "cannot be run" in told) == ("hook", True)
    connected(server.url)
    assert complaints(folder, claude) == []

    folder.spool.rmdir()
    folder.spool.write_text("")
    [(what, told)] = complaints(folder, claude)
    assert (what, told.endswith("takes nothing: not a directory")) == ("spool", True)
    folder.spool.unlink()
    folder.spool.mkdir()

    monkeypatch.setenv("PATH", str(folder.path))
    assert ("hook", "it sends by curl, which is not installed") in complaints(folder, claude)


@pytest.mark.parametrize("where", ["managed-settings.json", "managed-settings.d/10-hooks.json"])
@pytest.mark.parametrize("name", ["allowManagedHooksOnly", "disableAllHooks"])
def test_managed_settings_that_turn_hooks_off_are_told(
    server: Received,
    folder: Folder,
    claude: ClaudeFolder,
    connected: Connect,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    name: str,
) -> None:
    managed = tmp_path / "managed"
    monkeypatch.setattr(doctor, "MANAGED", (managed,))
    connected(server.url)
    assert complaints(folder, claude) == []
    file = managed / where
    file.parent.mkdir(parents=True)
    file.write_text("no JSON")
    assert complaints(folder, claude) == []
    file.write_text(json.dumps({name: True}))
    [(what, told)] = complaints(folder, claude)
    assert what == "hooks"
    assert name in told
    assert str(file) in told
