"""The same question asked by many at once, and who may share an answer."""

import asyncio
from dataclasses import replace

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from gql.execution.api import OperationRequest
from services.core.fair_shares import FairShares
from tests.integration.reading.conftest import Asker
from tests.support.factories import make_project, make_user
from tests.support.waiting import until

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


async def test_nobody_shares_a_statement_that_waits_for_the_turn_of_another_person(
    asker: Asker, connection: AsyncConnection
) -> None:
    ann, ben = await make_user(connection, is_admin=True), await make_user(connection, is_admin=True)
    database = replace(asker.database, reading=FairShares(1, most_waiting=1, longest_wait=0.3))
    patient = replace(asker.context(ann), database=database), replace(asker.context(ben), database=database)
    request = OperationRequest(QUERY, {"name": "docks"})
    async with database.reading.of(ann.id):
        waiting = asyncio.create_task(asker.api.execute(request, patient[0]))
        await until(lambda: database.reading.waiting(ann.id) == 1)
        assert (await asker.api.execute(request, patient[1])).errors == ()
        crowded = await asker.api.execute(OperationRequest(QUERY, {"name": "cranes"}), patient[0])
        assert crowded.errors == ("RATE_LIMITED",)
        assert (await waiting).errors == ("RATE_LIMITED",)
    assert (await asker.api.execute(request, patient[0])).errors == ()


async def test_the_payload_of_a_change_waits_although_many_do(
    asker: Asker, connection: AsyncConnection
) -> None:
    ann = await make_user(connection)
    database = replace(asker.database, reading=FairShares(1, most_waiting=1))
    context = replace(asker.context(ann), database=database)
    change = OperationRequest('mutation { createProject(input: {name: "docks"}) { project { name } } }')
    async with database.reading.of(ann.id):
        first = asyncio.create_task(asker.api.execute(OperationRequest(QUERY, {"name": "x"}), context))
        await until(lambda: database.reading.waiting(ann.id) == 1)
        second = asyncio.create_task(asker.api.execute(change, context))
        await until(lambda: database.reading.waiting(ann.id) == 2)
    assert (await first).errors == ()
    assert orjson.loads((await second).body) == {"data": {"createProject": {"project": {"name": "docks"}}}}
