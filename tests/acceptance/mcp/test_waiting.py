"""Calls that take long: they tell how far they are, end with their client, and with the server."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from app.config.settings import Settings
from app.database.pools import open_database
from app.mcp.call import Call
from app.mcp.rows import HeldRow, TaskRow, read_claimed, read_task
from services.core.errors import ServiceUnavailable
from services.tasks.claims import Claim, claim_next
from services.tasks.claims import claim as claim_this
from services.writing.action import Action
from tests.acceptance.mcp.conftest import Held
from tests.support.agents import LEGACY, MODERN, NONE_READY, Agent, Person, agents
from tests.support.clock import turns
from tests.support.leaving import next_loss
from tests.support.serving import served
from tests.support.waiting import PATIENCE, until

TASK: list[dict[str, Any]] = [{"name": "Late", "taskType": "TESTING"}]


async def _status(settings: Settings) -> list[Any]:
    async with open_database(settings) as database, database.transaction() as connection:
        rows = await connection.exec_driver_sql("SELECT status, lease_expires_at IS NOT NULL FROM tasks")
        return [tuple(row) for row in rows]


async def test_a_worker_waits_for_its_task(lead: Agent, held: Held) -> None:
    waiting = asyncio.create_task(lead.call("claim_next_task", waitSeconds=50))
    await until(lambda: held.calls == 1)
    [task] = (await lead.call("add_tasks", tasks=TASK))["tasks"]
    assert (await waiting)["task"]["id"] == task["id"]


async def test_a_wait_ends_when_its_time_is_over(lead: Agent) -> None:
    assert await lead.call("claim_next_task", waitSeconds=1) == NONE_READY


async def test_a_task_becomes_ready_for_those_who_wait(lead: Agent, held: Held) -> None:
    plan = [
        {"label": "a", **TASK[0]},
        {"label": "b", "name": "Next", "taskType": "DESIGN", "dependsOn": ["a"]},
    ]
    first = (await lead.call("add_tasks", tasks=plan))["tasks"][0]["id"]
    await lead.call("claim_next_task")
    waiting = asyncio.create_task(lead.call("claim_next_task", waitSeconds=50))
    await until(lambda: held.calls == 1)
    await lead.call("complete_task", taskId=first)
    assert (await waiting)["task"]["name"] == "Next"


async def test_what_takes_long_says_how_far_it_is(lead: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.mcp.tools.claims.TOLD_EVERY", 0.1)
    arguments = {"name": "claim_next_task", "arguments": {"waitSeconds": 50}}
    async with lead.stream("tools/call", progress="p1", **arguments) as messages:
        told = [await anext(messages) for _ in range(3)]
        await lead.call("add_tasks", tasks=TASK)
        told += [message async for message in messages]
    *progress, answer = told
    assert answer["result"]["structuredContent"]["task"]["name"] == "Late"
    assert {message["method"] for message in progress} == {"notifications/progress"}
    assert {message["params"]["progressToken"] for message in progress} == {"p1"}
    values = [message["params"]["progress"] for message in progress]
    assert values == sorted(values)

    plan = [{"name": f"Task {number}", "taskType": "TESTING"} for number in range(30)]
    arguments = {"name": "add_tasks", "arguments": {"tasks": plan}}
    async with lead.stream("tools/call", progress="p2", **arguments) as messages:
        told = [message async for message in messages]
    assert [message["params"]["progress"] for message in told[:-1]] == [10, 20, 30]


async def test_who_goes_away_claims_nothing_more(lead: Agent, settings: Settings, held: Held) -> None:
    arguments = {"name": "claim_next_task", "arguments": {"waitSeconds": 50}}
    gone = asyncio.create_task(_read(lead, arguments))
    await until(lambda: held.calls == 1)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    await until(lambda: held.calls == 0)
    await lead.call("add_tasks", tasks=TASK)
    assert await _status(settings) == [("PENDING", False)]


async def _claim_next(lead: Agent) -> dict[str, Any]:
    return {"name": "claim_next_task", "arguments": {}}


async def _wait_for_next(lead: Agent) -> dict[str, Any]:
    return {"name": "claim_next_task", "arguments": {"waitSeconds": 30}}


async def _claim_this(lead: Agent) -> dict[str, Any]:
    [task] = (await lead.call("get_available_tasks"))["ready"]
    return {"name": "update_task_status", "arguments": {"taskId": task["id"], "status": "RUNNING"}}


@pytest.mark.parametrize("verb", [_claim_next, _wait_for_next, _claim_this])
@pytest.mark.parametrize("place", ["while it is claimed", "before it is answered"])
async def test_what_a_call_claimed_that_is_broken_off_is_given_back(
    lead: Agent,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    verb: Callable[[Agent], Awaitable[dict[str, Any]]],
) -> None:
    claimed, lost = threading.Event(), next_loss(monkeypatch)

    async def linger() -> None:
        claimed.set()
        await until(lost.is_set)
        await turns(200)  # in which the call hears of it

    async def claim_slowly(action: Action, claim: Claim) -> UUID | None:
        task_id = await claim_next(action, claim)
        await linger()
        return task_id

    async def claim_this_slowly(action: Action, task_id: UUID, claimed: Claim) -> UUID | None:
        taken = await claim_this(action, task_id, claimed)
        await linger()
        return taken

    async def read_slowly(call: Call, task_id: UUID) -> TaskRow:
        task = await read_task(call, task_id)
        if task.status == "RUNNING":
            await linger()
        return task

    async def read_claimed_slowly(
        call: Call, task_id: UUID | None, instance: UUID
    ) -> tuple[TaskRow | None, list[HeldRow]]:
        found = await read_claimed(call, task_id, instance)
        if task_id is not None:
            await linger()
        return found

    await lead.call("add_tasks", tasks=TASK)
    arguments = await verb(lead)
    if place == "while it is claimed":
        monkeypatch.setattr("services.tasks.claims.claim_next", claim_slowly)
        monkeypatch.setattr("services.tasks.claims.claim", claim_this_slowly)
    else:
        monkeypatch.setattr("app.mcp.tools.claims.read_claimed", read_claimed_slowly)
        monkeypatch.setattr("app.mcp.tools.tasks.read_task", read_slowly)
    gone = asyncio.create_task(_read(lead, arguments))
    await until(claimed.is_set)
    assert await _status(settings) == [("RUNNING", True)]
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)

    async def is_back() -> bool:
        return await _status(settings) == [("QUEUED", False)]

    await until(is_back)
    monkeypatch.undo()
    assert (await lead.call("claim_next_task"))["task"]["status"] == "RUNNING"


async def test_a_claim_from_before_is_kept_when_a_call_that_finds_it_is_broken_off(
    lead: Agent, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, answered = threading.Event(), threading.Event()
    lost = next_loss(monkeypatch)

    async def read_slowly(call: Call, task_id: UUID) -> TaskRow:
        task = await read_task(call, task_id)
        if reading.is_set():  # the second time, after the claim
            await until(lost.is_set)
            await turns(200)
            answered.set()
        reading.set()
        return task

    await lead.call("add_tasks", tasks=TASK)
    arguments = await _claim_this(lead)
    await lead.call(arguments["name"], **arguments["arguments"])
    monkeypatch.setattr("app.mcp.tools.tasks.read_task", read_slowly)
    gone = asyncio.create_task(_read(lead, arguments))
    await until(reading.is_set)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)

    await until(answered.is_set)
    await asyncio.sleep(0.5)  # what would give it back is a transaction
    assert await _status(settings) == [("RUNNING", True)]


async def test_a_claim_that_cannot_be_told_of_is_given_back(
    lead: Agent, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(call: Call, task_id: UUID | None, instance: UUID) -> NoReturn:
        raise ServiceUnavailable("The database is away.")

    await lead.call("add_tasks", tasks=TASK)
    monkeypatch.setattr("app.mcp.tools.claims.read_claimed", fail)

    assert (await lead.refusal("claim_next_task")).startswith("SERVICE_UNAVAILABLE")
    assert await _status(settings) == [("QUEUED", False)]


async def _read(agent: Agent, arguments: dict[str, Any]) -> None:
    async with agent.stream("tools/call", **arguments) as messages:
        async for _ in messages:
            pass


async def test_waits_are_counted_as_subscriptions(
    settings: Settings, person: Person, revision: str, held: Held
) -> None:
    with served(settings.model_copy(update={"maximum_subscriptions": 2})) as server:
        async with agents(server.url) as client:
            agent = Agent(client, "/mcp", person.token, revision, UUID(str(uuid7())))
            await agent.call("join_project")
            waits = [asyncio.create_task(agent.call("claim_next_task", waitSeconds=50)) for _ in range(2)]
            await until(lambda: held.calls == 2)
            assert (await agent.refusal("claim_next_task", waitSeconds=50)).startswith("QUOTA_EXCEEDED: ")
            await agent.call("add_tasks", tasks=TASK * 2)
            assert all(answer["task"] for answer in await asyncio.gather(*waits))


async def test_a_wait_ends_with_its_token(lead: Agent, settings: Settings, held: Held) -> None:
    waiting = asyncio.create_task(lead.refusal("claim_next_task", waitSeconds=50))
    await until(lambda: held.calls == 1)
    async with open_database(settings) as database, database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE auth_tokens SET is_active = false")
    assert (await waiting).startswith("UNAUTHENTICATED: ")


async def test_a_server_that_stops_lets_waits_return(settings: Settings, person: Person, held: Held) -> None:
    async with asyncio.timeout(PATIENCE):
        with served(settings.model_copy(update={"shutdown_timeout": int(PATIENCE)})) as server:
            async with agents(server.url) as client:
                agent = Agent(client, "/mcp", person.token, LEGACY, UUID(str(uuid7())))
                await agent.call("join_project")
                waiting = asyncio.create_task(agent.call("claim_next_task", waitSeconds=50))
                await until(lambda: held.calls == 1)
                began = time.monotonic()
                server.stop()
                assert await waiting == NONE_READY
                assert time.monotonic() - began < 40, "it waited to the end"


@pytest.mark.parametrize("revision", [MODERN])  # the older one has no stream of changes without a session
async def test_changes_of_resources_are_told(lead: Agent, other: Agent) -> None:
    tasks = (await lead.call("add_tasks", tasks=[*TASK, {"name": "Quiet", "taskType": "DESIGN"}]))["tasks"]
    loud, quiet = (f"ccgraph://tasks/{task['id']}" for task in tasks)
    wanted = {
        "resourceSubscriptions": [loud, quiet, "ccgraph://tasks/nonsense"],
        "resourcesListChanged": True,
    }
    async with (
        lead.stream("subscriptions/listen", notifications=wanted) as messages,
        other.stream("subscriptions/listen", notifications={"resourceSubscriptions": [loud]}) as foreign,
    ):
        first = await anext(messages)
        assert first["method"] == "notifications/subscriptions/acknowledged"
        assert first["params"]["notifications"] == {
            "resourceSubscriptions": [loud, quiet],
            "resourcesListChanged": True,
        }
        assert (await anext(foreign))["params"]["notifications"] == {}
        await lead.call("update_task_status", taskId=tasks[0]["id"], status="RUNNING")
        async with asyncio.timeout(PATIENCE):
            told = await anext(messages)
        assert told["method"] == "notifications/resources/updated"
        assert told["params"]["uri"] == loud
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await anext(foreign)


@pytest.mark.parametrize("revision", [MODERN])
async def test_a_stream_follows_so_many_resources(lead: Agent) -> None:
    wanted = {"resourceSubscriptions": [f"ccgraph://tasks/{UUID(int=number)}" for number in range(21)]}
    assert "at most 20" in (await lead.error("subscriptions/listen", notifications=wanted))["message"]


@pytest.mark.parametrize("revision", [MODERN])
async def test_a_stream_ends_with_its_token(lead: Agent, settings: Settings) -> None:
    wanted = {"resourceSubscriptions": [f"ccgraph://instances/{lead.instance}"]}
    async with lead.stream("subscriptions/listen", notifications=wanted) as messages:
        await anext(messages)
        async with open_database(settings) as database, database.transaction() as connection:
            await connection.exec_driver_sql("UPDATE auth_tokens SET is_active = false")
        async with asyncio.timeout(PATIENCE):
            last = await anext(messages)
        assert "result" in last


async def test_what_is_said_is_recorded(lead: Agent, settings: Settings) -> None:
    await lead.call("add_tasks", tasks=TASK)
    claimed = (await lead.call("claim_next_task"))["task"]
    await lead.refusal("complete_task", taskId=UUID(int=7))
    await lead.refusal("log", message="password=hunter2hunter2", instance="nonsense")
    await lead.call("complete_task", taskId=claimed["id"], outputData={"password": "hunter2hunter2"})

    async def calls() -> list[Any]:
        async with open_database(settings) as database, database.transaction() as connection:
            rows = await connection.exec_driver_sql(
                "SELECT tool_name, call.status, execution_time_ms IS NOT NULL, call.arguments::text"
                " FROM mcp_tool_calls call JOIN mcp_messages message ON message.id = message_id"
                " WHERE call.cc_instance_id = $1 AND call.server_name = 'ccgraph'"
                " AND message.server_name = 'ccgraph' AND call.status <> 'running'"
                " ORDER BY call.started_at",
                (lead.instance,),
            )
            return [tuple(row) for row in rows]

    async def all_there() -> bool:
        return len(await calls()) >= 5

    await until(all_there, PATIENCE)
    found = await calls()
    assert [(name, status, timed) for name, status, timed, _ in found] == [
        ("join_project", "completed", True),
        ("add_tasks", "completed", True),
        ("claim_next_task", "completed", True),
        ("complete_task", "failed", True),
        ("complete_task", "completed", True),
    ]
    assert not any("hunter2" in arguments for *_, arguments in found)


async def test_a_call_that_is_broken_off_is_recorded_so(lead: Agent, settings: Settings, held: Held) -> None:
    arguments = {"name": "claim_next_task", "arguments": {"waitSeconds": 50}}
    gone = asyncio.create_task(_read(lead, arguments))
    await until(lambda: held.calls == 1)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)

    async def failed() -> bool:
        async with open_database(settings) as database, database.transaction() as connection:
            rows = await connection.exec_driver_sql(
                "SELECT count(*) FROM mcp_tool_calls"
                " WHERE tool_name = 'claim_next_task' AND status = 'failed'"
            )
            return bool(rows.scalar_one() == 1)

    await until(failed, PATIENCE)


async def test_a_claim_whose_answer_was_lost_is_told_with_the_next_one(lead: Agent) -> None:
    await lead.call("add_tasks", tasks=[TASK[0], {"name": "Other", "taskType": "DESIGN"}])
    lost = (await lead.call("claim_next_task"))["task"]  # the client never saw it
    told = {"id": lost["id"], "name": lost["name"], "leaseExpiresAt": lost["leaseExpiresAt"]}

    second = await lead.call("claim_next_task")
    assert second["task"]["name"] == "Other"
    assert second["alsoHeld"] == [told]
    assert f"You hold besides: Late ({lost['id']}, until" in second["hint"]

    await lead.call("release_task", taskId=second["task"]["id"])
    await lead.call("claim_next_task")
    none = await lead.call("claim_next_task")
    assert {row["name"] for row in none["alsoHeld"]} == {"Late", "Other"}
    assert "task" not in none

    for row in none["alsoHeld"]:
        await lead.call("complete_task", taskId=row["id"])
    assert await lead.call("claim_next_task") == NONE_READY
