"""Who sees what: exactly the rows of docs/security.md, and nothing by any detour."""

import os
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

import asyncpg
import orjson
import pytest
from hypothesis import note
from hypothesis.strategies import DataObject, integers, sampled_from
from sqlalchemy.ext.asyncio import AsyncConnection

from gql.context import Context
from gql.execution.api import Api, OperationRequest
from gql.planner.catalog import TableType
from gql.request.limits import Limits
from models import policy
from services.core.database import Database
from services.core.principal import Origin, Principal
from tests.integration.reading.conftest import CATALOG, POLICY, SCHEMA, ask
from tests.support.cast import add_cast
from tests.support.drawing import Loop, drive
from tests.support.narrowing import narrowed
from tests.support.plain.rows import World, read_world
from tests.support.plain.values import shown
from tests.support.plain.visibility import Seer
from tests.support.queries import Query, QueryWriter
from tests.support.world import make_world

EXAMPLES = int(os.environ.get("EXAMPLES", "80"))
UNBOUNDED = Limits(depth=100, aliases=1_000, tokens=100_000, cost=10**12)
COUNT_HIDDEN_ROWS = frozenset({"isReady"})
"""docs/security.md names it: an answer that leaves out hidden tasks would be wrong."""


@dataclass
class Stage:
    """A random world with people of every kind in it, and the database as each of them may know it."""

    database: Database
    url: str
    world: World
    people: dict[str, Seer]
    _opened: AsyncExitStack = field(default_factory=AsyncExitStack)
    _narrowed: dict[Seer, Database] = field(default_factory=dict)

    async def narrowed(self, seer: Seer) -> Database:
        """The database without whatever the seer may not see."""
        if seer not in self._narrowed:
            reader = await self._opened.enter_async_context(narrowed(self.url, self.world, seer))
            self._narrowed[seer] = replace(self.database, reader=reader, primary=reader)
        return self._narrowed[seer]

    async def close(self) -> None:
        """Forget what was narrowed."""
        await self._opened.aclose()


@pytest.fixture(params=[(11, policy.FEW), (12, 1)], ids=["few", "many"])
async def stage(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    database: Database,
    connection: AsyncConnection,
    database_url: str,
) -> AsyncIterator[Stage]:
    """Worlds in which all that anybody sees of a long table counts as few rows, or two of them as many."""
    seed, few = request.param
    monkeypatch.setattr(policy, "FEW", few)
    await make_world(connection, seed)
    cast = await add_cast(connection, random.Random(seed))
    reader = await asyncpg.connect(database_url)
    world = await read_world(reader, CATALOG)
    await reader.close()
    people = {f"person {row['id']}": Seer(row["id"], bool(row["is_admin"])) for row in world.rows["User"][:9]}
    people |= {kind: Seer(row.id, bool(row.is_admin)) for kind, row in cast.items()}
    made = Stage(database, database_url, world, people)
    yield made
    await made.close()


def context(database: Database, seer: Seer) -> Context:
    return Context(database, Origin(), POLICY, Principal(seer.user_id, "x", seer.is_admin))


async def test_everybody_sees_exactly_the_rows_that_are_theirs_to_see(stage: Stage) -> None:
    api = Api(SCHEMA, CATALOG, UNBOUNDED)
    lists = " ".join(
        f"{table.name}: {table.connection}(first: 500)"
        f" {{ totalCount nodes {{ {' '.join(column.field for column in table.order)} }} }}"
        for table in CATALOG.types.values()
    )
    for seer in stage.people.values():
        found = await ask(api, context(stage.database, seer), f"{{ {lists} }}")
        for table in CATALOG.types.values():
            expected = [
                {column.field: shown(column, row[column.name]) for column in table.order}
                for row in stage.world.visible(seer, table.name)
            ]
            assert found[table.name]["nodes"] == expected, (seer, table.name)
            assert found[table.name]["totalCount"] == len(expected)


def test_the_people_of_the_stage_see_what_their_kinds_should(stage: Stage) -> None:
    sees = {
        kind: {table: len(stage.world.visible(seer, table)) for table in ("Session", "Project", "Task")}
        for kind, seer in stage.people.items()
    }
    public = sees["stranger"]["Project"]
    assert sees["administrator"]["Session"] > 4
    assert sees["stranger"]["Session"] == 0
    assert sees["guest"] == {**sees["stranger"], "Session": 1}
    assert [sees[kind]["Session"] for kind in ("late", "gone", "refused", "host")] == [0, 0, 0, 0]
    assert [sees[kind]["Project"] for kind in ("owner", "editor", "viewer")] == [public + 1] * 3


