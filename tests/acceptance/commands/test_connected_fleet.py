"""The real Claude Code beside a real server: connected by one command, and what becomes of it in the tables.

Skipped where it is not installed.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.bridges import CCGRAPH
from tests.support.processes import Served, serving
from tests.support.scripted_claude import Machine, ScriptedModel, machine, scripted
from tests.support.waiting import PATIENCE

SETTINGS = b'{"cleanupPeriodDays": 90}\n'
SCRIPTS = {
    "files": [
        {"text": "I will look.", "tool": "Bash", "input": {"command": "ls", "description": "List"}},
        {"tool": "Write", "input": {"file_path": "@PROJ@/メモ.md", "content": "# メモ\n"}},
        {"tool": "Bash", "input": {"command": "cat /no/such/file", "description": "Fail"}},
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
        {"text": "終わりました。"},
    ],
    "helper": [
        {"tool": "Bash", "input": {"command": "ls | wc -l", "description": "Count"}},
        {"text": "There is one."},
    ],
    "read": [{"tool": "mcp__files__read", "input": {}}, {"text": "Done."}],
    "fleet": [{"tool": "mcp__ccgraph__fleet_status", "input": {}}, {"text": "Done."}],
    "asking": [
        {"tool": "Write", "input": {"file_path": "@PROJ@/asked", "content": "yes"}},
        {"text": "Done."},
    ],
}
CALLS = """query ($id: UUID!) { ccInstance(by: {id: $id}) {
  type status
  project { id name }
  mcpToolCalls(first: 50) { nodes { toolName status } }
  children(first: 10) { nodes { type mcpToolCalls(first: 50) { nodes { toolName status } } } }
  subtreeUsage { inputTokens outputTokens requests }
} }"""
WRITTEN = """query ($id: UUID!) { fileOperations(first: 20, where: {session: {sessionId: {eq: $id}}}) {
  nodes { operationType filePath } } }"""
ASKED = """query ($project: Int!) {
  ccPermissionRequests(first: 10, where: {ccInstance: {project: {id: {eq: $project}}}}) {
    nodes { id decision } } }"""
HOLD = "mutation ($input: UpdateProjectInput!) { updateProject(input: $input) { project { id } } }"
ANSWER = """mutation ($input: AnswerPermissionRequestInput!) { answerPermissionRequest(input: $input) {
  ccPermissionRequest { decision } } }"""

Ask = Callable[..., Any]


@pytest.fixture
def at_work(tmp_path: Path) -> Machine:
    found = machine(tmp_path)
    found.settings.parent.mkdir()
    found.settings.write_bytes(SETTINGS)
    return found


@pytest.fixture
def model(at_work: Machine) -> Iterator[ScriptedModel]:
    with scripted(json.loads(json.dumps(SCRIPTS).replace("@PROJ@", str(at_work.project)))) as answering:
        yield answering


@pytest.fixture
def server(tmp_path: Path, at_work: Machine) -> Iterator[Served]:
    with serving(["serve", "--demo"], tmp_path) as served:
        yield served


@pytest.fixture
def token(server: Served) -> str:
    """Of the person of the demo, whose machine it is."""
    return server.demo_token()


@pytest.fixture
def ask(server: Served, token: str) -> Ask:
    """Ask the API as that person."""
    headers = {"Authorization": f"Bearer {token}"}

    def asked(query: str, **variables: Any) -> Any:
        answer = httpx.post(
            f"{server.url}/graphql",
            json={"query": query, "variables": variables},
            headers=headers,
            timeout=PATIENCE,
        ).json()
        assert "errors" not in answer, answer
        return answer["data"]

    return asked


@pytest.fixture
def ccgraph_there(at_work: Machine, tmp_path: Path) -> Callable[..., str]:
    """Run a command on that machine, beside the server."""

    def run(*arguments: str) -> str:
        return at_work.ccgraph(*arguments, CCGRAPH_DATA_DIR=str(tmp_path / ".data")).stderr

    return run


def session_of(told: list[dict[str, Any]]) -> str:
    return str(told[0]["session_id"])


def eventually(found: Callable[[], Any], fits: Callable[[Any], object]) -> Any:
    """What is found once it fits, for rows are made a moment after what they are made of is stored."""
    deadline = time.monotonic() + PATIENCE
    while True:
        value = found()
        if fits(value):
            return value
        assert time.monotonic() < deadline, value
        time.sleep(0.2)


def test_one_command_brings_a_fleet_into_the_tables_and_another_takes_it_out_of_the_settings(
    at_work: Machine, model: ScriptedModel, ask: Ask, ccgraph_there: Callable[..., str], server: Served
) -> None:
    assert f"Connected to {server.url}" in ccgraph_there("connect")
    token = (at_work.home / ".claude/ccgraph/user/token").read_text().strip()
    session = session_of(at_work.run(model, "[script:files] Go."))
    ccgraph_there("watch", "--once")
    found = eventually(
        lambda: ask(CALLS, id=session)["ccInstance"],
        lambda one: one and len(one["mcpToolCalls"]["nodes"]) == 4 and one["children"]["nodes"],
    )
    assert found["type"] == "PARENT"
    calls = sorted((call["toolName"], call["status"]) for call in found["mcpToolCalls"]["nodes"])
    assert calls == [
        ("Agent", "COMPLETED"),
        ("Bash", "COMPLETED"),
        ("Bash", "FAILED"),
        ("Write", "COMPLETED"),
    ]
    (child,) = found["children"]["nodes"]
    asked = model.requests
    usage = eventually(
        lambda: ask(CALLS, id=session)["ccInstance"]["subtreeUsage"],
        lambda usage: usage["requests"] == len(asked),
    )
    assert int(usage["inputTokens"]) == sum(100 + number for number in asked)
    assert int(usage["outputTokens"]) == sum(40 + number for number in asked)
    assert child["mcpToolCalls"]["nodes"] == [{"toolName": "Bash", "status": "COMPLETED"}]
    written = ask(WRITTEN, id=session)["fileOperations"]["nodes"]
    assert any(one["filePath"].endswith("メモ.md") for one in written)

    ccgraph_there("disconnect")
    assert at_work.settings.read_bytes() == SETTINGS
    refused = httpx.get(
        f"{server.url}/ingest/claude-code/recent", headers={"Authorization": f"Bearer {token}"}, timeout=30
    )
    assert refused.status_code == 401


SERVER = """
import json, sys
tool = {"name": "read", "description": "Read a file", "inputSchema": {"type": "object", "properties": {}}}
info = {"name": "f", "version": "1"}
met = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info}
answers = {"initialize": met, "tools/list": {"tools": [tool]}}
answers["tools/call"] = {"content": [{"type": "text", "text": "It is empty."}]}
for line in sys.stdin:
    told = json.loads(line)
    if "id" in told:
        answer = {"jsonrpc": "2.0", "id": told["id"], "result": answers.get(told.get("method"), {})}
        print(json.dumps(answer), flush=True)
