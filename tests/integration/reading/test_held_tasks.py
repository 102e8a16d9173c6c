"""What a claim tells of the tasks that the instance holds besides."""

from uuid import uuid4

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.mcp.rows import _CLAIMED
from gql.request.limits import Limits
from gql.request.preparation import Preparation
from tests.integration.reading.conftest import CATALOG, SCHEMA
from tests.support.explaining import looked_at, planning
from tests.support.factories import make_instance, make_project

HELD = 200
TOLD = 5


async def test_of_many_tasks_that_an_instance_holds_only_those_that_are_told_are_read(
    connection: AsyncConnection, database_url: str
) -> None:
    project = await make_project(connection)
    instances = [await make_instance(connection, project_id=project.project_id) for _ in range(5)]
    for instance in instances:
        await connection.exec_driver_sql(
            "INSERT INTO tasks (project_id, name, status, task_type, assigned_to, started_at)"
            " SELECT $1, 'task ' || number, 'RUNNING', 'development', $2, now() + number * interval '1 s'"
            " FROM generate_series(1, $3::integer) AS number",
            (project.project_id, instance.id, HELD),
        )
    await connection.exec_driver_sql("ANALYZE")
    newest = (
        await connection.exec_driver_sql(
            "SELECT id FROM tasks WHERE assigned_to = $1 ORDER BY started_at DESC LIMIT 1", (instances[0].id,)
        )
    ).scalar_one()

    operation = Preparation(SCHEMA._schema, Limits()).operation(_CLAIMED, None)
    given = {"id": str(newest), "instance": str(instances[0].id)}
    variables = operation.variables(SCHEMA._schema, given).coerced
    plan = operation.root_plan(CATALOG, variables, is_admin=False).plan
    assert plan is not None
    bound = plan.bind(project.owner_id, variables)
    async with planning(database_url) as plain:
        answer = await plain.fetchrow(plan.sql, *bound)
        found = await looked_at(plain, "tasks", plan.sql, *bound)
    assert answer is not None
    held = orjson.loads(answer["held"])["nodes"]
    assert [task["name"] for task in held] == [f"task {number}" for number in range(1, TOLD + 1)]
    assert found <= 1 + TOLD + 1, "the claimed one, those that are told, and one that ends the last place"


async def test_what_asks_for_running_tasks_of_any_instance_does_not_read_the_index_of_held_ones(
    connection: AsyncConnection,
) -> None:
    await connection.exec_driver_sql("SET enable_seqscan = off")
    expired = "SELECT id FROM tasks WHERE status = 'RUNNING' AND lease_expires_at < now() AND project_id = $1"
    plan = (await connection.exec_driver_sql(f"EXPLAIN {expired}", (uuid4(),))).scalars().all()
    assert "Index" in "".join(plan)
    assert "idx_tasks_held" not in "".join(plan)
