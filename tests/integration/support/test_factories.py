"""Each factory makes a row that the database accepts."""

import inspect
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.core.database import Database
from tests.support import factories

MAKERS: dict[str, Any] = {
    name: maker
    for name, maker in inspect.getmembers(factories, inspect.iscoroutinefunction)
    if name.startswith("make_") and name not in {"make_row", "make_task_dependency"}
}


async def test_two_calls_of_any_of_them_make_two_rows(database: Database) -> None:
    for name, make in MAKERS.items():
        async with database.transaction() as connection:
            first, second = await make(connection), await make(connection)
        assert (name, first.id) != (name, second.id)


async def test_a_dependency_joins_two_tasks(database: Database) -> None:
    async with database.transaction() as connection:
        task, other = await _tasks(connection)
        dependency = await factories.make_task_dependency(
            connection, task_id=task.id, dependency_task_id=other.id
        )
    assert (dependency.task_id, dependency.dependency_task_id) == (task.id, other.id)


async def _tasks(connection: AsyncConnection) -> tuple[factories.AnyRow, factories.AnyRow]:
    return await factories.make_task(connection), await factories.make_task(connection)