"""
OF_SERVER = """query ($id: UUID!, $server: String!) { mcpToolCalls(first: 10, where: {
  ccInstance: {id: {eq: $id}}, serverName: {eq: $server}
}) { nodes { toolName status result startedAt message { createdAt direction } } } }"""


def test_what_a_session_says_to_its_mcp_servers_is_recorded(
    at_work: Machine, model: ScriptedModel, ask: Ask, ccgraph_there: Callable[..., str]
) -> None:
    (at_work.home / "server.py").write_text(SERVER)
    server = {
        "type": "stdio",
        "command": sys.executable,
        "args": [str(at_work.home / "server.py")],
        "env": {},
    }
    configuration = at_work.home / ".claude.json"
    configuration.write_text(json.dumps({"mcpServers": {"files": server}}, indent=2))
    told = ccgraph_there("connect", "--wrap-mcp")
    assert f"A proxy comes before the MCP servers in {configuration}: files." in told
    session = session_of(at_work.run(model, "[script:read] Go.", tools="mcp__files__read"))
    ccgraph_there("watch", "--once")
    call = the_call(ask, session, "files")
    assert (call["toolName"], call["status"]) == ("mcp__files__read", "COMPLETED")
    assert "It is empty." in json.dumps(call["result"])
    ccgraph_there("disconnect")
    assert json.loads(configuration.read_text())["mcpServers"] == {"files": server}


def the_call(ask: Ask, session: str, server: str) -> dict[str, Any]:
    """The one row of the only call, once both the session and a record of messages have told of it."""
    calls = eventually(
        lambda: ask(OF_SERVER, id=session, server=server)["mcpToolCalls"]["nodes"],
        lambda calls: [one for one in calls if one["message"] and one["toolName"].startswith("mcp__")],
    )
    (call,) = calls
    assert call["message"] == {"createdAt": call["startedAt"], "direction": "CLIENT"}
    return dict(call)


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_a_call_of_ccgraphs_own_tools_is_one_row(
    at_work: Machine,
    model: ScriptedModel,
    ask: Ask,
    token: str,
    server: Served,
    ccgraph_there: Callable[..., str],
    transport: str,
) -> None:
    session = str(uuid4())
    headers = {"Authorization": f"Bearer {token}", "X-CCGraph-Instance": session}
    entries: dict[str, Any] = {
        "http": {"type": "http", "url": f"{server.url}/mcp", "headers": headers},
        "stdio": {
            "command": CCGRAPH,
            "args": ["mcp", "--url", server.url],
            "env": {"CCGRAPH_TOKEN": token},
        },
    }
    servers = at_work.home / "servers.json"
    servers.write_text(json.dumps({"mcpServers": {"ccgraph": entries[transport]}}))
    ccgraph_there("connect")
    at_work.run(
        model,
        "[script:fleet] Go.",
        *("--session-id", session, "--mcp-config", str(servers), "--strict-mcp-config"),
        tools="mcp__ccgraph",
    )
    ccgraph_there("watch", "--once")
    call = the_call(ask, session, "ccgraph")
    assert (call["toolName"], call["status"]) == ("mcp__ccgraph__fleet_status", "COMPLETED")


SAID = """query ($id: UUID!) { ccLogs(first: 20, orderBy: [{createdAt: ASC}],
  where: {ccInstanceId: {eq: $id}, category: {eq: TASK}}) { nodes { message } } }"""


@pytest.mark.parametrize("with_origin", [False, True])
@pytest.mark.parametrize(("first", "prompts"), [("/hello world", ["/hello world"]), ("/cost", [])])
def test_a_fork_that_begins_with_a_command_repeats_no_prompt(
    at_work: Machine,
    model: ScriptedModel,
    ask: Ask,
    ccgraph_there: Callable[..., str],
    server: Served,
    first: str,
    prompts: list[str],
    *,
    with_origin: bool,
) -> None:
    """The origin is known by hooks alone, or by its transcript, too; of a command no hook tells."""
    skill = at_work.project / ".claude" / "skills" / "hello" / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: hello\ndescription: Greets\n---\nSay hello.\n")
    ccgraph_there("connect")
    origin = session_of(at_work.run(model, "[script:helper] Look around."))
    at_work.run(model, "Go on.", "--resume", origin)
    fork = session_of(at_work.run(model, first, "--resume", origin, "--fork-session"))
    assert fork != origin
    if not with_origin:
        for transcript in at_work.home.glob(f".claude/projects/*/{origin}.jsonl"):
            transcript.unlink()
    ccgraph_there("watch", "--once")

    def said(session: str) -> list[str]:
        return [one["message"] for one in ask(SAID, id=session)["ccLogs"]["nodes"]]

    usage = eventually(
        lambda: [ask(CALLS, id=one)["ccInstance"]["subtreeUsage"] for one in (origin, fork)],
        lambda found: sum(one["requests"] for one in found) == len(model.requests),
    )
    assert sum(int(one["inputTokens"]) for one in usage) == sum(100 + number for number in model.requests)
    headers = {"Authorization": f"Bearer {(at_work.home / '.claude/ccgraph/user/token').read_text().strip()}"}
    recent = f"{server.url}/ingest/claude-code/recent"
    eventually(
        lambda: httpx.get(recent, headers=headers, timeout=PATIENCE).json()["waiting"],
        lambda waiting: not waiting["records"],
    )
    assert (said(origin), said(fork)) == (["[script:helper] Look around.", "Go on."], prompts)


def mcp_servers(at_work: Machine) -> str:
    """What Claude Code says of its MCP servers."""
    done = subprocess.run(
        [at_work.program, "mcp", "list"],
        cwd=at_work.project,
        env=at_work.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout


@pytest.mark.parametrize("arguments", [(), ("--project", ".")], ids=["user", "project"])
def test_the_connected_claude_code_has_ccgraph_for_an_mcp_server(
    at_work: Machine, ccgraph_there: Callable[..., str], server: Served, arguments: tuple[str, ...]
) -> None:
    configuration = at_work.home / ".claude.json"
    before = b'{"mcpServers":{"files":{"type":"stdio","command":"/bin/false","args":[],"env":{}}}}'
    configuration.write_bytes(before)
    assert '"mcp"' in ccgraph_there("connect", "--dry-run", *arguments)
    assert configuration.read_bytes() == before
    ccgraph_there("connect", *arguments)
    assert "already; nothing was changed" in ccgraph_there("connect", *arguments)
    ccgraph_there("connect", "--undo", *arguments)
    assert configuration.read_bytes() == before
    ccgraph_there("connect", *arguments)

    told = mcp_servers(at_work)

    assert f"mcp --url {server.url} - ✔ Connected" in told
    ccgraph_there("connect", "--no-mcp", *arguments)
    assert "ccgraph" not in mcp_servers(at_work)


def status_with(server: Served, token: str) -> int:
    """How a query with a token is answered; a server trusts a token for half a second."""
    return httpx.post(
        f"{server.url}/graphql",
        json={"query": "{ me { username } }"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    ).status_code


def test_a_server_elsewhere_is_an_mcp_server_with_a_token_of_its_own(
    at_work: Machine, server: Served, tmp_path: Path
) -> None:
    def run(*arguments: str, text: str = "") -> str:
        # No server is written down in this folder for temporary files.
        return at_work.ccgraph(*arguments, text=text, TMPDIR=str(tmp_path)).stderr

    run("connect", "--url", server.url, "--username", "demo", text="ccgraph-demo\n")
    file = at_work.home / ".claude/ccgraph/user/mcp-token"
    assert file.stat().st_mode & 0o777 == 0o600
    token = file.read_text().strip()
    assert token not in (at_work.home / ".claude.json").read_text()
    assert "✔ Connected" in mcp_servers(at_work)
    told = run("disconnect", "--username", "demo", text="ccgraph-demo\n")
    assert "is ended" in told
    assert not file.exists()
    eventually(lambda: status_with(server, token), lambda status: status == 401)


def test_a_permission_is_answered_through_the_api_and_the_work_goes_on(
    at_work: Machine, model: ScriptedModel, ask: Ask, ccgraph_there: Callable[..., str]
) -> None:
    ccgraph_there("connect", "--hold", "60")
    first = session_of(at_work.run(model, "[script:files] Go."))
    found = eventually(lambda: ask(CALLS, id=first)["ccInstance"], lambda one: one and one["project"])
    ask(HOLD, input={"id": found["project"]["id"], "patch": {"holdPermissionRequests": True}})
    told: list[dict[str, Any]] = []
    claude = threading.Thread(
        target=lambda: told.extend(at_work.run(model, "[script:asking] Go.", tools="Read"))
    )
    claude.start()
    try:
        request = eventually(
            lambda: ask(ASKED, project=found["project"]["id"])["ccPermissionRequests"]["nodes"],
            lambda nodes: [one for one in nodes if one["decision"] is None] or not claude.is_alive(),
        )
        if not request and not claude.is_alive():
            pytest.skip("this version of Claude Code asks for permissions in a terminal only")
        pending = next(one for one in request if one["decision"] is None)
        ask(ANSWER, input={"id": pending["id"], "decision": "ALLOW"})
    finally:
        claude.join(PATIENCE)
    assert (at_work.project / "asked").read_text() == "yes"
