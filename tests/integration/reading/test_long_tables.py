"""Pages of tables that grow for ever, for somebody who may see little of them."""

from collections.abc import Iterator
from typing import Any

import asyncpg
import orjson
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from gql.request.limits import Limits
from gql.request.preparation import Preparation
from models import policy
from tests.integration.reading.conftest import CATALOG, SCHEMA, Asker
from tests.support.factories import (
    AnyRow,
    make_file_operation,
    make_instance,
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
        looked_at = {}
        for name in ("new", "few", "other"):
            text = await connection.fetchval(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {plan.sql}", *plan.bind(people[name].id, {})
            )
            looked_at[name] = sum(rows_of("file_operations", orjson.loads(text)[0]["Plan"]))
    finally:
        await connection.close()
    assert looked_at["new"] == 0
    assert looked_at["few"] <= 3 + 3, "those that are counted, and those of the page"
    assert looked_at["other"] >= 5, "this is how the others are counted"


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
        text = await plain.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {plan.sql}", *plan.bind(few.id, {}))
        assert sum(rows_of("cc_usage", orjson.loads(text)[0]["Plan"])) <= 3 + 2, (
            "counted, and those of the page"
        )
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
        text = await plain.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {plan.sql}", *plan.bind(person.id, {}))
        looked_at = sum(rows_of("tasks", orjson.loads(text)[0]["Plan"]))
    finally:
        await plain.close()
    assert looked_at == 2 * 10


def rows_of(table: str, node: dict[str, Any]) -> Iterator[float]:
    """How many rows of a table each part of a plan has looked at."""
    if node.get("Relation Name", "").startswith(table):
        each = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        yield each * node["Actual Loops"]
    for inner in node.get("Plans", ()):
        yield from rows_of(table, inner)
