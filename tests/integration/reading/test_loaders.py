"""Rows that a payload shows, loaded for the selection under the field."""

from uuid import UUID

import orjson
import pytest
import strawberry
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry import Info

from gql.execution.api import Api
from gql.execution.loaders import load_row, load_rows
from gql.planner.node_ids import make_node_id
from gql.schema import build_schema
from gql.types.types import table_type
from services.core.database import Database
from tests.integration.reading.conftest import Asker
from tests.support.factories import make_project, make_task, make_user
from tests.support.statements import Statements

Task = table_type("Task")


@strawberry.type
class OneTouched:
    key: strawberry.Private[UUID]

    @strawberry.field
    async def task(self, info: Info) -> Task | None:  # type: ignore[valid-type]
        return await load_row(info, "Task", self.key)


@strawberry.type
class Touched:
    keys: strawberry.Private[list[UUID]]
    count: int = 0

    @strawberry.field
    async def tasks(self, info: Info) -> list[Task | None]:  # type: ignore[valid-type]
        return await load_rows(info, "Task", self.keys)

    @strawberry.field
    def each(self) -> list[OneTouched]:
        return [OneTouched(key=key) for key in self.keys]


@strawberry.type
class TouchMutation:
    @strawberry.mutation
    async def touch(self, keys: list[UUID]) -> Touched:
        return Touched(keys=keys, count=len(keys))


@pytest.fixture
def asker(database: Database, statements: Statements) -> Asker:
    return Asker(Api(*build_schema(TouchMutation)), database, statements)


async def test_a_hundred_rows_of_a_payload_cost_one_statement(
    asker: Asker, connection: AsyncConnection
) -> None:
    ann = await make_user(connection)
    project = await make_project(connection, owner_id=ann.id, name="docks")
    keys = [str((await make_task(connection, project_id=project.project_id)).id) for _ in range(100)]
    data = await asker.ask(
        "mutation ($keys: [UUID!]!) { touch(keys: $keys) { each { task { id project { name } } } } }",
        ann,
        keys=keys,
    )
    assert data["touch"]["each"] == [{"task": {"id": key, "project": {"name": "docks"}}} for key in keys]
    assert len(asker.planned) == 1


async def test_a_payload_shows_rows_in_the_order_of_their_keys_and_null_for_hidden_ones(
    asker: Asker, connection: AsyncConnection
) -> None:
    ann, ben = await make_user(connection), await make_user(connection)
    mine = await make_task(
        connection, project_id=(await make_project(connection, owner_id=ann.id)).project_id
    )
    other = await make_task(
        connection, project_id=(await make_project(connection, owner_id=ben.id)).project_id
    )
    data = await asker.ask(
        "mutation ($keys: [UUID!]!, $no: Boolean!) {"
        " touch(keys: $keys) { count tasks { ...T name @skip(if: $no) } } }"
        " fragment T on Task { id nodeId }",
        ann,
        keys=[str(other.id), str(mine.id), str(mine.id)],
        no=True,
    )
    row = {"id": str(mine.id), "nodeId": make_node_id("Task", mine.id)}
    assert data == {"touch": {"count": 3, "tasks": [None, row, row]}}


async def test_a_bad_argument_inside_a_payload_names_its_path(
    asker: Asker, connection: AsyncConnection
) -> None:
    ann = await make_user(connection)
    query = "mutation { touch(keys: []) { tasks { subtasks(first: 501) { nodes { id } } } } }"
    result = await asker.execute(query, ann)
    (error,) = orjson.loads(result.body)["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "field": "touch.tasks.subtasks.first"}
    assert not result.executed