async def test_no_relation_leads_to_what_one_may_not_see(stage: Stage) -> None:
    api = Api(SCHEMA, CATALOG, UNBOUNDED)
    for kind in ("editor", "guest", "stranger", "person 2"):
        seer = stage.people[kind]
        narrowed = await stage.narrowed(seer)
        for table in CATALOG.types.values():
            document = every_relation(table)
            whole = await ask(api, context(stage.database, seer), document)
            assert whole == await ask(api, context(narrowed, seer), document), (kind, document)


def every_relation(table: TableType) -> str:
    """A document that goes through each relation of a table in every way: shown, filtered and ordered by."""
    key = " ".join(column.field for column in table.order)
    shown = [key]
    if table.name == "CcInstance":
        shown.append("depth ancestors { nodes { id } } descendants { nodes { id } }")
    arguments = []
    for relation in table.relations.values():
        target = CATALOG.types[relation.target]
        name, field = relation.field, target.order[0].field
        keys = " ".join(column.field for column in target.order)
        if relation.is_list:
            shown.append(f"{name} {{ totalCount nodes {{ {keys} }} }}")
            nothing = f"{{{field}: {{isNull: true}}}}"
            arguments += [
                f"where: {{{name}: {{{condition}}}}}"
                for condition in ("some: {}", "none: {}", f"every: {nothing}")
            ]
        else:
            shown.append(f"{name} {{ {keys} }}")
            arguments += [
                f"orderBy: [{{{name}: {{{field}: ASC}}}}]",
                f"where: {{{name}: {{{field}: {{isNull: false}}}}}}",
            ]
    lists = [
        f"by{number}: {table.connection}(first: 500, {argument}) {{ nodes {{ {key} }} }}"
        for number, argument in enumerate(arguments)
    ]
    return f"{{ all: {table.connection}(first: 500) {{ nodes {{ {' '.join(shown)} }} }} {' '.join(lists)} }}"


async def test_what_one_may_not_see_changes_no_answer(stage: Stage) -> None:
    api = Api(SCHEMA, CATALOG, UNBOUNDED)
    people = sorted(kind for kind, seer in stage.people.items() if not seer.is_admin)

    def compare(draw: DataObject, loop: Loop) -> None:
        kind = draw.draw(sampled_from(people))
        seer = stage.people[kind]
        writer = QueryWriter(
            SCHEMA._schema, CATALOG, stage.world, draw, search=True, without=COUNT_HIDDEN_ROWS
        )
        query = writer.write() if draw.draw(integers(0, 5)) else _continued(stage, writer, draw, loop)
        note(f"{kind}: {seer}\n{query.text}\n{query.variables}")
        databases = (stage.database, loop.wait(stage.narrowed(seer)))
        whole, narrowed = (
            loop.wait(api.execute(OperationRequest(query.text, query.variables), context(each, seer))).body
            for each in databases
        )
        assert orjson.loads(whole) == orjson.loads(narrowed)
        assert whole == narrowed

    await drive(compare, EXAMPLES)


def _continued(stage: Stage, writer: QueryWriter, draw: DataObject, loop: Loop) -> Query:
    """A list in some order, from the cursor of a row that an administrator sees in it."""
    table = writer.pick(CATALOG.types.values())
    order = writer.literal([writer.order(table, 2) for _ in range(draw.draw(integers(1, 2)))])
    edges = f"list: {table.connection}(first: 500, orderBy: {order}) {{ edges {{ cursor }} }}"
    api = Api(SCHEMA, CATALOG, UNBOUNDED)
    found = loop.wait(ask(api, context(stage.database, stage.people["administrator"]), f"{{ {edges} }}"))[
        "list"
    ]["edges"]
    cursor = writer.pick(found)["cursor"] if found else ""
    near, beyond = writer.pick([("first", "after"), ("last", "before")])
    text = (
        f"query ($c: String) {{ list: {table.connection}({near}: 4, {beyond}: $c, orderBy: {order}) {{"
        f" nodes {{ {' '.join(table.columns)} }} totalCount pageInfo {{ hasNextPage endCursor }} }} }}"
    )
    return Query(text, {"c": cursor})
