"""Many agents at once: every task goes to one of them (benchmarks/agents.py does it with ten thousand)."""

import asyncio
from collections import Counter

import httpx
from uuid_utils.compat import uuid7

from app.config.settings import Settings
from app.database.pools import open_database
from services.core.principal import Principal
from services.writing.creating import create_row
from services.writing.rows import uuid_key
from tests.support.acting import action
from tests.support.agents import Agent, Person

AGENTS, TASKS = 20, 150


async def test_each_task_is_claimed_once(
    client: httpx.AsyncClient, settings: Settings, person: Person, revision: str
) -> None:
    async with open_database(settings) as database:
        owner = action(database, Principal(person.user_id, "lead", is_admin=False))
        instances = []
        for number in range(AGENTS):
            given = {"project_id": person.project_id, "name": f"Agent {number}"}
            instances.append(uuid_key(await create_row(owner, "cc_instances", given)))
        async with database.transaction() as connection:
            await connection.exec_driver_sql(
                "INSERT INTO tasks (project_id, name, task_type, priority)"
                " SELECT $1, number, 'testing', 1 + number % 10 FROM generate_series(1, $2) AS number",
                (person.project_id, TASKS),
            )
    won: list[str] = []

    async def work(agent: Agent) -> None:
        while task := (await agent.call("claim_next_task", leaseSeconds=3600)).get("task"):
            won.append(task["id"])
            done = await agent.call("complete_task", taskId=task["id"])
            assert done["task"]["status"] == "COMPLETED"

    await asyncio.gather(
        *(work(Agent(client, "/mcp", person.token, revision, instance)) for instance in instances)
    )
    assert len(won) == TASKS
    assert Counter(won).most_common(1)[0][1] == 1


async def test_a_call_that_is_sent_twice_at_once_is_one(lead: Agent) -> None:
    child = {"name": "Worker", "instruction": "Begin", "idempotencyKey": "k"}
    made = await asyncio.gather(*(lead.result("create_child_cc", **child) for _ in range(8)))
    ids = {one["structuredContent"]["instance"]["id"] for one in made if not one.get("isError")}
    assert len(ids) == 1
    assert (await lead.call("fleet_status"))["count"] == 2
    plan = [{"name": "Once", "taskType": "DESIGN"}]
    await asyncio.gather(*(lead.result("add_tasks", tasks=plan, idempotencyKey="k") for _ in range(8)))
    assert (await lead.call("fleet_status"))["tasks"] == {"PENDING": 1}
    fresh = str(uuid7())
    again = await asyncio.gather(*(lead.call("join_project", name="New", instance=fresh) for _ in range(8)))
    assert {one["instance"]["id"] for one in again} == {fresh}
    joined = await asyncio.gather(*(lead.call("join_project") for _ in range(4)))
    assert len({one["instance"]["id"] for one in joined}) == 1
