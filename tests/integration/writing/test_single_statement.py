"""What one statement stores is what a transaction would have stored, with the same traces, or nothing."""

from typing import Any

import pytest
from sqlalchemy import text
from uuid_utils.compat import uuid7

from models.enums import TaskType
from services.core.database import Database
from services.core.principal import Principal
from services.tasks.claims import Claim, Claimed, attempt_next
from services.writing.action import Done, Outcome, Refused, Undecided
from services.writing.creating import attempt_create
from services.writing.rows import INPUT, Key, stored_values
from services.writing.tables import TABLES
from tests.integration.writing.asking import ORIGIN, Caller, mutation
from tests.integration.writing.conftest import Scene
from tests.support.acting import action
from tests.support.factories import make_task

CREATE = mutation("createTask", "task { id name status }")
LEFT_BEHIND = """
SELECT (SELECT count(*) FROM tasks), (SELECT count(*) FROM system_logs), (SELECT count(*) FROM change_events)
"""


async def attempt(database: Database, principal: Principal, given: dict[str, Any]) -> Outcome[Key]:
    """Create a task in one statement."""
    table = TABLES["tasks"]
    values = await stored_values(principal, table, given, INPUT)
    return await attempt_create(action(database, principal, "createTask", ORIGIN), table, values)


async def created(database: Database, principal: Principal, given: dict[str, Any]) -> Key:
    """The key of a task that one statement has created."""
    outcome = await attempt(database, principal, given)
    assert isinstance(outcome, Done)
    return outcome.value


def a_task(scene: Scene, **values: Any) -> dict[str, Any]:
    return {"project_id": scene.project.project_id, "name": "n", "task_type": TaskType.TESTING, **values}


async def rows(database: Database, sql: str, **parameters: Any) -> list[Any]:
    async with database.writer.connect() as connection:
        return list((await connection.execute(text(sql), parameters)).all())


async def test_a_create_leaves_its_audit_row_and_tells_the_feed_who_made_it(
    database: Database, scene: Scene
) -> None:
    key = await created(database, scene.editor, a_task(scene, priority=7))

    (task,) = await rows(database, "SELECT name, priority, status FROM tasks WHERE id = :key", key=key)
    assert tuple(task) == ("n", 7, "PENDING")
    (trace,) = await rows(
        database,
        "SELECT user_id, message, details, request_id, host(ip_address), user_agent FROM system_logs"
        " WHERE category = 'audit'",
    )
    assert tuple(trace) == (
        scene.editor.user_id,
        "createTask",
        {"table": "tasks", "key": str(key)},
        ORIGIN.request_id,
        ORIGIN.ip_address,
        ORIGIN.user_agent,
    )
    (event,) = await rows(database, "SELECT actor_id FROM change_events WHERE row_key = :key", key=str(key))
    assert event.actor_id == scene.editor.user_id


async def test_the_next_change_on_the_connection_has_another_actor(database: Database, scene: Scene) -> None:
    keys = [await created(database, somebody, a_task(scene)) for somebody in (scene.owner, scene.editor)]

    events = await rows(
        database, "SELECT actor_id FROM change_events WHERE row_key = ANY(:keys)", keys=[*map(str, keys)]
    )
    assert {event.actor_id for event in events} == {scene.owner.user_id, scene.editor.user_id}


@pytest.mark.parametrize("who", ["viewer", "stranger"])
async def test_a_caller_who_may_not_write_leaves_nothing_and_is_told_by_the_transaction(
    database: Database, scene: Scene, who: str
) -> None:
    somebody = getattr(scene, who)
    before = await rows(database, LEFT_BEHIND)

    assert await attempt(database, somebody, a_task(scene)) == Undecided()

    assert await rows(database, LEFT_BEHIND) == before
    given = {"projectId": scene.project.project_id, "name": "n", "taskType": "TESTING"}
    code, field = await Caller(database).refusal(somebody, CREATE, input=given)
    assert (code, field) == ("FORBIDDEN" if who == "viewer" else "NOT_FOUND", "input.projectId")
    assert await rows(database, LEFT_BEHIND) == before


async def test_what_a_constraint_refuses_is_explained_by_the_transaction(
    database: Database, scene: Scene
) -> None:
    before = await rows(database, LEFT_BEHIND)

    assert isinstance(await attempt(database, scene.owner, a_task(scene, priority=11)), Refused)

    assert await rows(database, LEFT_BEHIND) == before
    given = {"projectId": scene.project.project_id, "name": "n", "taskType": "TESTING", "priority": 11}
    assert await Caller(database).refusal(scene.owner, CREATE, input=given) == (
        "BAD_USER_INPUT",
        "input.priority",
    )


async def test_a_key_that_was_sent_before_makes_no_second_row(database: Database, scene: Scene) -> None:
    key = uuid7()
    assert await created(database, scene.owner, a_task(scene, id=key)) == key

    assert await attempt(database, scene.owner, a_task(scene, id=key)) == Undecided()

    given = {"id": key, "projectId": scene.project.project_id, "name": "n", "taskType": "TESTING"}
    data = await Caller(database).data(scene.owner, CREATE, input=given)
    assert data["createTask"]["task"]["id"] == str(key)
    code, field = await Caller(database).refusal(scene.owner, CREATE, input=given | {"name": "other"})
    assert (code, field) == ("CONFLICT", "input.id")
    assert len(await rows(database, "SELECT id FROM tasks")) == 1


async def test_a_claim_in_one_statement_is_traced_and_a_stranger_gets_none(
    database: Database, scene: Scene
) -> None:
    async with database.writer.begin() as connection:
        task = await make_task(connection, project_id=scene.project.project_id)
    before = await rows(database, LEFT_BEHIND)

    for nobody in (scene.viewer, scene.stranger):
        assert await attempt_next(action(database, nobody), Claim(scene.instance_id)) == Undecided()
    assert await rows(database, LEFT_BEHIND) == before

    outcome = await attempt_next(action(database, scene.editor), Claim(scene.instance_id))

    assert outcome == Claimed(task.id)
    (trace,) = await rows(database, "SELECT details FROM system_logs WHERE category = 'audit'")
    assert trace.details == {"ccInstanceId": str(scene.instance_id), "key": str(task.id)}
    (event,) = await rows(
        database,
        "SELECT actor_id FROM change_events WHERE row_key = :key AND op = 'UPDATE'",
        key=str(task.id),
    )
    assert event.actor_id == scene.editor.user_id


async def test_an_instance_that_has_ended_claims_nothing(database: Database, scene: Scene) -> None:
    async with database.writer.begin() as connection:
        await make_task(connection, project_id=scene.project.project_id)
        await connection.execute(text("UPDATE cc_instances SET status = 'STOPPED'"))

    outcome = await attempt_next(action(database, scene.owner), Claim(scene.instance_id))

    assert outcome == Undecided()
    assert [row.status for row in await rows(database, "SELECT status FROM tasks")] == ["PENDING"]
