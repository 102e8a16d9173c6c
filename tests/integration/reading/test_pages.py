"""Walks through whole lists, page by page: every row once, in order, also while rows come and go."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from hypothesis import note
from hypothesis.strategies import DataObject, booleans, integers, lists, sampled_from
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gql.context import Context
from gql.execution.api import Api
from services.core.database import Database
from services.core.principal import Origin, Principal
from tests.integration.reading.conftest import CATALOG, POLICY, SCHEMA, Asker, Json, ask
from tests.support.drawing import Loop, drive, examples
from tests.support.factories import AnyRow, make_instance, make_project, make_task, make_user
from tests.support.plain.rows import read_world
from tests.support.queries import QueryWriter
from tests.support.stored import stored
from tests.support.world import make_world

EXAMPLES = examples(40)

ORDERS: list[list[dict[str, Any]]] = [
    [],
    [{"priority": "DESC"}],
    [{"completedAt": "ASC_NULLS_FIRST"}, {"priority": "ASC"}],
    [{"completedAt": "DESC_NULLS_LAST"}, {"description": "DESC"}],
    [{"assignedTo": {"name": "ASC"}}, {"status": "DESC"}],
    [{"assignedTo": {"name": "DESC_NULLS_LAST"}}],
    [{"inputData": {"at": ["a"], "direction": "DESC"}}],
    [{"inputData": {"at": ["a"], "direction": "ASC_NULLS_FIRST"}}, {"completedAt": "DESC"}],
]
SEARCHES: list[tuple[list[dict[str, Any]] | None, str]] = [
    (None, "東京"),
    ([{"rank": "ASC"}], "東京 error"),
    ([{"priority": "ASC"}], "東"),
]
EXACT = [
    '{"a": 0.12345678901234567890123}',
    '{"a": 0.12345678901234567890124}',
    '{"a": 90071992547409931}',
    '{"a": 90071992547409932}',
    f'{{"a": 1{"0" * 400}}}',
    '{"a": "0.1"}',
    '{"a": [1, null]}',
    '{"a": {"b": "\\"\\\\東"}}',
    '{"a": null}',
    "{}",
]
"""Numbers that differ in digits which no double keeps, and everything else that jsonb puts in order."""

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

LIST = """query ($o: [TaskOrder!], $s: String, $f: Int, $l: Int, $a: String, $b: String) {
  tasks(orderBy: $o, search: $s, first: $f, last: $l, after: $a, before: $b) {
    nodes { id } pageInfo { startCursor endCursor hasNextPage hasPreviousPage }
  }
}"""


async def make_tasks(connection: AsyncConnection, count: int, chance: random.Random) -> AnyRow:
    """Tasks full of ties and NULLs, in a project of the person who is returned."""
    ann = await make_user(connection)
    project = await make_project(connection, owner_id=ann.id)
    keys = {"project_id": project.project_id}
    instances = [await make_instance(connection, **keys, name=name) for name in ("東", "b", "b")]
    for _ in range(count):
        await add_task(connection, project.project_id, instances, chance)
    return ann


async def add_task(
    connection: AsyncConnection, project_id: object, instances: list[AnyRow], chance: random.Random
) -> str:
    task = await make_task(
        connection,
        project_id=project_id,
        priority=chance.randint(1, 3),
        description=chance.choice([None, "東京 error", "東京 東京", "error"]),
        assigned_to=chance.choice([None, *(instance.id for instance in instances)]),
        completed_at=chance.choice([None, NOON, NOON + timedelta(microseconds=1)]),
    )
    # As text, because Python would lose the digits that matter here.
    await connection.execute(
        text("UPDATE tasks SET input_data = CAST(:data AS jsonb) WHERE id = :id"),
        {"data": chance.choice([None, *EXACT]), "id": task.id},
    )
    return str(task.id)


class Walk:
    """One list in one order, read forwards or backwards in pages of random sizes."""

    def __init__(self, asker: Asker, viewer: AnyRow, backward: bool, **arguments: Any) -> None:
        self.asker = asker
        self.viewer = viewer
        self.backward = backward
        self.arguments = arguments
        self.cursor: str | None = None
        self.ended = False

    async def page(self, size: int) -> list[str]:
        """The next page's keys, in the direction of the walk."""
        place = {"l": size, "b": self.cursor} if self.backward else {"f": size, "a": self.cursor}
        found = (await self.asker.ask(LIST, self.viewer, **self.arguments, **place))["tasks"]
        info, keys = found["pageInfo"], [node["id"] for node in found["nodes"]]
        self.ended = not info["hasPreviousPage" if self.backward else "hasNextPage"]
        self.cursor = info["startCursor" if self.backward else "endCursor"] or self.cursor
        return keys[::-1] if self.backward else keys


