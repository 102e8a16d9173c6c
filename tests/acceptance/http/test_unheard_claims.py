"""A claim over /graphql whose client leaves before it is answered: the task is for others again."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any
from uuid import UUID

import httpx
import pytest
from uuid_utils.compat import uuid7

from app.config.settings import Settings
from app.database.pools import open_database
from services.tasks.claims import Claim, claim, claim_next
from services.writing.action import Action
from tests.support.agents import MODERN, Agent, Person, agents, enrol
from tests.support.clock import turns
from tests.support.graphql_ws import logged_in
from tests.support.leaving import next_loss
from tests.support.serving import LiveServer
from tests.support.waiting import PATIENCE, until

NEXT = "mutation ($instance: UUID!) { claimNextTask(input: {ccInstanceId: $instance}) { task { name } } }"
THIS = """
mutation ($instance: UUID!, $task: UUID!) {
  claimTask(input: {ccInstanceId: $instance, taskId: $task}) { task { name } }
}
"""

Ask = Callable[[LiveServer, str, dict[str, Any]], Coroutine[Any, Any, Any]]


async def _over_http(server: LiveServer, token: str, body: dict[str, Any]) -> Any:
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        headers = {"authorization": f"Bearer {token}"}
        return (await client.post(f"{server.url}/graphql", json=body, headers=headers)).json()["data"]


async def _over_a_socket(server: LiveServer, token: str, body: dict[str, Any]) -> Any:
    async with logged_in("ws" + server.url.removeprefix("http"), token) as socket:
        await socket.say(id="1", type="subscribe", payload=body)
        return await socket.next()


@pytest.fixture
def person(settings: Settings) -> Person:
    """Whose project it is."""
    return asyncio.run(enrol(settings, "lead"))


@pytest.fixture
async def lead(person: Person, live_server: LiveServer) -> AsyncIterator[Agent]:
    """An agent in the project, whose connection stays."""
    async with agents(live_server.url) as client:
        joined = Agent(client, "/mcp", person.token, MODERN, UUID(str(uuid7())))
        await joined.call("join_project", project=person.project_id)
        yield joined


@pytest.mark.parametrize("ask", [_over_http, _over_a_socket])
@pytest.mark.parametrize("document", [NEXT, THIS], ids=["next", "this"])
async def test_a_task_whose_claimant_has_left_is_given_back(
    person: Person,
    lead: Agent,
    live_server: LiveServer,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    ask: Ask,
    document: str,
) -> None:
    [task] = (await lead.call("add_tasks", tasks=[{"name": "Late", "taskType": "TESTING"}]))["tasks"]
    claimed, lost = threading.Event(), next_loss(monkeypatch)

    async def linger() -> None:
        claimed.set()
        await until(lost.is_set)
        await turns(200)  # in which the operation hears of it

    async def claim_next_slowly(action: Action, asked: Claim) -> UUID | None:
        taken = await claim_next(action, asked)
        await linger()
        return taken

    async def claim_slowly(action: Action, task_id: UUID, asked: Claim) -> UUID | None:
        taken = await claim(action, task_id, asked)
        await linger()
        return taken

    monkeypatch.setattr("services.tasks.claims.claim_next", claim_next_slowly)
    monkeypatch.setattr("services.tasks.claims.claim", claim_slowly)
    variables = {"instance": str(lead.instance), **({"task": task["id"]} if document == THIS else {})}
    body = {"query": document, "variables": variables}
    gone = asyncio.create_task(ask(live_server, person.token, body))
    await until(claimed.is_set)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)

    async def is_back() -> bool:
        async with open_database(settings) as database, database.transaction() as connection:
            rows = await connection.exec_driver_sql("SELECT status, lease_expires_at FROM tasks")
            return [tuple(row) for row in rows] == [("QUEUED", None)]

    await until(is_back)
    monkeypatch.undo()
    [payload] = (await ask(live_server, person.token, body)).values()
    assert payload["task"] == {"name": "Late"}
