"""The real Claude Code, connected, while server, worker and watcher are killed: the rows are as without that.

Skipped where Claude Code is not installed. What only telemetry tells (costs, durations) is not compared:
Claude Code keeps none of it for a server that is away.
"""

import asyncio
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import pytest

from tests.support.bridges import CCGRAPH
from tests.support.killed_fleet import Fleet
from tests.support.scripted_claude import Machine, ScriptedModel, machine, scripted
from tests.support.server import TestServer

SCRIPTS = Path(__file__).parents[2] / "data" / "claude-code-scripts.json"
PATIENCE = 150.0
CAMERA = """
import base64, json, sys
def text(said): return {"type": "text", "text": said}
picture = base64.b64encode(b"\\x89PNG\\r\\n\\x1a\\n" + bytes(3000)).decode()
taking = {"description": "Of a camera", "inputSchema": {"type": "object"}}
tools = [{"name": name, **taking} for name in ("shoot", "break")]
results = {
    "shoot": {"content": [text("Here."), {"type": "image", "data": picture, "mimeType": "image/png"}]},
    "break": {"content": [text("It is broken.")], "isError": True},
}
info = {"name": "camera", "version": "1"}
for line in sys.stdin:
    told = json.loads(line)
    if "id" not in told:
        continue
    if told["method"] == "initialize":
        version = told["params"]["protocolVersion"]
        result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
    elif told["method"] == "tools/list":
        result = {"tools": tools}
    else:
        result = results.get(told.get("params", {}).get("name"), {})
    print(json.dumps({"jsonrpc": "2.0", "id": told["id"], "result": result}), flush=True)
"""

QUERIES = {
    "sessions": "SELECT session_id, status, name, working_directory FROM sessions",
    "cc_instances": """SELECT i.id, i.type, i.name, i.status, i.activity, i.model, i.last_message,
        i.worktree_path IS NOT NULL AS apart FROM cc_instances i""",
    "mcp_tool_calls": """SELECT cc_instance_id, tool_name, server_name, status, arguments,
        result IS NULL AS no_result, error_details FROM mcp_tool_calls""",
    "ultrathink_messages": """SELECT child_instance_id AS cc_instance_id, instruction_content, status,
        response_content FROM ultrathink_messages""",
    "file_operations": """SELECT session_id, operation_type, file_path, line_count, success
        FROM file_operations""",
    "tasks": "SELECT assigned_to AS cc_instance_id, name, status FROM tasks",
    "git_worktrees": """SELECT cc_instance_id, worktree_name, worktree_path, base_branch, current_branch
        FROM git_worktrees""",
    "cc_permission_requests": """SELECT cc_instance_id, tool_name, tool_input, decision
        FROM cc_permission_requests""",
    "cc_usage": "SELECT cc_instance_id, model, asked_by FROM cc_usage WHERE asked_by <> 'auxiliary'",
    "cc_logs": """SELECT cc_instance_id, log_level, category, message FROM cc_logs
        WHERE NOT (details ? 'client_request_id' OR log_level = 'debug' OR trace_id IS NOT NULL)
          AND details ->> 'event' NOT IN ('permission_mode_changed', 'mcp_server_connection', 'compaction',
              'auth', 'internal_error')""",
}


class Conversations:
    """Those of the scripts, held one after the other. `sessions` has their names by Claude's ids."""

    def __init__(self, at_work: Machine) -> None:
        self.at_work = at_work
        self.scripts = json.loads(SCRIPTS.read_text().replace("@PROJ@", str(at_work.project)))
        self.sessions: dict[UUID, str] = {}
        (at_work.home / "camera.py").write_text(CAMERA)
        server = {"type": "stdio", "command": sys.executable, "args": [str(at_work.home / "camera.py")]}
        self._mcp = at_work.home / "mcp.json"
        self._mcp.write_text(json.dumps({"mcpServers": {"camera": server}}))

    def hold(self) -> None:
        """All of them, each to its end."""
        with scripted({name: script["steps"] for name, script in self.scripts.items()}) as model:
            for name, script in self.scripts.items():
                first = ""
                for run in script["runs"]:
                    first = self._hold(model, run, first)
                    self.sessions[UUID(first)] = name

    def _hold(self, model: ScriptedModel, run: dict[str, Any], first: str) -> str:
        options = [*run.get("options", [])]
        options += ["--resume", first] if run.get("resumes") else []
        options += ["--mcp-config", str(self._mcp)] if run.get("mcp") else []
        tools = {"tools": run["tools"]} if "tools" in run else {}
        told = self.at_work.run(model, run["prompt"], *options, **tools)
        return first or str(told[0]["session_id"])


def told_on_disk(at_work: Machine) -> tuple[set[UUID], dict[UUID, tuple[int, int]]]:
    """By what Claude Code has written down: the keys of its tool calls, and the tokens of its requests."""
    calls, requests = set(), {}
    for file in (at_work.home / ".claude" / "projects").rglob("*.jsonl"):
        for line in map(json.loads, file.read_text().splitlines()):
            if line["type"] != "assistant" or "requestId" not in line:
                continue
            session, number = UUID(line["sessionId"]), int(line["requestId"].removeprefix("req_"))
            requests[uuid5(session, line["requestId"])] = (100 + number, 40 + number)
            calls |= {
                uuid5(session, part["id"])
                for part in line["message"]["content"]
                if part["type"] == "tool_use"
            }
    return calls, requests


