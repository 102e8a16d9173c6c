"""The best first of rows that share their texts: the same page whichever way it is found."""

import random
from collections.abc import Iterator
from typing import Any

import asyncpg
import orjson
import pytest
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncConnection

from gql.planner import ranking
from gql.request.limits import Limits
from gql.request.preparation import Preparation
from tests.integration.reading.conftest import CATALOG, SCHEMA, Asker
from tests.support.factories import AnyRow, make_file_operation, make_session, make_user

QUERY = """query ($search: String!, $first: Int, $after: String) {
  list: fileOperations(search: $search, first: $first, after: $after) {
    nodes { id } pageInfo { hasNextPage endCursor } } }"""

RANKED = """
SELECT id FROM file_operations,
    LATERAL (SELECT ccgraph_tsvector(translate(file_path, '/._-', '    ')) AS words) AS of_row,
    LATERAL (SELECT ccgraph_tsquery(translate(:search, '/._-', '    ')) AS wanted) AS of_search
WHERE words @@ wanted AND (user_id = :person OR :is_admin)
ORDER BY ts_rank(words, wanted) DESC, id DESC
"""

WAYS: dict[str, dict[str, Any]] = {
    "all looked up": {},
    "the best looked up, the others walked to": {"LOOKED_UP": 1, "COMBINATIONS": 2},
    "walked to": {"LOOKED_UP": 0, "COMBINATIONS": 0},
    "walked to at the second attempt": {"LOOKED_UP": 0, "COMBINATIONS": 0, "WALKS": (1, 200)},
    "looked up, and not found near": {"LOOKED_UP": 2, "COMBINATIONS": 4, "WALKS": (0, 1)},
    "not found near": {"LOOKED_UP": 0, "COMBINATIONS": 0, "WALKS": (0, 0)},
}
"""What the constants of the planner are."""

WORDS = ("src", "main", "test", "設定", "東京都")


@pytest.fixture
async def people(connection: AsyncConnection) -> dict[bool, AnyRow]:
    """An administrator and a person, who have written to many files with few paths, in several months."""
    found = {is_admin: await make_user(connection, is_admin=is_admin) for is_admin in (True, False)}
    chance = random.Random(1)
    paths = ["/".join(chance.choices(WORDS, k=chance.randint(1, 5))) + ".py" for _ in range(12)]
    sessions = [
        await make_session(connection, user_id=person.id) for person in found.values() for _ in range(2)
    ]
    for number in range(80):
        session = chance.choice(sessions)
        row = await make_file_operation(
            connection, user_id=session.user_id, session_id=session.session_id, file_path=chance.choice(paths)
        )
        # The order of time is not that of the keys.
        await connection.execute(
            sql("UPDATE file_operations SET created_at = now() - :days * interval '1 day' WHERE id = :id"),
            {"days": number * 37 % 100, "id": row.id},
        )
    return found


async def walk(asker: Asker, viewer: AnyRow, search: str, first: int) -> list[int]:
    """The keys of a list that is read in pages."""
    keys: list[int] = []
    after = None
    while True:
        found = (await asker.ask(QUERY, viewer, search=search, first=first, after=after))["list"]
        keys += [int(node["id"]) for node in found["nodes"]]
        after = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            return keys


@pytest.mark.parametrize("is_admin", [True, False], ids=["administrator", "person"])
@pytest.mark.parametrize("way", WAYS)
async def test_the_best_come_first_and_of_those_alike_the_newest(
    asker: Asker,
    connection: AsyncConnection,
    people: dict[bool, AnyRow],
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    is_admin: bool,
) -> None:
    for name, value in WAYS[way].items():
        monkeypatch.setattr(ranking, name, value)
    viewer = people[is_admin]
    for search in (*WORDS, "src main", "main/test", "東京", "京都", "nothing", ""):
        given = {"search": search, "person": viewer.id, "is_admin": is_admin}
        expected = list((await connection.execute(sql(RANKED), given)).scalars())
        for first in (1, 3, 500):
            assert await walk(asker, viewer, search, first) == expected, (search, first)
        assert expected or search not in WORDS


async def test_operations_that_do_not_belong_to_the_best_are_not_looked_at(
    connection: AsyncConnection, people: dict[bool, AnyRow], database_url: str
) -> None:
    session = await make_session(connection, user_id=people[False].id)
    await connection.execute(
        sql(
            "INSERT INTO file_operations (session_id, user_id, operation_type, file_path, created_at)"
            " SELECT :session, :person, 'read', 'zebra/' || n % 5, now() - n * interval '1 minute'"
            " FROM generate_series(1, 2000) AS n"
        ),
        {"session": session.session_id, "person": people[False].id},
    )
    await connection.execute(
        sql(
            "INSERT INTO file_operations (session_id, user_id, operation_type, file_path, created_at)"
            " SELECT :session, :person, 'read', 'zebra/zebra', now() - interval '40 days'"
            " FROM generate_series(1, 3) AS n"
        ),
        {"session": session.session_id, "person": people[False].id},
    )
    await connection.exec_driver_sql("ANALYZE")
    await connection.commit()
    # Two pages more than the best path fills: of the others each is asked for its newest.
    assert await rows_read(database_url, people[True], is_admin=True, first=3) <= 3 + 5 * 4
    assert await rows_read(database_url, people[False], is_admin=False, first=3) < 2_100


async def test_postgresql_knows_how_many_operations_a_path_has(
    connection: AsyncConnection, people: dict[bool, AnyRow], database_url: str
) -> None:
    """Of few it would read all, and put them in order, in place of the newest by an index."""
    session = await make_session(connection, user_id=people[False].id)
    await connection.execute(
        sql(
            "INSERT INTO file_operations (session_id, user_id, operation_type, file_path, created_at)"
            " SELECT :session, :person, 'read', 'zebra/' || n % 50, date_trunc('month', now())"
            " FROM generate_series(1, 5000) AS n"
        ),
        {"session": session.session_id, "person": people[False].id},
    )
    await connection.exec_driver_sql("ANALYZE")
    await connection.commit()
    plan = await plan_of(database_url, people[True], is_admin=True, first=3)
    expected = max(
        node["Plan Rows"]
        for node in nodes(plan)
        if "Relation Name" in node
        and "hashtextextended" in node.get("Index Cond", node.get("Recheck Cond", ""))
    )
    assert expected >= 100 / 4


async def rows_read(database_url: str, viewer: AnyRow, *, is_admin: bool, first: int) -> int:
    """How many rows of file_operations PostgreSQL read for a page."""
    plan = await plan_of(database_url, viewer, is_admin=is_admin, first=first)
    return sum(
        node["Actual Rows"] * node["Actual Loops"]
        for node in nodes(plan)
        if str(node.get("Relation Name", "")).startswith("file_operations_")
    )


async def plan_of(database_url: str, viewer: AnyRow, *, is_admin: bool, first: int) -> dict[str, Any]:
    """What PostgreSQL does for a page, and how long."""
    given: dict[str, Any] = {"search": "zebra", "first": first}
    operation = Preparation(SCHEMA._schema, Limits()).operation(QUERY, None)
    variables = operation.variables(SCHEMA._schema, given).coerced
    plan = operation.root_plan(CATALOG, variables, is_admin=is_admin).plan
    assert plan is not None
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("SET enable_seqscan = off")
        text = await connection.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {plan.sql}", *plan.bind(viewer.id, variables)
        )
    finally:
        await connection.close()
    found: dict[str, Any] = orjson.loads(text)[0]["Plan"]
    return found


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan and all in it."""
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes(inner)
