"""The product's own mutations for instances, tasks and instructions, as agents call them."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from services.core.database import Database
from tests.integration.writing.asking import Caller
from tests.integration.writing.conftest import Scene, World
from tests.support.factories import make_instance, make_project, make_task


def step(name: str, selection: str, kind: str | None = None) -> str:
    input_type = kind or f"{name[0].upper()}{name[1:]}Input"
    return f"mutation ($input: {input_type}!) {{ result: {name}(input: $input) {{ {selection} }} }}"


async def statuses(database: Database, table: str) -> dict[UUID, str]:
    async with database.writer.connect() as connection:
        result = await connection.execute(text(f"SELECT id, status FROM {table}"))
        return {row.id: row.status for row in result}


async def test_a_child_is_made_with_all_it_needs_in_one_step(caller: Caller, scene: Scene) -> None:
    selection = """
      ccInstance { type status worktreePath parent { id } project { name } }
      gitWorktree { baseBranch task { name } }
      task { name assignedTo { name } }
      ultrathinkMessage { status keywordDetected task { name } }
    """
    given = {
        "parentInstanceId": scene.instance_id,
        "instance": {"name": "builder"},
        "worktree": {"worktreeName": "w", "worktreePath": "/w", "baseBranch": "main"},
        "task": {"name": "build", "taskType": "DEVELOPMENT"},
        "instruction": "Ultrathink: 組み立てて",
    }

    made = (await caller.data(scene.editor, step("createChildCc", selection), input=given))["result"]

    assert made["ccInstance"] == {
        "type": "CHILD",
        "status": "IDLE",
        "worktreePath": "/w",
        "parent": {"id": str(scene.instance_id)},
        "project": {"name": scene.project.name},
    }
    assert made["gitWorktree"] == {"baseBranch": "main", "task": {"name": "build"}}
    assert made["task"] == {"name": "build", "assignedTo": {"name": "builder"}}
    assert made["ultrathinkMessage"] == {
        "status": "SENT",
        "keywordDetected": True,
        "task": {"name": "build"},
    }


async def test_a_child_of_which_one_part_is_wrong_is_not_made_at_all(
    caller: Caller, database: Database, scene: Scene
) -> None:
    given = {
        "parentInstanceId": scene.instance_id,
        "instance": {"name": "builder"},
        "task": {"name": "build", "taskType": "DEVELOPMENT", "priority": 99},
    }
    document = step("createChildCc", "ccInstance { id }")

    assert (await caller.refusal(scene.owner, document, input=given))[0] == "BAD_USER_INPUT"
    given["task"] = {"name": "build", "taskType": "DEVELOPMENT"}
    assert (await caller.refusal(scene.viewer, document, input=given))[0] == "FORBIDDEN"
    assert (await caller.refusal(scene.stranger, document, input=given))[0] == "NOT_FOUND"

    assert len(await statuses(database, "cc_instances")) == 1
    assert await statuses(database, "tasks") == {}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"instruction": "Ultrathink: go"},
        {"worktree": {"worktreeName": "w", "worktreePath": "/w", "baseBranch": "main"}},
    ],
    ids=["alone", "with an instruction", "with a worktree"],
)
async def test_the_task_of_a_child_is_one_that_the_caller_sees_in_the_same_project(
    caller: Caller, database: Database, scene: Scene, more: dict[str, Any]
) -> None:
    async with database.writer.begin() as connection:
        own = await make_task(connection, project_id=scene.project.project_id)
        hidden = await make_task(connection)
        elsewhere = await make_project(connection, owner_id=scene.owner.user_id)
        other = await make_task(connection, project_id=elsewhere.project_id)
    child = {"parentInstanceId": scene.instance_id, "instance": {"name": "builder"}, **more}
    document = step("createChildCc", "task { id }")
    for task_id, code in ((hidden.id, "NOT_FOUND"), (uuid4(), "NOT_FOUND"), (other.id, "BAD_USER_INPUT")):
        refused = await caller.refusal(scene.owner, document, input={**child, "taskId": task_id})
        assert refused == (code, "input.taskId")
    both = {**child, "taskId": own.id, "task": {"name": "build", "taskType": "DEVELOPMENT"}}
    assert await caller.refusal(scene.owner, document, input=both) == ("BAD_USER_INPUT", "input.taskId")
    assert len(await statuses(database, "cc_instances")) == 1
    made = await caller.data(scene.owner, document, input={**child, "taskId": own.id})
    assert made["result"]["task"] == {"id": str(own.id)}


async def test_an_instance_starts_waits_fails_and_stops(caller: Caller, scene: Scene) -> None:
    async def go(name: str, kind: str | None, **given: Any) -> Any:
        document = step(name, "ccInstance { status processId exitCode }", kind)
        given = {"id": scene.instance_id, **given}
        return (await caller.data(scene.owner, document, input=given))["result"]["ccInstance"]

    assert (await go("startCcInstance", None, processId="4711"))["processId"] == "4711"
    assert (await go("idleCcInstance", "CcInstanceKeyInput"))["status"] == "IDLE"
    assert (await go("failCcInstance", "EndCcInstanceInput"))["status"] == "ERROR"
    assert (await go("startCcInstance", None))["status"] == "RUNNING"
    assert (await go("stopCcInstance", "EndCcInstanceInput", exitCode=2))["exitCode"] == 2


async def test_terminating_stops_a_subtree_and_nothing_else_and_frees_its_tasks(
    caller: Caller, database: Database, scene: Scene
) -> None:
    async with database.writer.begin() as connection:
        shared = {"project_id": scene.project.project_id}
        child = await make_instance(connection, parent_instance_id=scene.instance_id, **shared)
        grandchild = await make_instance(connection, parent_instance_id=child.id, **shared)
        other = await make_instance(connection, parent_instance_id=scene.instance_id, **shared)
        task = await make_task(connection, **shared)
    claim = step("claimNextTask", "task { id status }")
    claimed = await caller.data(scene.owner, claim, input={"ccInstanceId": grandchild.id})
    assert claimed["result"]["task"] == {"id": str(task.id), "status": "RUNNING"}

    document = step("terminateCcInstance", "ccInstances { id status }", "EndCcInstanceInput")
    stopped = (await caller.data(scene.owner, document, input={"id": child.id}))["result"]["ccInstances"]

    assert {row["id"] for row in stopped} == {str(child.id), str(grandchild.id)}
    found = await statuses(database, "cc_instances")
    assert (found[scene.instance_id], found[other.id]) == ("IDLE", "IDLE")
    assert await statuses(database, "tasks") == {task.id: "QUEUED"}


async def test_heartbeats_of_many_come_in_one_call(caller: Caller, database: Database, scene: Scene) -> None:
    async with database.writer.begin() as connection:
        foreign = await make_instance(connection)
        stopped = await make_instance(connection, project_id=scene.project.project_id, status="STOPPED")
    given = {"ids": [scene.instance_id, foreign.id, stopped.id]}

    calls = (caller.data(scene.editor, step("heartbeat", "alive"), input=given) for _ in range(6))
    heard = await asyncio.gather(*calls)

    assert all(call["result"]["alive"] == [str(scene.instance_id)] for call in heard)
    async with database.writer.connect() as connection:
        alive = await connection.execute(
            text("SELECT id FROM cc_instances WHERE last_heartbeat > now() - interval '1 minute'")
        )
        assert list(alive.scalars()) == [scene.instance_id]


async def test_an_instance_claims_reports_and_completes(caller: Caller, world: World) -> None:
    owner, instance = world.scene.owner, world.scene.instance_id
    document = step("claimNextTask", "task { id status assignedTo { id } }")
    task = (await caller.data(owner, document, input={"ccInstanceId": instance}))["result"]["task"]
    given: dict[str, Any] = {"taskId": task["id"], "ccInstanceId": instance}

    report = step("reportTaskProgress", "task { taskLogs { nodes { message performanceMetrics } } }")
    said = {**given, "message": "半分", "performanceMetrics": {"percent": 50}, "leaseSeconds": 60}
    reported = (await caller.data(owner, report, input=said))["result"]["task"]
    complete = step("completeTask", "task { status outputData actualDurationMinutes }")
    done = (await caller.data(owner, complete, input={**given, "outputData": {"ok": True}}))["result"]["task"]

    assert task["assignedTo"] == {"id": str(instance)}
    assert reported["taskLogs"]["nodes"] == [{"message": "半分", "performanceMetrics": {"percent": 50}}]
    assert done == {"status": "COMPLETED", "outputData": {"ok": True}, "actualDurationMinutes": 1}


async def test_an_instruction_moves_step_by_step_and_each_step_is_stamped(
    caller: Caller, world: World
) -> None:
    owner = world.scene.owner
    row = world["ultrathink_messages"]
    send = step("sendUltrathinkMessage", "ultrathinkMessage { id status keywordDetected }")
    given = {
        "parentInstanceId": row["parent_instance_id"],
        "childInstanceId": row["child_instance_id"],
        "instructionType": "PROGRESS_REQUEST",
        "instructionContent": "how far are you?",
    }
    sent = (await caller.data(owner, send, input=given))["result"]["ultrathinkMessage"]
    assert (sent["status"], sent["keywordDetected"]) == ("SENT", False)

    selection = "ultrathinkMessage { status acknowledgedAt executionStartedAt completedAt responseContent }"

    async def go(name: str, **more: Any) -> Any:
        document = step(name, selection, "UltrathinkStepInput")
        answer = await caller.data(owner, document, input={"id": sent["id"], **more})
        return answer["result"]["ultrathinkMessage"]

    early = step("completeUltrathinkMessage", selection, "UltrathinkStepInput")
    assert (await caller.refusal(owner, early, input={"id": sent["id"]}))[0] == "CONFLICT"
    assert (await go("acknowledgeUltrathinkMessage"))["acknowledgedAt"]
    assert (await go("startUltrathinkMessage"))["executionStartedAt"]
    done = await go("completeUltrathinkMessage", responseContent="九割")
    assert (done["status"], done["responseContent"]) == ("COMPLETED", "九割")
    assert done["completedAt"]
