"""Random queries, planned and executed plainly: the same JSON, for all kinds of people."""

from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import orjson
import pytest
from hypothesis import note
from hypothesis.strategies import DataObject
from sqlalchemy.ext.asyncio import AsyncConnection

from gql.context import Context
from gql.execution.api import Api, OperationRequest
from gql.execution.prepared import PreparedQuery
from gql.execution.runner import run, run_joined
from gql.planner.joining import join
from gql.request.limits import Limits
from models import policy
from services.core.database import Database
from services.core.principal import Origin, Principal
from tests.integration.reading.conftest import CATALOG, POLICY, SCHEMA
from tests.support.drawing import Loop, drive, examples
from tests.support.plain.execution import Plain
from tests.support.plain.rows import read_world
from tests.support.plain.values import alike
from tests.support.plain.visibility import Seer
from tests.support.queries import QueryWriter
from tests.support.world import make_world

EXAMPLES = examples(100)
UNBOUNDED = Limits(depth=100, aliases=1_000, tokens=100_000, cost=10**12)


@pytest.mark.long
@pytest.mark.parametrize(("seed", "few"), [(1, policy.SMALL), (2, 1)])
async def test_a_planned_query_equals_a_plain_execution(
    monkeypatch: pytest.MonkeyPatch,
    database: Database,
    connection: AsyncConnection,
    database_url: str,
    seed: int,
    few: int,
) -> None:
    monkeypatch.setattr(policy, "SMALL", few)
    await make_world(connection, seed)
    reader = await asyncpg.connect(database_url)
    world = await read_world(reader, CATALOG)
    await reader.close()
    plain = Plain(SCHEMA._schema, world)
    prepared = Api(SCHEMA, CATALOG, UNBOUNDED)
    general = Api(SCHEMA, CATALOG, UNBOUNDED, prepared=False)
    seers = [Seer(row["id"], bool(row["is_admin"])) for row in world.rows["User"]]

    def compare(draw: DataObject, loop: Loop) -> None:
        writer = QueryWriter(SCHEMA._schema, CATALOG, world, draw)
        query, seer = writer.write(), writer.pick(seers)
        note(f"{seer}\n{query.text}\n{query.variables}")
        expected = plain.execute(query.text, query.variables, seer)
        context = Context(database, Origin(), POLICY, Principal(seer.user_id, "x", seer.is_admin))
        for api in (prepared, prepared, general):
            result = loop.wait(api.execute(OperationRequest(query.text, query.variables), context))
            response = orjson.loads(result.body)
            note(f"expected {expected}\nfound    {response}")
            assert alike(response.get("data"), expected)
        request = OperationRequest(query.text, query.variables)
        asked = loop.wait(prepared.prepare(request, context))
        assert isinstance(asked, PreparedQuery)
        loop.wait(compare_joined(database, asked, seer.user_id))

    await drive(compare, EXAMPLES)


async def compare_joined(database: Database, asked: PreparedQuery, person: int) -> None:
    """Reads of one statement have the texts that each has by itself, also when their parameters differ."""
    plan = asked.planned.plan
    joined = None if plan is None else join(plan)
    if plan is None or joined is None:
        return
    given = [*plan.for_viewer(person, asked.parameters)]
    sets = [given, [other(value, number in joined.varying) for number, value in enumerate(given)], given]
    alone = [await run(plan, database.reader, parameters) for parameters in sets]
    assert [*map(tuple, await run_joined(joined, database.reader, sets))] == [*map(tuple, alone)]


def other(value: object, varies: bool) -> object:
    """Another value of the same type, where one is easily made."""
    match value:
        case str() if varies and value.isalpha():
            return value[::-1]
        case bool() | float() if varies:
            return not value if isinstance(value, bool) else value / 2
        case int() if varies:
            return value // 2
        case datetime() if varies:
            return value - timedelta(days=30)
        case UUID() if varies:
            return UUID(int=value.int ^ 1)
    return value
