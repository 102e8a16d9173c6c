"""The real Claude Code, connected by `ccgraph connect`, its model replaced by a script.

Skipped where it is not installed.
"""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.connect.claude_code import FORGIVING, events_for, installed_versions
from tests.support.ingest_receiver import TOKEN, Received, receiving
from tests.support.scripted_claude import Machine, ScriptedModel, machine, scripted
from tests.support.waiting import PATIENCE

SETTINGS = (
    b'{\n    "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "cat > \\"$HOME/theirs\\""}]}]},\n'
    b'    "cleanupPeriodDays": 90\n}\n'
)
SCRIPTS = {
    "files": [
        {"text": "I will look.", "tool": "Bash", "input": {"command": "ls", "description": "List"}},
        {"tool": "Write", "input": {"file_path": "@PROJ@/メモ.md", "content": "# メモ\n"}},
        {"tool": "Bash", "input": {"command": "cat /no/such/file", "description": "Fail"}},
        {"text": "終わりました。"},
    ],
    "helpers": [
        {
            "tools": [
                {
                    "tool": "Agent",
                    "input": {
                        "description": "Count",
                        "prompt": "[script:helper] Count.",
                        "subagent_type": "general-purpose",
                        "run_in_background": False,
                    },
                }
            ]
        },
        {"text": "It is back."},
    ],
    "helper": [
        {"tool": "Bash", "input": {"command": "ls | wc -l", "description": "Count"}},
        {"text": "There is one."},
    ],
    "asking": [
        {"tool": "Write", "input": {"file_path": "@PROJ@/asked", "content": "yes"}},
        {"text": "Done."},
    ],
    "long": [
        {"tool": "Bash", "input": {"command": "tail -f README.md", "description": "Wait"}},
        {"text": "Waited."},
    ],
}


@pytest.fixture
def at_work(tmp_path: Path) -> Machine:
    """A machine whose person has settings already."""
    found = machine(tmp_path)
    found.settings.parent.mkdir()
    found.settings.write_bytes(SETTINGS)
    found.settings.chmod(0o640)
    return found


@pytest.fixture
def model(at_work: Machine) -> Iterator[ScriptedModel]:
    text = json.dumps(SCRIPTS).replace("@PROJ@", str(at_work.project))
    with scripted(json.loads(text)) as answering:
        yield answering


@pytest.fixture
def server() -> Iterator[Received]:
    with receiving() as received:
        yield received


def transcripts_of(server: Received) -> list[Any]:
    return [json.loads(line) for content in server.files.values() for line in content.splitlines()]


def test_everything_arrives_and_the_settings_are_what_they_were(
    at_work: Machine, model: ScriptedModel, server: Received
) -> None:
    at_work.ccgraph("connect", "--url", server.url, "--token-file", "-", text=TOKEN)
    at_work.run(model, "[script:files] Go.")
    at_work.run(model, "[script:helpers] Go.")
    at_work.ccgraph("watch", "--once")

    hooks = Counter(hook["hook_event_name"] for hook in server.hooks)
    assert hooks["SessionStart"] == hooks["SessionEnd"] == hooks["UserPromptSubmit"] == hooks["Stop"] == 2
    assert hooks["PreToolUse"] == 5
    assert hooks["PostToolUse"] + hooks["PostToolUseFailure"] == 5
    assert hooks["SubagentStop"] == 1
    used = {hook["tool_use_id"] for hook in server.hooks if hook["hook_event_name"] == "PreToolUse"}
    told = {
        part["id"]
        for line in transcripts_of(server)
        if line.get("type") == "assistant"
        for part in line["message"]["content"]
        if part["type"] == "tool_use"
    }
    assert used == told
    assert any("/subagents/agent-" in name for name in server.files)
    assert any(part.get("meta") for part in server.transcripts)
    for path in ("/v1/logs", "/v1/metrics"):
        assert server.of(path)
    spent = sum(
        float(attribute["value"].get("doubleValue") or attribute["value"].get("stringValue") or 0)
        for export in server.of("/v1/logs")
        for resource in export["resourceLogs"]
        for scope in resource["scopeLogs"]
        for record in scope["logRecords"]
        for attribute in record["attributes"]
        if attribute["key"] == "cost_usd"
    )
    assert spent > 0

    assert json.loads((at_work.home / "theirs").read_text())["hook_event_name"] == "Stop"
    at_work.ccgraph("disconnect")
    assert at_work.settings.read_bytes() == SETTINGS
    assert at_work.settings.stat().st_mode & 0o777 == 0o640
    assert not (at_work.home / ".claude" / "ccgraph").exists()


