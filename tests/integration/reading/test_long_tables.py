"""Pages of tables that grow for ever, for somebody who may see little of them."""

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from gql.request.limits import Limits
from gql.request.preparation import Preparation
from models import policy
from tests.integration.reading.conftest import CATALOG, SCHEMA, Asker
from tests.support.explaining import looked_at, planning
from tests.support.factories import (
    AnyRow,
    make_collaboration_session,
    make_file_operation,
    make_instance,
    make_participant,
    make_project,
    make_session,
    make_usage,
    make_user,
)

NEWEST = """{ fileOperations(first: 5, orderBy: [{createdAt: DESC}], where: {success: {eq: true}}) {
  nodes { filePath } pageInfo { hasNextPage } } }"""
OTHERS = 40
"""Rows of somebody else."""


@pytest.fixture
async def people(connection: AsyncConnection) -> dict[str, AnyRow]:
    """Three people who have none, three and ten file operations, the oldest of all."""
    found = {name: await make_user(connection) for name in ("new", "few", "many", "other")}
    for name, count in (("few", 3), ("many", 10), ("other", OTHERS)):
        session = await make_session(connection, user_id=found[name].id)
        for number in range(count):
            await make_file_operation(
                connection,
                user_id=found[name].id,
                session_id=session.session_id,
                file_path=f"{name}/{number}",
                success=number != 1,
            )
    await connection.exec_driver_sql("ANALYZE")
    return found


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four rows are few."""
    monkeypatch.setattr(policy, "SMALL", 4)


async def test_everybody_gets_the_same_page_whichever_way_it_is_found(
    asker: Asker, people: dict[str, AnyRow]
) -> None:
    assert {name: await page(asker, viewer) for name, viewer in people.items()} == {
        "new": ([], False),
        "few": (["few/2", "few/0"], False),
        "many": ([f"many/{number}" for number in (9, 8, 7, 6, 5)], True),
        "other": ([f"other/{number}" for number in range(OTHERS - 1, OTHERS - 6, -1)], True),
    }


async def page(asker: Asker, viewer: AnyRow) -> tuple[list[str], bool]:
    """The paths, and whether there are more."""
    found = (await asker.ask(NEWEST, viewer))["fileOperations"]
    return [node["filePath"] for node in found["nodes"]], found["pageInfo"]["hasNextPage"]


async def test_who_sees_few_rows_does_not_make_postgresql_look_at_the_others(
    database_url: str, people: dict[str, AnyRow]
) -> None:
    operation = Preparation(SCHEMA._schema, Limits()).operation(NEWEST, None)
    plan = operation.root_plan(CATALOG, {}, is_admin=False).plan
    assert plan is not None
    connection = await asyncpg.connect(database_url)
    try:
        # So small a table is read as a whole unless that is forbidden.
        await connection.execute("SET enable_seqscan = off")
        found = {
            name: await looked_at(connection, "file_operations", plan.sql, *plan.bind(people[name].id, {}))
            for name in ("new", "few", "other")
        }
    finally:
        await connection.close()
    assert found["new"] == 0
    assert found["few"] <= 3 + 3, "those that are counted, and those of the page"
    assert found["other"] >= 5, "this is how the others are counted"


LATEST = """{ sessions(first: 5, orderBy: [{id: DESC}]) {
  totalCount nodes { name } pageInfo { hasNextPage } } }"""
SESSIONS_OF_ANOTHER = 50


@pytest.fixture
async def seers(connection: AsyncConnection) -> dict[str, AnyRow]:
    """Three people who see no session, three by three rules, and ten; most sessions are those of others."""
    found = {name: await make_user(connection) for name in ("new", "few", "many")}
    owned = await make_project(connection, collaborators=[{"user_id": found["few"].id, "role": "viewer"}])
    await make_session(connection, user_id=found["few"].id, name="own")
    # Seen by two rules, and there once.
    await make_session(connection, user_id=found["few"].id, project_id=owned.id, name="of the project")
    shared = await make_session(connection, name="shared")
    lent = await make_collaboration_session(connection, session_id=shared.session_id)
    await make_participant(connection, collaboration_session_id=lent.id, user_id=found["few"].id)
    for number in range(10):
        await make_session(connection, user_id=found["many"].id, name=f"many {number}")
    for _ in range(OTHERS):
        project = await make_project(connection)
        await connection.exec_driver_sql(
            "INSERT INTO sessions (user_id, project_id, name)"
            " SELECT $1, $2, 'of another' FROM generate_series(1, $3::integer)",
            (project.owner_id, project.id, SESSIONS_OF_ANOTHER),
        )
    await connection.exec_driver_sql("ANALYZE")
    return found


async def test_sessions_are_listed_and_counted_by_each_rule(asker: Asker, seers: dict[str, AnyRow]) -> None:
    found = {}
    for name, viewer in seers.items():
        listed = (await asker.ask(LATEST, viewer))["sessions"]
        names = [node["name"] for node in listed["nodes"]]
        found[name] = (names, listed["pageInfo"]["hasNextPage"], listed["totalCount"])
    assert found == {
        "new": ([], False, 0),
        "few": (["shared", "of the project", "own"], False, 3),
        "many": ([f"many {number}" for number in (9, 8, 7, 6, 5)], True, 10),
    }


async def test_sessions_of_others_are_not_looked_at_for_who_sees_few(
    database_url: str, seers: dict[str, AnyRow]
) -> None:
    operation = Preparation(SCHEMA._schema, Limits()).operation(LATEST, None)
    plan = operation.root_plan(CATALOG, {}, is_admin=False).plan
    assert plan is not None
    async with planning(database_url) as plain:
        await plain.execute(f"PREPARE latest (integer) AS {plan.sql}")
        found = {
            name: await looked_at(plain, "sessions", f"EXECUTE latest ({viewer.id})")
            for name, viewer in seers.items()
        }
    assert found["new"] == 0
    assert found["few"] <= 4 + 3 + 4, "those of each rule that are counted, of the page, and of the total"
    assert found["many"] >= 10


async def test_usage_that_is_ones_own_or_of_ones_project_is_found_without_that_of_others(
    connection: AsyncConnection, asker: Asker, database_url: str
) -> None:
    few, other = await make_user(connection), await make_user(connection)
    projects = {person.id: await make_project(connection, owner_id=person.id) for person in (few, other)}
    instances = {
        person: await make_instance(connection, project_id=project.project_id)
        for person, project in projects.items()
    }
    for person, count in ((few.id, 1), (other.id, OTHERS)):
        for number in range(count):
            await make_usage(
                connection, cc_instance_id=instances[person].id, user_id=person, input_tokens=10 + number
            )
    for _ in range(30):
        stranger = await make_project(connection)
        of_stranger = await make_instance(connection, project_id=stranger.project_id)
        await connection.exec_driver_sql(
            "INSERT INTO cc_usage (cc_instance_id, project_id, user_id, requested_at)"
            " SELECT $1, $2, $3, now() FROM generate_series(1, 60)",
            (of_stranger.id, stranger.project_id, stranger.owner_id),
        )
    # Of the person and in a project of another one; it is there once for each of them.
    await make_usage(connection, cc_instance_id=instances[other.id].id, user_id=few.id, input_tokens=100)
    await connection.exec_driver_sql("ANALYZE")
    query = """{ ccUsage(orderBy: [{inputTokens: ASC}]) {
        totalCount nodes { inputTokens } aggregate { sum { inputTokens } } } }"""

    found = (await asker.ask(query, few))["ccUsage"]
    assert found == {
        "totalCount": 2,
        "nodes": [{"inputTokens": tokens} for tokens in (10, 100)],
        "aggregate": {"sum": {"inputTokens": "110"}},
    }
    assert (await asker.ask(query, other))["ccUsage"]["totalCount"] == OTHERS + 1

    page_alone = "{ ccUsage(orderBy: [{inputTokens: ASC}]) { nodes { inputTokens } } }"
    operation = Preparation(SCHEMA._schema, Limits()).operation(page_alone, None)
    plan = operation.root_plan(CATALOG, {}, is_admin=False).plan
    assert plan is not None
    plain = await asyncpg.connect(database_url)
    try:
        await plain.execute("SET enable_seqscan = off")
        read = await looked_at(plain, "cc_usage", plan.sql, *plan.bind(few.id, {}))
        assert read <= 3 + 2, "counted, and those of the page"
    finally:
        await plain.close()


async def test_figures_for_a_person_of_few_projects_look_at_no_rows_of_others(
    connection: AsyncConnection, asker: Asker, database_url: str
) -> None:
    person = await make_user(connection)
    own = await make_project(connection, owner_id=person.id)
    shared = await make_project(connection, collaborators=[{"user_id": person.id, "role": "viewer"}])
    public = await make_project(connection, is_public=True)
    # A project that is there by each of the rules counts once.
    all_of_it = await make_project(
        connection, owner_id=person.id, is_public=True, collaborators=[{"user_id": person.id}]
    )
    others = [await make_project(connection) for _ in range(30)]
    tasks = "INSERT INTO tasks (project_id, name, status, task_type)"
    for project, count in (
        (own, 1),
        (shared, 2),
        (public, 3),
        (all_of_it, 4),
        *((one, 100) for one in others),
    ):
        await connection.exec_driver_sql(
            f"{tasks} SELECT $1, 'task', 'PENDING', 'development' FROM generate_series(1, $2::integer)",
            (project.project_id, count),
        )
    await connection.exec_driver_sql("ANALYZE")
    query = "{ tasks { totalCount groups(by: [STATUS]) { count avg { priority } } } }"
    assert (await asker.ask(query, person))["tasks"] == {
        "totalCount": 10,
        "groups": [{"count": 10, "avg": {"priority": 5.0}}],
    }

    operation = Preparation(SCHEMA._schema, Limits()).operation(query, None)
    plan = operation.root_plan(CATALOG, {}, is_admin=False).plan
    assert plan is not None
    plain = await asyncpg.connect(database_url, server_settings={"random_page_cost": "1.1"})  # as all are
    try:
        read = await looked_at(plain, "tasks", plan.sql, *plan.bind(person.id, {}))
    finally:
        await plain.close()
    assert read == 2 * 10
