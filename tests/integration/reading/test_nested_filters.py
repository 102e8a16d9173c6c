"""Filters and orders through related tables: bounded, and planned in little time up to the bound."""

import time
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from gql.planner.statement import DEEPEST_RELATIONS, MOST_RELATIONS
from tests.integration.reading.conftest import Asker
from tests.support.factories import make_project, make_task, make_user
from tests.support.pace import delay

LIST = (
    "query ($w: TaskWhere, $o: [TaskOrder!]) { tasks(first: 1, where: $w, orderBy: $o) { nodes { name } } }"
)
SECONDS = 20.0
"""On any machine: what grows with the square of the relations, or faster, takes longer."""


def literal(value: object) -> str:
    """The same value in a document."""
    if isinstance(value, dict):
        return "{" + " ".join(f"{name}: {literal(inner)}" for name, inner in value.items()) + "}"
    return f'"{value}"'


@pytest.mark.parametrize("relations", [DEEPEST_RELATIONS, DEEPEST_RELATIONS + 2, 80])
async def test_a_filter_leads_through_a_few_tables(
    asker: Asker, connection: AsyncConnection, relations: int
) -> None:
    ann = await make_user(connection)
    project = await make_project(connection, owner_id=ann.id)
    await make_task(connection, project_id=project.project_id, name="wanted")
    where: dict[str, Any] = {"name": {"eq": "wanted"}}
    for _ in range(relations // 2):
        where = {"project": {"tasks": {"some": where}}}
    for query, variables in (
        (LIST, {"w": where}),
        (f"{{ tasks(first: 1, where: {literal(where)}) {{ nodes {{ name }} }} }}", {}),
        (LIST, {"w": {"or": [{"not": where}, {"and": [where]}]}}),
    ):
        began = time.monotonic()
        if relations <= DEEPEST_RELATIONS:
            found = await asker.ask(query, ann, **variables)
            assert found["tasks"]["nodes"] == [{"name": "wanted"}]
        else:
            error = await asker.refusal(query, ann, **variables)
            assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
            assert error["extensions"]["field"].startswith("tasks.where")
        assert time.monotonic() - began < SECONDS * delay()


async def test_an_order_leads_through_a_few_tables(asker: Asker, connection: AsyncConnection) -> None:
    ann = await make_user(connection)
    order: dict[str, Any] = {"name": "ASC"}
    for _ in range(DEEPEST_RELATIONS + 1):
        order = {"parent": order}
    query = "query ($o: [CcInstanceOrder!]) { ccInstances(orderBy: $o) { nodes { id } } }"
    error = await asker.refusal(query, ann, o=[order])
    assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"


async def test_all_filters_of_a_statement_count_together_and_are_planned_in_little_time(
    asker: Asker, connection: AsyncConnection
) -> None:
    ann = await make_user(connection)
    project = await make_project(connection, owner_id=ann.id)
    await make_task(connection, project_id=project.project_id, name="wanted")
    chain: dict[str, Any] = {"name": {"eq": "wanted"}}
    for _ in range(DEEPEST_RELATIONS // 2):
        chain = {"project": {"tasks": {"some": chain}}}
    most = MOST_RELATIONS // DEEPEST_RELATIONS
    wide = {"project": {"tasks": {"some": {"name": {"eq": "wanted"}}}}}
    for within in ({"and": [chain] * most}, {"or": [chain] * most}, {"and": [wide] * (MOST_RELATIONS // 2)}):
        began = time.monotonic()
        found = await asker.ask(LIST, ann, w=within)
        assert found["tasks"]["nodes"] == [{"name": "wanted"}]
        assert time.monotonic() - began < SECONDS * delay()
    for beyond in ({"and": [chain] * (most + 1)}, {"or": [wide] * (MOST_RELATIONS // 2 + 1)}):
        error = await asker.refusal(LIST, ann, w=beyond)
        assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    aliases = " ".join(f"a{n}: tasks(where: $w) {{ totalCount nodes {{ id }} }}" for n in range(30))
    error = await asker.refusal(f"query ($w: TaskWhere) {{ {aliases} }}", ann, w=wide)
    assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
