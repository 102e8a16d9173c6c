"""What many do at the same moment ends as if they had taken turns."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterable
from typing import Any

from sqlalchemy import text

from services.accounts.accounts import add_user
from services.core.database import Database
from tests.integration.writing.asking import Caller, mutation
from tests.integration.writing.conftest import Scene, World
from tests.support.factories import make_instance, make_notification, make_task, make_user

RUSH = 12


async def codes(calls: Iterable[Coroutine[Any, Any, Any]]) -> Counter[str]:
    """How often each code, `done` for success, when all calls run at once."""
    responses = await asyncio.gather(*calls)
    return Counter(
        response["errors"][0]["extensions"]["code"] if "errors" in response else "done"
        for response in responses
    )


async def all_of(database: Database, sql: str, **values: Any) -> list[Any]:
    async with database.writer.connect() as connection:
        return list((await connection.execute(text(sql), values)).scalars())


async def test_no_child_outlives_the_end_of_its_tree(
    database: Database, scene: Scene, caller: Caller
) -> None:
    async with database.writer.begin() as connection:
        of = {"project_id": scene.project.project_id}
        middle = await make_instance(connection, **of, parent_instance_id=scene.instance_id)
    births = [
        caller.response(
            scene.owner,
            mutation(field),
            input={"parentInstanceId": parent, **more},
        )
        for parent in (scene.instance_id, middle.id)
        for field, more in (
            ("createChildCc", {"instance": {"name": "c"}}),
            ("createCcInstance", {"name": "c", "projectId": scene.project.project_id}),
        )
        for _ in range(4)
    ]
    end = caller.response(scene.owner, mutation("terminateCcInstance"), input={"id": scene.instance_id})

    outcomes = await codes([*births[:8], end, *births[8:]])

    assert set(outcomes) <= {"done", "CONFLICT"}
    assert await all_of(database, "SELECT name FROM cc_instances WHERE status <> 'STOPPED'") == []
    late = {"parentInstanceId": middle.id, "instance": {"name": "late"}}
    assert await caller.refusal(scene.owner, mutation("createChildCc"), input=late) == (
        "CONFLICT",
        "input.instance.parentInstanceId",
    )


async def test_a_refresh_token_that_is_used_many_times_at_once_is_good_once_and_ends_the_login(
    database: Database, caller: Caller
) -> None:
    async with database.transaction() as connection:
        await add_user(connection, "alice", "correct horse battery")
    login = mutation("login", "refreshToken")
    given = {"username": "alice", "password": "correct horse battery"}
    pair = (await caller.response(None, login, input=given))["data"]["login"]

    outcomes = await codes(caller.response(None, mutation("refreshToken"), input=pair) for _ in range(RUSH))

    assert outcomes == {"done": 1, "UNAUTHENTICATED": RUSH - 1}
    assert await all_of(database, "SELECT id FROM auth_tokens WHERE is_active") == []
    traces = await all_of(database, "SELECT details FROM system_logs WHERE message = 'refreshToken'")
    assert sum("reused" in details for details in traces) == 1


async def test_a_project_is_never_archived_with_an_instance_that_runs(
    database: Database, scene: Scene, caller: Caller
) -> None:
    project, instance = {"id": scene.project.id}, {"id": scene.instance_id}
    for _ in range(6):
        await asyncio.gather(
            caller.response(scene.owner, mutation("archiveProject"), input=project),
            caller.response(scene.owner, mutation("startCcInstance"), input=instance),
            caller.response(
                scene.owner, mutation("updateCcInstance"), input={**instance, "patch": {"status": "RUNNING"}}
            ),
        )
        found = await all_of(
            database,
            "SELECT i.status FROM projects p JOIN cc_instances i USING (project_id)"
            " WHERE p.status = 'archived' AND i.status = 'RUNNING'",
        )
        assert found == []
        await caller.response(scene.owner, mutation("idleCcInstance"), input=instance)
        await caller.response(scene.owner, mutation("restoreProject"), input=project)
        await caller.response(scene.owner, mutation("idleCcInstance"), input=instance)


async def test_a_transfer_and_an_archiving_at_once_leave_one_owner_who_may_restore(
    database: Database, scene: Scene, caller: Caller
) -> None:
    project = {"id": scene.project.id}
    offered = await caller.data(
        scene.owner,
        mutation("transferProject", "invitation { id }"),
        input={**project, "newOwnerId": scene.editor.user_id},
    )

    outcomes = await codes(
        [
            caller.response(
                scene.editor, mutation("acceptInvitation"), input=offered["transferProject"]["invitation"]
            ),
            *(caller.response(scene.owner, mutation("archiveProject"), input=project) for _ in range(4)),
        ]
    )

    # A request after the transfer is no longer by the owner, so it does not see the project.
    assert set(outcomes) <= {"done", "NOT_FOUND"}
    assert await all_of(database, "SELECT owner_id FROM projects") == [scene.editor.user_id]
    await caller.data(scene.editor, mutation("restoreProject"), input=project)
    assert await all_of(database, "SELECT status FROM projects") == ["active"]


async def test_a_notification_is_either_cancelled_or_retried(
    database: Database, scene: Scene, caller: Caller
) -> None:
    async with database.writer.begin() as connection:
        failed = [
            await make_notification(connection, user_id=scene.owner.user_id, status="failed")
            for _ in range(6)
        ]

    outcomes = [
        await codes(
            caller.response(scene.owner, mutation(field), input={"id": str(row.id)})
            for field in ("retryNotification", "cancelNotification") * 3
        )
        for row in failed
    ]

    assert all(set(found) <= {"done", "CONFLICT"} for found in outcomes)
    statuses = await all_of(database, "SELECT status FROM notification_history")
    assert set(statuses) <= {"pending", "cancelled"}


async def test_a_task_is_completed_by_its_holder_once_and_by_nobody_else(
    database: Database, world: World, caller: Caller
) -> None:
    scene = world.scene
    async with database.writer.begin() as connection:
        of = {"project_id": scene.project.project_id}
        others = [await make_instance(connection, **of) for _ in range(5)]
        task = await make_task(connection, **of, priority=10)
    held = {"taskId": task.id, "ccInstanceId": scene.instance_id}
    await caller.data(scene.owner, mutation("claimTask"), input=held)

    outcomes = await codes(
        caller.response(
            scene.owner,
            mutation("completeTask"),
            input={"taskId": task.id, "ccInstanceId": key, "message": "m"},
        )
        for key in (scene.instance_id, *(other.id for other in others)) * 2
    )

    assert outcomes == {"done": 2, "CONFLICT": 10}  # the holder's repetition changes nothing
    assert await all_of(database, "SELECT assigned_to FROM tasks WHERE id = :id", id=task.id) == [
        scene.instance_id
    ]
    assert len(await all_of(database, "SELECT id FROM task_logs")) == 1


async def test_a_child_is_made_once_for_one_key_and_leaves_nothing_where_a_part_fails(
    database: Database, scene: Scene, caller: Caller
) -> None:
    key = "0197a1b2-0000-7000-8000-000000000001"
    child: dict[str, Any] = {
        "parentInstanceId": scene.instance_id,
        "instance": {"id": key, "name": "c", "worktreePath": "/w"},
        "task": {"id": key, "name": "t", "taskType": "TESTING"},
        "worktree": {"id": key, "worktreeName": "w", "worktreePath": "/w", "baseBranch": "main"},
    }

    outcomes = await codes(
        caller.response(scene.owner, mutation("createChildCc"), input=child) for _ in range(RUSH)
    )
    wrong = {"worktreeName": "w", "worktreePath": "x" * 10**6 + "x", "baseBranch": "main"}
    other = {"instance": {"name": "d", "worktreePath": "/d"}, "task": {"name": "t", "taskType": "TESTING"}}
    failing = {**child, **other, "worktree": wrong}
    place = await caller.refusal(scene.owner, mutation("createChildCc"), input=failing)

    assert outcomes == {"done": RUSH}
    assert place == ("BAD_USER_INPUT", "input.worktree.worktreePath")
    for table, count in (("cc_instances", 2), ("tasks", 1), ("git_worktrees", 1)):
        assert len(await all_of(database, f"SELECT id FROM {table}")) == count, table


async def test_people_who_are_added_deleted_and_moved_at_once_lose_nobody(
    database: Database, scene: Scene, caller: Caller
) -> None:
    async with database.writer.begin() as connection:
        people = [await make_user(connection) for _ in range(RUSH)]
    project = {"id": scene.project.id}

    await codes(
        caller.response(
            scene.administrator,
            mutation("addCollaborator"),
            input={**project, "userId": person.id, "role": "EDITOR"},
        )
        for person in people * 2
    )

    (listed,) = await all_of(database, "SELECT collaborators FROM projects")
    assert Counter(entry["user_id"] for entry in listed) == Counter(
        [scene.editor.user_id, scene.viewer.user_id, *(person.id for person in people)]
    )
