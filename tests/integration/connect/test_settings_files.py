"""Settings files are written whole, with their mode, and are afterwards what they were."""

import json
import os
import stat
from pathlib import Path

import pytest

from app.config.errors import StartupError
from app.connect.claude_code import ClaudeFolder
from app.connect.connecting import Wanted, plan, plan_undoing, undo
from app.connect.connection import Folder, Server, folder_of
from tests.integration.connect.conftest import VERSION, Connect

URL = "https://ccgraph.example.com"
OTHER = "https://other.example.com"
FILES = [
    b"",
    b"\n",
    b"{}",
    b"{ }\n",
    b'{"model":"opus"}',
    b'{\n  "model": "opus"\n}\n',
    b'{\n\t"hooks": {"Stop": []},\n\t"env": {}\n}',
    b'\xef\xbb\xbf{\r\n    "model": "\xe6\x97\xa5\xe6\x9c\xac"\r\n}\r\n',
    b'{"hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "date"}]}]}}',
]


def disconnected(folder: Folder) -> None:
    planned = plan_undoing(folder)
    assert planned is not None
    undo(planned)


def written(path: Path, content: bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("content", FILES)
@pytest.mark.parametrize("file_mode", [0o644, 0o600, 0o664])
def test_after_undo_the_file_is_what_it_was(
    claude: ClaudeFolder, folder: Folder, connected: Connect, content: bytes, file_mode: int
) -> None:
    written(claude.settings, content, file_mode)
    connected(URL)
    once = claude.settings.read_bytes()
    assert once != content
    assert mode(claude.settings) == file_mode
    connected(URL)
    assert claude.settings.read_bytes() == once
    disconnected(folder)
    assert claude.settings.read_bytes() == content
    assert mode(claude.settings) == file_mode
    assert sorted(path.name for path in claude.path.iterdir()) == ["settings.json"]


@pytest.mark.parametrize("content", FILES)
def test_after_undo_the_file_is_what_it_was_also_when_the_server_changed_or_the_copy_is_lost(
    claude: ClaudeFolder, folder: Folder, connected: Connect, content: bytes
) -> None:
    written(claude.settings, content)
    connected(URL)
    connected(OTHER)
    assert URL.encode() not in claude.settings.read_bytes()
    connected(URL, hold=60)
    if content.strip():
        folder.copy.unlink()
    disconnected(folder)
    assert claude.settings.read_bytes() == content


def test_without_a_settings_file_there_is_none_afterwards(
    claude: ClaudeFolder, folder: Folder, connected: Connect
) -> None:
    connected(URL)
    assert mode(claude.settings) == 0o600
    disconnected(folder)
    assert not claude.path.exists() or list(claude.path.iterdir()) == []


def test_a_file_that_came_to_be_meanwhile_stays_with_what_others_wrote(
    claude: ClaudeFolder, folder: Folder, connected: Connect
) -> None:
    connected(URL)
    value = json.loads(claude.settings.read_text()) | {"model": "opus"}
    claude.settings.write_text(json.dumps(value))
    disconnected(folder)
    assert json.loads(claude.settings.read_text()) == {"model": "opus"}


def test_edits_of_a_person_stay_byte_for_byte(
    claude: ClaudeFolder, folder: Folder, connected: Connect
) -> None:
    before = b'{\n  "model": "opus",\n  "permissions": {"allow": ["Bash(ls:*)"]}\n}\n'
    written(claude.settings, before)
    connected(URL)
    claude.settings.write_bytes(claude.settings.read_bytes().replace(b"opus", b"haiku"))
    connected(URL)
    connected(OTHER)
    claude.settings.write_bytes(claude.settings.read_bytes().replace(b"Bash(ls:*)", b"Bash(rg:*)  "))
    disconnected(folder)
    assert claude.settings.read_bytes() == before.replace(b"opus", b"haiku").replace(b"ls:*)", b"rg:*)  ")


def test_a_link_stays_a_link(
    claude: ClaudeFolder, folder: Folder, connected: Connect, tmp_path: Path
) -> None:
    kept = tmp_path / "dotfiles" / "settings.json"
    written(kept, b'{"model": "opus"}', 0o640)
    claude.path.mkdir(parents=True)
    claude.settings.symlink_to(kept)
    connected(URL)
    assert claude.settings.is_symlink()
    assert b"hooks" in kept.read_bytes()
    assert mode(kept) == 0o640
    disconnected(folder)
    assert claude.settings.is_symlink()
    assert kept.read_bytes() == b'{"model": "opus"}'


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{\n  // mine\n  "model": "opus"\n}', "comments are no JSON"),
        (b'{"model": "opus",}', "line 1"),
        (b"[]", "it is not an object"),
        (b'{"hooks": []}', "`hooks` is not an object"),
        (b'{"hooks": {"Stop": {}}}', "`hooks.Stop` is not a list"),
        (b'{"env": null}', "`env` is not an object"),
        (b'{"model": "\xff"}', "not UTF-8 at byte 11"),
        (b"\0" * 10, "line 1, column 1"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_and_nothing_is_changed(
    claude: ClaudeFolder, connected: Connect, content: bytes, told: str
) -> None:
    written(claude.settings, content)
    with pytest.raises(StartupError, match=told):
        connected(URL)
    assert claude.settings.read_bytes() == content
    assert [path.name for path in claude.path.iterdir()] == ["settings.json"]


def test_undo_refuses_a_file_that_cannot_be_read_and_keeps_the_connection(
    claude: ClaudeFolder, folder: Folder, connected: Connect
) -> None:
    connected(URL)
    claude.settings.write_text("{")
    with pytest.raises(StartupError, match="nothing was changed"):
        plan_undoing(folder)
    assert folder.hook.exists()


def test_the_token_is_for_its_person_alone_and_in_no_settings(
    claude: ClaudeFolder, folder: Folder, connected: Connect
) -> None:
    written(claude.settings, b"{}")
    connected(URL)
    for path in (folder.token, folder.requests):
        assert mode(path) == 0o600
    assert mode(folder.path) == mode(folder.spool) == 0o700
    holding = [
        path.name
        for path in claude.path.rglob("*")
        if path.is_file() and b"an-ingest-token" in path.read_bytes()
    ]
    assert sorted(holding) == ["curl", "token"]
    assert (claude.path / "ccgraph/.gitignore").read_text().endswith("*\n")


def test_the_copy_is_of_the_file_before(claude: ClaudeFolder, folder: Folder, connected: Connect) -> None:
    written(claude.settings, b'{"model":"opus"}')
    connected(URL)
    connected(OTHER)
    assert folder.copy.read_bytes() == b'{"model":"opus"}'


def test_telemetry_that_goes_elsewhere_is_left_alone(
    claude: ClaudeFolder, folder: Folder, connected: Connect
) -> None:
    before = b'{"env": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}}'
    written(claude.settings, before)
    connection = connected(URL)
    value = json.loads(claude.settings.read_text())
    assert value["env"] == {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
    assert "otelHeadersHelper" not in value
    assert "Stop" in value["hooks"]
    assert connection.entries.helper is None
    disconnected(folder)
    assert claude.settings.read_bytes() == before


def test_telemetry_of_the_shell_is_left_alone_too_but_not_what_was_connected_before(
    claude: ClaudeFolder, folder: Folder, connected: Connect
) -> None:
    first = connected(URL, environment={"OTEL_EXPORTER_OTLP_HEADERS": "x-key=1"})
    assert first.entries.helper is None
    second = connected(URL)
    assert second.entries.helper is not None
    # As a shell within Claude Code has it.
    third = connected(OTHER, environment=dict(second.entries.environment))
    assert third.entries.helper is not None


def test_one_project_has_settings_of_its_own(
    claude: ClaudeFolder, connected: Connect, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    at = folder_of(claude, project)
    connected(URL, at=at)
    assert "hooks" in json.loads((project / ".claude/settings.local.json").read_text())
    assert not claude.settings.exists()
    assert b"an-ingest-token" not in b"".join(
        path.read_bytes() for path in project.rglob("*") if path.is_file()
    )
    disconnected(at)
    assert list(project.iterdir()) == []


def test_a_change_by_another_program_in_between_is_not_overwritten(
    claude: ClaudeFolder, folder: Folder, tmp_path: Path
) -> None:
    from app.connect.connecting import connect
    from app.connect.tokens import IngestToken

    written(claude.settings, b"{}")
    wanted = Wanted(Server(URL), VERSION)
    planned = plan(folder, claude, wanted, {})
    claude.settings.write_bytes(b'{"model": "opus"}')
    with pytest.raises(StartupError, match="changed by another program"):
        connect(planned, wanted, IngestToken("a token", "a machine"))
    assert claude.settings.read_bytes() == b'{"model": "opus"}'
    disconnected(folder)
    assert claude.settings.read_bytes() == b'{"model": "opus"}'


def test_a_folder_that_cannot_be_written_is_told(
    claude: ClaudeFolder, connected: Connect, tmp_path: Path
) -> None:
    claude.path.parent.mkdir()
    claude.path.write_text("a file stands here")
    with pytest.raises(StartupError, match=r"cannot be (read|made)"):
        connected(URL)


def test_a_damaged_record_is_told(folder: Folder, connected: Connect) -> None:
    connected(URL)
    folder.record.write_text("{")
    with pytest.raises(StartupError, match="is damaged: take the entries"):
        plan_undoing(folder)


def test_a_full_disk_leaves_the_settings_as_they_are(
    claude: ClaudeFolder, connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(claude.settings, b'{"model": "opus"}')

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StartupError, match="No space left"):
        connected(URL)
    assert claude.settings.read_bytes() == b'{"model": "opus"}'
    assert not [path for path in claude.path.iterdir() if path.name.startswith(".settings")]
