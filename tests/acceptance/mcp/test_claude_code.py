"""A real Claude Code, without a model: it connects, and works with the tools of /mcp, over stdio and HTTP."""

import asyncio
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.config.settings import Settings
from app.database.pools import open_database
from tests.support.agents import Person
from tests.support.bridges import CCGRAPH
from tests.support.scripted_model import Step, scripted_model
from tests.support.serving import LiveServer
from tests.support.waiting import PATIENCE

CLAUDE = shutil.which("claude")

pytestmark = pytest.mark.skipif(
    CLAUDE is None, reason="Claude Code is not installed (npm install --global @anthropic-ai/claude-code)"
)

SESSION = "7f1c1b52-6c1e-4a57-9b06-5a8a3e0f9d10"


@pytest.fixture(params=["stdio", "http"])
def server(request: pytest.FixtureRequest, live_server: LiveServer, person: Person) -> dict[str, Any]:
    """The entry of a configuration of MCP servers."""
    if request.param == "http":
        headers = {"Authorization": f"Bearer {person.token}", "X-CCGraph-Instance": SESSION}
        return {"type": "http", "url": f"{live_server.url}/mcp", "headers": headers}
    environment = {"CCGRAPH_TOKEN": person.token}
    return {
        "command": CCGRAPH,
        "args": ["mcp", "--url", live_server.url],  # as the instance of the session that starts it
        "env": environment,
    }


def run(folder: Path, *arguments: str, model: str = "http://127.0.0.1:9") -> str:
    """What Claude Code writes, in a home of its own."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "ANTHROPIC_API_KEY": "sk-ant-not-a-key",
        "ANTHROPIC_BASE_URL": model,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "MCP_TIMEOUT": f"{PATIENCE * 1000:.0f}",
    }
    done = subprocess.run(
        [str(CLAUDE), *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.stdout + done.stderr


def test_it_says_that_it_is_connected(server: dict[str, Any], tmp_path: Path) -> None:
    run(tmp_path, "mcp", "add-json", "--scope", "user", "ccgraph", json.dumps(server))
    assert re.search(r"^ccgraph: .*Connected", run(tmp_path, "mcp", "list"), re.MULTILINE)


def test_a_conversation_creates_a_child_and_does_a_task(
    server: dict[str, Any], settings: Settings, tmp_path: Path
) -> None:
    configuration = tmp_path / "servers.json"
    configuration.write_text(json.dumps({"mcpServers": {"ccgraph": server}}))

    def use(tool: str, **arguments: Any) -> Step:
        return {"tool": f"mcp__ccgraph__{tool}", "input": arguments}

    def of_task(tool: str, **arguments: Any) -> Any:
        return lambda results: use(tool, taskId=_task_in(results), **arguments)

    steps = [
        use("join_project", name="Lead"),
        use("create_child_cc", name="Worker", instruction="ultrathink: wait", idempotencyKey="worker"),
        use("add_tasks", tasks=[{"name": "Build", "taskType": "DEVELOPMENT"}]),
        use("claim_next_task"),
        of_task("report_progress", message="Half of it"),
        of_task("complete_task", outputData={"built": True}),
        {"text": "All done."},
    ]
    with scripted_model(steps) as model:
        told = run(
            tmp_path,
            *("-p", "Go.", "--session-id", SESSION, "--output-format", "stream-json", "--verbose"),
            *("--mcp-config", str(configuration), "--strict-mcp-config", "--allowedTools", "mcp__ccgraph"),
            model=model,
        )
    assert "All done." in told, told

    async def stored() -> tuple[Any, ...]:
        async with open_database(settings) as database, database.transaction() as connection:
            rows = await connection.exec_driver_sql(
                "SELECT status, output_data ->> 'built',"
                " (SELECT string_agg(name, ', ' ORDER BY type DESC) FROM cc_instances),"
                " (SELECT count(*) FROM task_logs), (SELECT count(*) FROM ultrathink_messages)"
                " FROM tasks WHERE assigned_to = $1",
                (SESSION,),
            )
            return tuple(rows.one())

    assert asyncio.run(stored()) == ("COMPLETED", "true", "Lead, Worker", 1, 1)


def _task_in(results: list[str]) -> str:
    """The task that was claimed, out of what the tools have said."""
    ids = re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", results[2])
    return str(ids[0])