async def fetched(url: str, query: str) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(url)
    try:
        return [dict(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


def rows(url: str, query: str) -> list[dict[str, Any]]:
    return asyncio.run(fetched(url, query))


def without_ids(url: str, told: Conversations) -> dict[str, Counter[str]]:
    """The rows of all tables with names in the place of ids, and each as often as it is there."""
    agents = {
        row["id"]: f"{row['name']} of {told.sessions.get(row['session'], '?')}"
        for row in rows(
            url,
            "SELECT i.id, i.name, s.session_id AS session FROM cc_instances i JOIN sessions s"
            " ON s.session_id = i.id OR s.session_id = i.parent_instance_id",
        )
    }
    names = {str(key): value for key, value in {**agents, **told.sessions}.items()}
    found = {}
    for table, query in QUERIES.items():
        texts = []
        for row in rows(url, query):
            text = json.dumps(row, default=str, ensure_ascii=False, sort_keys=True)
            text = text.replace(str(told.at_work.home), "~")
            for key, name in names.items():
                text = text.replace(key, name)
            texts.append(re.sub(r"\b(?:[0-9a-f]{17}|b[0-9a-z]{8}|toolu_\d+_\d+|\d+ms)\b", "…", text))
        found[table] = Counter(texts)
    return found


def differences(one: dict[str, Counter[str]], other: dict[str, Counter[str]]) -> list[str]:
    return [
        f"{table}: {sign} {count} × {row}"
        for table in one
        for sign, more in (("without kills", one[table] - other[table]), ("with", other[table] - one[table]))
        for row, count in more.items()
    ]


def connected(folder: Path, url: str) -> Fleet:
    """A machine that is connected to a server of its own."""
    at_work = machine(folder)
    at_work.settings.parent.mkdir()
    return Fleet(CCGRAPH, folder, at_work, url)


def settled(fleet: Fleet, at_work: Machine, url: str) -> None:
    """Wait until all that was told is stored and digested."""
    spool = at_work.home / ".claude/ccgraph/user/spool"
    deadline = time.monotonic() + PATIENCE
    quiet = 0
    while quiet < 10:
        (waiting,) = rows(url, "SELECT count(*) AS n FROM ingest_records WHERE digested_at IS NULL")
        calls, requests = told_on_disk(at_work)
        stored = {row["id"] for row in rows(url, "SELECT id FROM mcp_tool_calls")}
        used = {row["id"] for row in rows(url, "SELECT id FROM cc_usage")}
        spooled = list(spool.iterdir())
        missing = (calls - stored) | (requests.keys() - used)
        quiet = 0 if waiting["n"] or spooled or missing else quiet + 1
        assert time.monotonic() < deadline, (waiting["n"], spooled, missing)
        time.sleep(0.3)


def run(
    folder: Path, url: str, chance: random.Random | None = None
) -> tuple[dict[str, Counter[str]], Conversations]:
    """Connect, hold the conversations, and give the rows that came of them."""
    folder.mkdir()
    fleet = connected(folder, url)
    at_work = fleet.at_work
    fleet.run("create-admin", "--username", "hanako", text="a long pass phrase of hers\n")
    token = fleet.run("token", "--ingest", "--minutes", "600")
    told = Conversations(at_work)
    with fleet.running():
        fleet.run("connect", "--url", fleet.url, "--token-file", "-", text=token, there=True)
        fleet.start("watch")
        if chance is None:
            told.hold()
        else:
            with fleet.under_fire(chance):
                told.hold()
            assert fleet.kills >= 5
        settled(fleet, at_work, url)
        found = without_ids(url, told)
    calls, requests = told_on_disk(at_work)
    assert {row["id"] for row in rows(url, "SELECT id FROM mcp_tool_calls")} == calls
    used = rows(url, "SELECT id, input_tokens, output_tokens FROM cc_usage WHERE asked_by <> 'auxiliary'")
    assert {row["id"]: (row["input_tokens"], row["output_tokens"]) for row in used} == requests
    return found, told


@pytest.fixture
def databases(postgres: TestServer) -> Iterator[tuple[str, str]]:
    with postgres.clone() as one, postgres.clone() as other:
        yield one, other


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [random.SystemRandom().randrange(10**6)], ids=["any"])
def test_processes_that_are_killed_lose_and_double_nothing(
    tmp_path: Path, databases: tuple[str, str], seed: int
) -> None:
    expected, _ = run(tmp_path / "quiet", databases[0])
    found, told = run(tmp_path / "killed", databases[1], random.Random(seed))

    assert set(told.sessions.values()) == {name for name, script in told.scripts.items() if script["runs"]}
    steps = [step for script in told.scripts.values() for step in script["steps"]]
    assert expected["mcp_tool_calls"].total() == sum(
        len(step.get("tools", [0] * ("tool" in step))) for step in steps
    )
    assert "\n".join(differences(expected, found)) == "", f"seed {seed}"
