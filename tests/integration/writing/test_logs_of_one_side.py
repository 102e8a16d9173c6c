"""A log entry names a task, an instance or both: with one of them, that one decides who may write it."""

from typing import Any

import pytest

from services.core.database import Database
from tests.integration.writing.asking import Caller, mutation
from tests.integration.writing.conftest import Scene
from tests.support.factories import make_project, make_task

ROWS: dict[str, dict[str, Any]] = {
    "appendTaskLogs": {"logLevel": "INFO", "phase": "SETUP", "message": "m"},
    "appendCcLogs": {"logLevel": "INFO", "category": "GIT", "message": "m"},
}


@pytest.mark.parametrize("field", ROWS)
@pytest.mark.parametrize("side", ["ccInstanceId", "taskId"])
async def test_an_entry_of_one_side_is_written_by_who_may_change_it(
    field: str, side: str, database: Database, scene: Scene, caller: Caller
) -> None:
    async with database.transaction() as connection:
        task = await make_task(connection, project_id=scene.project.project_id)
    key = {"ccInstanceId": scene.instance_id, "taskId": task.id}[side]
    given = {"rows": [{**ROWS[field], side: key}]}
    document = mutation(field, "count")

    assert await caller.data(scene.editor, document, input=given) == {field: {"count": 1}}
    assert (await caller.refusal(scene.stranger, document, input=given))[0] in ("NOT_FOUND", "FORBIDDEN")
    assert (await caller.refusal(scene.viewer, document, input=given))[0] == "FORBIDDEN"


@pytest.mark.parametrize("field", ROWS)
async def test_both_sides_are_of_one_project(
    field: str, database: Database, scene: Scene, caller: Caller
) -> None:
    async with database.transaction() as connection:
        other = await make_project(connection, owner_id=scene.owner.user_id)
        task = await make_task(connection, project_id=other.project_id)
    row = {**ROWS[field], "ccInstanceId": scene.instance_id, "taskId": task.id}
    code, place = await caller.refusal(scene.owner, mutation(field, "count"), input={"rows": [row]})
    assert code == "BAD_USER_INPUT"
    assert str(place).startswith("input.rows.0")
