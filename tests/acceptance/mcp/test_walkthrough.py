"""The walkthrough of docs/agents.md played by real Claude Codes: a lead and three workers."""

import asyncio
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.support.agents import Agent, agents
from tests.support.bridges import CCGRAPH
from tests.support.processes import serving
from tests.support.scripted_model import Step, choosing_model
from tests.support.sse import open_stream
from tests.support.waiting import PATIENCE, until

ROOT: Final = Path(__file__).parents[3]
FLEET: Final = (ROOT / "docs/agents.md").read_text().partition("## A fleet in five minutes")[2]
SCRIPTS: Final = json.loads((ROOT / "tests/data/agents/walkthrough.json").read_text())
CLAUDE: Final = shutil.which("claude")
PROJECT: Final = "Pages of the documentation"

pytestmark = pytest.mark.skipif(
    CLAUDE is None, reason="Claude Code is not installed (npm install --global @anthropic-ai/claude-code)"
)


def block(language: str, having: str) -> str:
    """The text of the one block of code of the walkthrough that has this in it."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", FLEET, re.DOTALL | re.MULTILINE)
    [found] = [text for text in blocks if having in text]
    return str(found)


def said_in_words() -> str:
    """What the lead is told."""
    quoted = FLEET.partition("\n> ")[2].partition("\n\n")[0]
    return quoted.replace("\n> ", " ")


def choose(asked: str, said: int, results: Sequence[str]) -> Step:
    """The next step of a lead or a worker, as the scripts say."""
    [script] = [script for script in SCRIPTS.values() if script["when"] in asked]
    steps, rounds = script["steps"], script.get("round", [])
    number = re.search(r"as worker (\d)", asked)
    if said < len(steps):
        step = steps[said]
    elif rounds and not (results and re.search(script["over"], results[-1])):
        step = rounds[(said - len(steps)) % len(rounds)]
    else:
        step = script.get("end", {"text": "Done."})
    tasks = [found[1] for text in results if (found := re.search(r'"task":\{"id":"([0-9a-f-]{36})"', text))]
    filled = json.dumps(step).replace("@project@", PROJECT)
    filled = filled.replace("@number@", number[1] if number else "").replace("@task@", (tasks or [""])[-1])
    return dict(json.loads(filled))


@dataclass(frozen=True, slots=True)
class Desk:
    """A person's machine: a server in one folder, a repository in another, and a scripted model."""

    url: str
    token: str
    folder: Path
    environment: dict[str, str]

    async def run(self, command: str) -> str:
        """What a command of the page writes, run as it stands there."""
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", command),
            cwd=self.folder,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                told, _ = await process.communicate()
        finally:
            with suppress(ProcessLookupError):
                process.kill()
        assert process.returncode == 0, told.decode()
        return told.decode()

    async def ask(self, query: str, **variables: Any) -> Any:
        """What the API answers to the person."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with httpx.AsyncClient(headers=headers, timeout=PATIENCE) as client:
            answer = await client.post(f"{self.url}/graphql", json={"query": query, "variables": variables})
        told = answer.json()
        assert "errors" not in told, told
        return told["data"]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    for name in ("serving", "repository", "home", "tmp"):
        (tmp_path / name).mkdir()
    assert "ccgraph serve --demo" in block("sh", "serve")
    # Servers and tokens are found in TMPDIR: no other server of this machine is.
    places = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}
    with (
        serving(["serve", "--demo"], tmp_path / "serving", **places) as server,
        choosing_model(choose) as model,
    ):
        environment = {
            **places,
            "PATH": f"{Path(CCGRAPH).parent}:{Path(str(CLAUDE)).parent}:{os.environ['PATH']}",
            "ANTHROPIC_API_KEY": "sk-ant-not-a-key",
            "ANTHROPIC_BASE_URL": model,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "MCP_TIMEOUT": f"{PATIENCE * 1000:.0f}",
        }
        yield Desk(server.url, server.demo_token(), tmp_path / "repository", environment)


MAKE_PROJECT: Final = (
    "mutation ($input: CreateProjectInput!) { createProject(input: $input) { project { projectId } } }"
)
TASKS: Final = """query ($project: UUID!) { tasks(first: 50, where: {projectId: {eq: $project}}) { nodes {
  id name status startedAt completedAt outputData assignedTo { name }
  blockedBy(first: 10) { nodes { name completedAt } } logs: taskLogs(first: 50) { nodes { message } }
} } }"""
CALLS: Final = """query ($project: UUID!, $tool: String!) {
  mcpToolCalls(first: 100, where: {ccInstance: {projectId: {eq: $project}}, toolName: {eq: $tool}}) {
    nodes { status arguments ccInstance { name } }
  } }"""


async def gathered(desk: Desk, told: list[Any]) -> None:
    """Put down what the live query of the page gives, each time that it is sent."""
    async with open_stream(desk.url, desk.token, block("graphql", "live {")) as stream:
        while True:
            told.append((await stream.next())["live"])


def counted(live: Any) -> Counter[str]:
    """How many tasks there are of each status, in a result of the live query."""
    return Counter({group["key"]["status"]: group["count"] for group in live["tasks"]["groups"]})


async def test_a_lead_and_three_workers_do_a_plan_as_the_page_says(desk: Desk) -> None:
    made = await desk.ask(MAKE_PROJECT, input={"name": PROJECT})
    project = made["createProject"]["project"]["projectId"]
    plan = [task["name"] for task in SCRIPTS["lead"]["steps"][1]["input"]["tasks"]]
    live: list[Any] = []
    watching = asyncio.create_task(gathered(desk, live))
    await until(lambda: bool(live) or watching.done())

    told = await desk.run(block("sh", "claude mcp add"))
    assert re.search(r"^ccgraph: ccgraph mcp - .*Connected", told, re.MULTILINE)
    goal = said_in_words().replace("PROJECT", PROJECT)
    assert "The tasks are there." in await desk.run(f'claude -p "{goal}" --allowedTools mcp__ccgraph')
    await until(lambda: counted(live[-1]).total() == counted(live[0]).total() + len(plan))
    worker = block("sh", "as worker 1").replace("PROJECT", PROJECT)
    done = await asyncio.gather(
        *(desk.run(worker.replace("worker 1", f"worker {number}")) for number in (1, 2, 3))
    )
    assert all("None is left." in said for said in done)

    # Each task is done once, by one of the three, and after those that it waited for.
    workers = {f"Worker {number}" for number in (1, 2, 3)}
    tasks = (await desk.ask(TASKS, project=project))["tasks"]["nodes"]
    assert sorted(task["name"] for task in tasks) == sorted(plan)
    for task in tasks:
        by = task["assignedTo"]["name"]
        assert (task["status"], task["outputData"]) == ("COMPLETED", {"by": by})
        assert by in workers
        assert [log["message"] for log in task["logs"]["nodes"]] == [f"{by} is half done."]
        assert all(before["completedAt"] <= task["startedAt"] for before in task["blockedBy"]["nodes"])
    assert {task["assignedTo"]["name"] for task in tasks} == workers

    # The live query has shown who works on what, and how far all of it is.
    await until(lambda: counted(live[-1])["COMPLETED"] == counted(live[0])["COMPLETED"] + len(plan))
    shown = [
        (one["name"], task["name"])
        for result in live
        for one in result["ccInstances"]["nodes"]
        for task in one["assignedTasks"]["nodes"]
        if one["name"] in workers and task["leaseExpiresAt"] and task["startedAt"]
    ]
    assert {name for name, _ in shown} == workers
    assert {(task["assignedTo"]["name"], task["name"]) for task in tasks} >= {*shown}
    watching.cancel()

    # Every call is recorded, once; who waited for work in vain was told after six seconds.
    calls: dict[str, list[Any]] = {}

    async def are_recorded() -> bool:
        for tool in ("claim_next_task", "complete_task"):
            found = await desk.ask(CALLS, project=project, tool=tool)
            calls[tool] = found["mcpToolCalls"]["nodes"]
        expected = {"claim_next_task": len(plan) + len(workers), "complete_task": len(plan)}
        return all(
            [call["status"] for call in calls[tool]] == ["COMPLETED"] * number
            for tool, number in expected.items()
        )

    await until(are_recorded)
    ended = calls["complete_task"]
    assert Counter(call["arguments"]["taskId"] for call in ended) == Counter(task["id"] for task in tasks)
    assert {call["ccInstance"]["name"] for call in ended} == workers
    recorded = (await desk.ask(block("graphql", 'serverName: {eq: "ccgraph"}')))["mcpToolCalls"]["nodes"]
    assert {call["ccInstance"]["name"] for call in recorded} <= {*workers, "Lead"}
    times = await desk.ask(block("graphql", "ToolTimes"))
    of_ccgraph = {
        group["key"]["toolName"]: group
        for group in times["all"]["groups"]
        if group["key"]["serverName"] == "ccgraph"
    }
    assert of_ccgraph["complete_task"]["count"] >= len(plan)
    assert of_ccgraph["claim_next_task"]["max"]["executionTimeMs"] >= 6_000

    async with agents(desk.url) as client:
        fleet = await Agent(client, "/mcp", desk.token).call("fleet_status", projectId=project)
    assert fleet["tasks"] == {"COMPLETED": len(plan)}
    assert {one["name"] for one in fleet["instances"]} == {*workers, "Lead"}
    assert not any(one["worksOn"] for one in fleet["instances"])
