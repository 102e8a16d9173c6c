"""The same question asked by many at once, and who may share an answer."""

import asyncio

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.integration.reading.conftest import Asker
from tests.support.factories import make_project, make_user

QUERY = "query ($name: String!) { projects(where: {name: {eq: $name}}) { totalCount nodes { name } } }"


async def test_a_crowd_with_one_question_costs_two_statements(
    asker: Asker, connection: AsyncConnection
) -> None:
    ann = await make_user(connection)
    await make_project(connection, owner_id=ann.id, name="docks")
    await asker.ask(QUERY, ann, name="docks")
    asker.statements.clear()
    results = await asyncio.gather(*(asker.execute(QUERY, ann, name="docks") for _ in range(30)))
    assert len({result.body for result in results}) == 1
    assert orjson.loads(results[0].body)["data"]["projects"]["totalCount"] == 1
    assert len(asker.planned) == 2


async def test_others_with_the_same_question_get_their_own_answers(
    asker: Asker, connection: AsyncConnection
) -> None:
    ann, ben = await make_user(connection), await make_user(connection)
    await make_project(connection, owner_id=ann.id, name="docks")
    results = await asyncio.gather(
        *(asker.execute(QUERY, viewer, name="docks") for viewer in (ann, ben) * 10),
        *(asker.execute(QUERY, ann, name="cranes") for _ in range(10)),
    )
    counts = [orjson.loads(result.body)["data"]["projects"]["totalCount"] for result in results]
    assert counts == [1, 0] * 10 + [0] * 10
