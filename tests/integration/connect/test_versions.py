"""Which Claude Code is in use decides which hooks are registered."""

import json
from pathlib import Path

import pytest

from app.connect.claude_code import (
    ClaudeFolder,
    Version,
    installed_versions,
    last_version,
    oldest_version,
    running_versions,
)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No Claude Code of the machine itself."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))


def program(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "claude"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_every_program_is_asked(tmp_path: Path) -> None:
    program(tmp_path / "bin", "echo '2.1.197 (Claude Code)'")
    program(tmp_path / ".local/bin", "echo '2.0.14 (Claude Code)'")
    program(tmp_path / "broken", "exit 3")
    path = f"{tmp_path}/bin:{tmp_path}/broken::/none"
    assert installed_versions({"PATH": path}) == {(2, 1, 197), (2, 0, 14)}


def test_those_that_run_count_too(claude: ClaudeFolder) -> None:
    claude.sessions.mkdir(parents=True)
    for pid, told in (("1", '{"version": "2.1.90"}'), ("2", "{"), ("3", "[]"), ("4", "{}")):
        (claude.sessions / f"{pid}.json").write_text(told)
    assert running_versions(claude) == {(2, 1, 90)}


@pytest.mark.parametrize(
    ("versions", "last"), [(["2.0.1", "2.1.4"], (2, 1, 4)), ([], None), (["none"], None)]
)
def test_the_newest_transcript_tells_what_was_used_last(
    claude: ClaudeFolder, versions: list[str], last: Version | None
) -> None:
    path = claude.projects / "-home-dev-x" / "a.jsonl"
    path.parent.mkdir(parents=True)
    lines = [json.dumps({"type": "user", "version": version}) + "\n" for version in versions]
    path.write_text("x" * 70_000 + "\n" + "".join(lines))
    assert last_version(claude) == last


def test_without_any_sign_there_is_no_version(claude: ClaudeFolder) -> None:
    assert oldest_version(claude) is None