def test_with_the_server_away_the_work_goes_on_and_all_comes_later(
    at_work: Machine, model: ScriptedModel
) -> None:
    with receiving() as first:
        port = int(first.url.rsplit(":", 1)[1])
        at_work.ccgraph("connect", "--url", first.url, "--token-file", "-", text=TOKEN)
    told = at_work.run(model, "[script:files] Go.")
    assert told[-1]["result"] == "終わりました。"
    assert "ccgraph" not in json.dumps(told)
    for waiting in (at_work.home / ".claude/ccgraph/user/spool").iterdir():
        os.utime(waiting, (1, 1))  # a hook that is in flight is left alone for some seconds
    with receiving(port) as back:
        at_work.ccgraph("watch", "--once")
        hooks = [hook["hook_event_name"] for hook in back.hooks]
        assert hooks[0] == "SessionStart"
        assert hooks.count("PreToolUse") == 3
        assert "Stop" in hooks
        assert back.files


def test_a_permission_is_answered_from_afar(at_work: Machine, model: ScriptedModel, server: Received) -> None:
    decision = {"behavior": "allow"}
    answer = {"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": decision}}
    server.answer = lambda path, value: (
        answer if isinstance(value, dict) and value.get("hook_event_name") == "PermissionRequest" else None
    )
    at_work.ccgraph("connect", "--url", server.url, "--token-file", "-", "--hold", "30", text=TOKEN)
    at_work.run(model, "[script:asking] Go.", tools="Read")
    if not any(hook["hook_event_name"] == "PermissionRequest" for hook in server.hooks):
        pytest.skip("this version of Claude Code asks for permissions in a terminal only")
    assert (at_work.project / "asked").exists()


def test_without_an_answer_the_tool_is_refused_as_always(
    at_work: Machine, model: ScriptedModel, server: Received
) -> None:
    at_work.ccgraph("connect", "--url", server.url, "--token-file", "-", text=TOKEN)
    told = at_work.run(model, "[script:asking] Go.", tools="Read")
    assert not (at_work.project / "asked").exists()
    assert told[-1]["permission_denials"]


def test_a_killed_one_is_found(at_work: Machine, model: ScriptedModel, server: Received) -> None:
    if min(installed_versions({"PATH": str(Path(at_work.program).parent)})) < FORGIVING:
        pytest.skip("Claude Code writes its processes down since version 2.1.100 or so")
    at_work.ccgraph("connect", "--url", server.url, "--token-file", "-", text=TOKEN)
    claude = subprocess.Popen(
        at_work.command("[script:long] Go."),
        cwd=at_work.project,
        env=at_work.with_model(model),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while not any(hook["hook_event_name"] == "PreToolUse" for hook in server.hooks):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        at_work.ccgraph("watch", "--once")
        session = server.hooks[0]["session_id"]
        alive = server.processes[-1]["alive"]
        assert [(one["pid"], one["session_id"]) for one in alive] == [(claude.pid, session)]
    finally:
        os.killpg(claude.pid, signal.SIGKILL)
        claude.wait()
    at_work.ccgraph("watch", "--once")
    assert server.processes[-1]["alive"] == []
    assert [one["session_id"] for one in server.processes[-1]["gone"]] == [session]


def test_the_hooks_are_those_that_this_version_takes(at_work: Machine, server: Received) -> None:
    at_work.ccgraph("connect", "--url", server.url, "--token-file", "-", text=TOKEN)
    written = json.loads(at_work.settings.read_text())["hooks"]
    versions = installed_versions({"PATH": str(Path(at_work.program).parent)})
    assert set(written) == set(events_for(min(versions)))
    assert "WorktreeCreate" not in written
