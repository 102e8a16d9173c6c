"""A query calls a task ready exactly when an instance can claim it."""

import pytest

from models.enums import TaskDependencyType, TaskStatus
from services.core.database import Database
from tests.integration.writing.asking import Caller, mutation
from tests.integration.writing.conftest import Scene
from tests.support.factories import make_task, make_task_dependency


@pytest.mark.parametrize("status", [TaskStatus.PENDING, TaskStatus.COMPLETED, TaskStatus.FAILED])
@pytest.mark.parametrize("kind", TaskDependencyType)
async def test_a_task_is_ready_when_it_can_be_claimed(
    database: Database, caller: Caller, scene: Scene, kind: TaskDependencyType, status: TaskStatus
) -> None:
    async with database.writer.begin() as connection:
        project = {"project_id": scene.project.project_id}
        other = await make_task(connection, **project, status=status, name="other")
        task = await make_task(connection, **project, name="task", priority=10)
        await make_task_dependency(
            connection, task_id=task.id, dependency_task_id=other.id, dependency_type=kind
        )
    document = '{ tasks(where: {name: {eq: "task"}}) { nodes { isReady } } }'

    seen = await caller.data(scene.owner, document)
    (found,) = seen["tasks"]["nodes"]
    given = {"taskId": task.id, "ccInstanceId": scene.instance_id}
    response = await caller.response(scene.owner, mutation("claimTask"), input=given)

    expected = not kind.holds_back or status is TaskStatus.COMPLETED
    assert found["isReady"] is expected
    assert ("errors" not in response) is expected
