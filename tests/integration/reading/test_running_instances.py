"""Lists and totals of the instances that run."""

from sqlalchemy.ext.asyncio import AsyncConnection

from gql.request.limits import Limits
from gql.request.preparation import Preparation
from tests.integration.reading.conftest import CATALOG, SCHEMA, Asker
from tests.support.explaining import looked_at, planning
from tests.support.factories import make_project, make_user

QUERY = """{ ccInstances(first: 50, where: {status: {eq: RUNNING}}, orderBy: [{lastHeartbeat: DESC}]) {
  totalCount nodes { name } } }"""
RUNNING, STOPPED, OTHERS = 3, 100, 30


async def test_only_those_of_the_persons_projects_that_run_are_read(
    connection: AsyncConnection, asker: Asker, database_url: str
) -> None:
    viewer = await make_user(connection)
    own = await make_project(connection, owner_id=viewer.id)
    for project in (own, *[await make_project(connection) for _ in range(OTHERS)]):
        await connection.exec_driver_sql(
            "INSERT INTO cc_instances (project_id, name, type, status, last_heartbeat)"
            " SELECT $1, 'cc ' || number, 'PARENT',"
            " CASE WHEN number <= $2::integer THEN 'RUNNING' ELSE 'STOPPED' END,"
            " now() - number * interval '1 s'"
            " FROM generate_series(1, $2::integer + $3::integer) AS number",
            (project.project_id, RUNNING, STOPPED),
        )
    await connection.exec_driver_sql("ANALYZE")
    found = (await asker.ask(QUERY, viewer))["ccInstances"]
    assert found["totalCount"] == RUNNING
    assert [node["name"] for node in found["nodes"]] == ["cc 1", "cc 2", "cc 3"]

    operation = Preparation(SCHEMA._schema, Limits()).operation(QUERY, None)
    plan = operation.root_plan(CATALOG, {}, is_admin=False).plan
    assert plan is not None
    async with planning(database_url) as plain:
        read = await looked_at(plain, "cc_instances", plan.sql, *plan.bind(viewer.id, {}))
    assert read == 2 * RUNNING, "those of the total and those of the page"
