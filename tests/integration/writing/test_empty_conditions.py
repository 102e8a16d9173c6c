"""A mutation by filter is refused where its filter lost a condition on the way."""

from typing import Any

import pytest
from sqlalchemy import text

from gql.planner.names import upper_first
from gql.types.types import CATALOG
from services.core.database import Database
from services.writing.tables import TABLES
from tests.integration.writing.asking import MUTATIONS, Caller, mutation
from tests.integration.writing.conftest import Scene, World
from tests.support.factories import make_task

BULK = sorted(
    f"{verb}{upper_first(CATALOG.types[table.type_name].connection)}"
    for table in TABLES.values()
    if not table.append_only
    for verb in ("update", "delete")
)

EMPTY: list[dict[str, Any]] = [
    {},
    {"id": {}},
    {"and": []},
    {"or": []},
    {"and": [{}]},
    {"or": [{"priority": {"gt": 1}}, {}]},
    {"not": {}},
    {"project": {}},
    {"project": {"name": {}}},
    {"taskLogs": {}},
    {"taskLogs": {"every": {}}},
    {"taskLogs": {"some": {"id": {}}}},
    {"inputData": {}},
    {"inputData": {"path": {"at": ["a"]}}},
    {"priority": {"gt": 1}, "name": {}},
    {"id": {"notIn": []}},
    {"or": [{"priority": {"gt": 1}}, {"status": {"notIn": []}}]},
    {"not": {"id": {"in": []}}},
    {"not": {"or": [{"priority": {"gt": 1}, "id": {"in": []}}]}},
    {"taskLogs": {"none": {"id": {"in": []}}}},
    {"name": {"contains": ""}},
    {"name": {"startsWith": ""}},
    {"inputData": {"contains": {}}},
    {"project": {"name": {"startsWith": ""}}},
]


def test_every_mutation_by_filter_is_tried_here() -> None:
    assert sorted(name for name, field in MUTATIONS.items() if _takes_filter(field)) == BULK


def _takes_filter(field: Any) -> bool:
    argument = field.args.get("input")
    return argument is not None and "where" in argument.type.of_type.fields


@pytest.mark.parametrize("field", BULK)
@pytest.mark.parametrize("transport", ["one field", "two fields"])
async def test_an_absent_variable_is_refused_before_a_row_is_touched(
    database: Database, world: World, caller: Caller, field: str, transport: str
) -> None:
    scene = world.scene
    table = next(table for table in TABLES.values() if field.endswith(_plural(table.type_name)))
    kind = str(MUTATIONS[field].args["input"].type.of_type.fields["where"].type.of_type)
    key = CATALOG.types[table.type_name].columns["id"].kind.name
    scalar = {"INT": "Int", "BIGINT": "BigInt", "UUID": "UUID"}[key]
    patch = ", patch: {}" if field.startswith("update") else ""
    also = "other: __typename" if transport == "two fields" else ""
    by_key = f"""mutation($id: {scalar}) {{ {also}
      {field}(input: {{where: {{id: {{eq: $id}}}}, atMost: 500{patch}}}) {{ count }}
    }}"""
    by_where = f"""mutation($where: {kind}!) {{ {also}
      {field}(input: {{where: $where, atMost: 500{patch}}}) {{ count }}
    }}"""

    assert await caller.refusal(scene.owner, by_key) == ("BAD_USER_INPUT", "input.where")
    assert await caller.refusal(scene.owner, by_where, where={}) == ("BAD_USER_INPUT", "input.where")
    undefined = await caller.refusal(scene.owner, by_where, where={"id": {}})
    assert undefined == ("BAD_USER_INPUT", "input.where.id")


def _plural(type_name: str) -> str:
    return upper_first(CATALOG.types[type_name].connection)


@pytest.mark.parametrize("where", EMPTY, ids=repr)
async def test_a_condition_that_says_nothing_is_refused(
    database: Database, scene: Scene, caller: Caller, where: dict[str, Any]
) -> None:
    async with database.writer.begin() as connection:
        for priority in (1, 5):
            await make_task(connection, project_id=scene.project.project_id, priority=priority)
    delete = "mutation($where: TaskWhere!) { deleteTasks(input: {where: $where, atMost: 500}) { count } }"

    code, field = await caller.refusal(scene.owner, delete, where=where)

    assert code == "BAD_USER_INPUT"
    assert field.startswith("input.where")
    async with database.writer.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM tasks")) == 2


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ({"id": {"isNull": False}}, 2),
        ({"taskLogs": {"none": {}}}, 2),
        ({"taskLogs": {"some": {}}}, 0),
        ({"id": {"in": []}}, 0),
        ({"priority": {"gt": 1}}, 1),
    ],
    ids=repr,
)
async def test_a_condition_that_says_something_is_answered(
    database: Database, scene: Scene, caller: Caller, where: dict[str, Any], count: int
) -> None:
    async with database.writer.begin() as connection:
        for priority in (1, 5):
            await make_task(connection, project_id=scene.project.project_id, priority=priority)
    delete = "mutation($where: TaskWhere!) { deleteTasks(input: {where: $where, atMost: 500}) { count } }"

    assert (await caller.data(scene.owner, delete, where=where))["deleteTasks"]["count"] == count


async def test_a_variable_with_a_default_counts_as_given(scene: Scene, caller: Caller) -> None:
    document = """mutation($most: Int = 3) {
      deleteTasks(input: {where: {priority: {lt: $most}}}) { count }
    }"""
    assert (await caller.data(scene.owner, document))["deleteTasks"]["count"] == 0


@pytest.mark.parametrize("field", ["updateTasks", "deleteTasks"])
async def test_the_filter_of_a_change_is_bounded_as_that_of_a_query(
    caller: Caller, scene: Scene, field: str
) -> None:
    deep: dict[str, Any] = {"name": {"eq": "x"}}
    for _ in range(4):
        deep = {"project": {"tasks": {"some": deep}}}
    wide = {"and": [{"project": {"name": {"eq": "x"}}}] * 101}
    patch = {"patch": {"name": "y"}} if field == "updateTasks" else {}
    for where in (deep, wide):
        given = {"where": where, **patch}
        code, place = await caller.refusal(scene.owner, mutation(field, "count"), input=given)
        assert code == "QUERY_TOO_COMPLEX"
        assert place.startswith("input.where")