async def test_both_ways_through_a_list_every_row_comes_once_and_in_order(
    asker: Asker, connection: AsyncConnection
) -> None:
    chance = random.Random(5)
    ann = await make_tasks(connection, 60, chance)
    searches: list[tuple[Any, Any]] = [
        (None, "東京"),
        ([{"rank": "ASC"}], "東京 error"),
        ([{"priority": "ASC"}], "東"),
    ]
    for order, words in [*((order, None) for order in ORDERS), *searches]:
        arguments = {name: value for name, value in (("o", order), ("s", words)) if value is not None}
        expected = [node["id"] for node in (await asker.ask(LIST, ann, f=500, **arguments))["tasks"]["nodes"]]
        assert len(expected) == 60 if words is None else len(expected) > 10
        for backward in (False, True):
            walk, found = Walk(asker, ann, backward, **arguments), list[str]()
            while not walk.ended:
                found += await walk.page(chance.randint(1, 25))
            assert found == (expected[::-1] if backward else expected), (order, words, backward)


async def test_a_page_has_as_many_rows_as_asked_for_and_tells_of_more(
    asker: Asker, connection: AsyncConnection
) -> None:
    ann = await make_tasks(connection, 3, random.Random(7))
    whole = (await asker.ask(LIST, ann))["tasks"]
    keys = [node["id"] for node in whole["nodes"]]
    for size in range(5):
        for place, ahead, expected in (
            ("f", "hasNextPage", keys[:size]),
            ("l", "hasPreviousPage", keys[max(3 - size, 0) :]),
        ):
            page = (await asker.ask(LIST, ann, **{place: size}))["tasks"]
            assert [node["id"] for node in page["nodes"]] == expected, (place, size)
            assert page["pageInfo"][ahead] is (size < 3), (place, size)
            first, last = page["pageInfo"]["startCursor"], page["pageInfo"]["endCursor"]
            assert (first is None, last is None) == (not size, not size), (place, size)
            if size:
                near = "startCursor" if place == "f" else "endCursor"
                assert page["pageInfo"][near] == whole["pageInfo"][near]


async def test_rows_that_stay_come_once_while_others_come_and_go(
    asker: Asker, connection: AsyncConnection
) -> None:
    chance = random.Random(6)
    ann = await make_tasks(connection, 50, chance)
    instances = list(await connection.execute(text("SELECT * FROM cc_instances")))
    for number, order in enumerate(ORDERS * 2):
        walk = Walk(asker, ann, backward=number % 2 == 1, o=order)
        there = {str(key) for (key,) in await connection.execute(text("SELECT id FROM tasks"))}
        gone: set[str] = set()
        found: list[str] = []
        while not walk.ended:
            found += await walk.page(chance.randint(1, 12))
            # Also the row at which the cursor stands may go, and its equals may come.
            going = {*chance.sample(sorted(there - gone), 2), *found[-1:]} - gone
            gone |= going
            await connection.execute(text("DELETE FROM tasks WHERE id = ANY(:ids)"), {"ids": sorted(going)})
            for _ in range(len(going)):
                await add_task(connection, instances[0].project_id, instances, chance)
        assert len(found) == len(set(found)), order
        assert there - gone <= set(found), order


async def test_every_list_can_be_walked_in_any_order_by_anybody(
    database: Database, connection: AsyncConnection, database_url: str
) -> None:
    await make_world(connection, 3)
    reader = await asyncpg.connect(database_url)
    world = await read_world(reader, CATALOG)
    await reader.close()
    people = world.rows["User"]
    api = Api(SCHEMA, CATALOG)

    def walk(draw: DataObject, loop: Loop) -> None:
        writer = QueryWriter(SCHEMA._schema, CATALOG, world, draw)
        table = draw.draw(sampled_from(sorted(stored(CATALOG), key=lambda each: each.name)))
        person = draw.draw(sampled_from(people))
        context = Context(database, Origin(), POLICY, Principal(person["id"], "x", person["is_admin"]))
        entries = [writer.order(table, 2) for _ in range(draw.draw(integers(0, 2)))]
        order = f", orderBy: {writer.literal(entries)}" if entries else ""
        backward = draw.draw(booleans())
        sizes = draw.draw(lists(integers(1, 5), min_size=12, max_size=12))
        note(f"{table.connection} {order} as {person['id']}, backward: {backward}, pages: {sizes}")
        edges = f"{{ edges {{ cursor node {{ __typename {' '.join(c.field for c in table.order)} }} }} }}"

        def listed(arguments: str) -> list[Json]:
            text = f"{{ list: {table.connection}({arguments}{order}) {edges} }}"
            found: list[Json] = loop.wait(ask(api, context, text))["list"]["edges"]
            return found

        expected = listed("first: 500")
        found: list[Json] = []
        for size in sizes:
            near = "last" if backward else "first"
            beyond = "before" if backward else "after"
            place = f', {beyond}: "{found[-1]["cursor"]}"' if found else ""
            page = listed(f"{near}: {size}{place}")
            found += page[::-1] if backward else page
            if not page:
                break
        assert found == (expected[::-1] if backward else expected)[: len(found)]
        assert len(found) >= min(len(expected), sum(sizes))

    await drive(walk, EXAMPLES)
