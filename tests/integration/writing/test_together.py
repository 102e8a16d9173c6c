"""What many ask for at the same moment shares a statement, and is as if each had asked alone."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from uuid_utils.compat import uuid7

from models.enums import TaskType
from services.core.database import Database
from services.core.principal import Origin, Principal
from services.instances.instances import record_heartbeats
from services.writing.action import Done, Outcome
from services.writing.creating import attempt_create
from services.writing.rows import INPUT, Key, stored_values, uuid_key
from services.writing.tables import TABLES
from tests.integration.writing.asking import Caller, mutation
from tests.integration.writing.conftest import Scene
from tests.support.acting import action
from tests.support.factories import make_instance, make_project, make_task
from tests.support.waiting import PATIENCE

CREATE = mutation("createTask", "task { id name project { name } }")
MANY = 12


class Crowd:
    """Creates tasks all at once, each request with an origin of its own."""

    def __init__(self, database: Database, scene: Scene) -> None:
        self._database = database
        self._scene = scene
        self.origins: list[Origin] = []

    async def create(self, principal: Principal, rows: Sequence[dict[str, Any]]) -> list[UUID | None]:
        """The keys in the order of the rows, None for one that the statement does not store."""
        calls: list[Awaitable[Outcome[Key]]] = []
        for number, row in enumerate(rows):
            origin = Origin(uuid7(), f"192.0.2.{number}", f"agent {number}")
            self.origins.append(origin)
            asked = action(self._database, principal, "createTask", origin)
            task = {"project_id": self._scene.project.project_id, "name": f"task {number}"}
            given = {**task, "task_type": TaskType.TESTING, **row}
            values = await stored_values(principal, TABLES["tasks"], given, INPUT)
            calls.append(attempt_create(asked, TABLES["tasks"], values))
        outcomes = await asyncio.gather(*calls)
        return [uuid_key(outcome.value) if isinstance(outcome, Done) else None for outcome in outcomes]

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query finds."""
        async with self._database.writer.connect() as connection:
            return [tuple(row) for row in await connection.execute(text(sql))]

    async def statements(self) -> int:
        """How many transactions have created tasks."""
        ((count,),) = await self.rows("SELECT count(DISTINCT xmin::text) FROM tasks")
        return int(count)


@pytest.fixture
def crowd(database: Database, scene: Scene) -> Crowd:
    return Crowd(database, scene)


async def test_creates_of_one_moment_are_one_transaction_and_each_caller_gets_his_row(
    crowd: Crowd, scene: Scene
) -> None:
    keys = await crowd.create(scene.editor, [{}] * MANY)

    stored = await crowd.rows("SELECT id, name FROM tasks ORDER BY name")
    assert sorted(stored) == sorted((key, f"task {number}") for number, key in enumerate(keys))
    assert await crowd.statements() == 1


async def test_each_leaves_an_audit_row_of_his_own_request_and_an_event_of_the_actor(
    crowd: Crowd, scene: Scene
) -> None:
    keys = await crowd.create(scene.editor, [{}] * MANY)

    traces = await crowd.rows(
        "SELECT details ->> 'key', request_id, host(ip_address), user_agent, user_id, message"
        " FROM system_logs WHERE category = 'audit'"
    )
    assert sorted(traces) == sorted(
        (
            str(key),
            origin.request_id,
            origin.ip_address,
            origin.user_agent,
            scene.editor.user_id,
            "createTask",
        )
        for key, origin in zip(keys, crowd.origins, strict=True)
    )
    events = await crowd.rows("SELECT row_key, actor_id FROM change_events WHERE table_name = 'tasks'")
    assert sorted(events) == sorted((str(key), scene.editor.user_id) for key in keys)


async def test_two_people_at_the_same_moment_are_told_apart(crowd: Crowd, scene: Scene) -> None:
    owned, edited = await asyncio.gather(
        crowd.create(scene.owner, [{}] * MANY), crowd.create(scene.editor, [{}] * MANY)
    )

    for table in ("change_events", "system_logs"):
        key, person = ("row_key", "actor_id") if table == "change_events" else ("details->>'key'", "user_id")
        found = await crowd.rows(f"SELECT {key}, {person} FROM {table} WHERE {key} IS NOT NULL")
        mine = {row for row in found if row[0] in {*map(str, owned), *map(str, edited)}}
        assert mine == {(str(key), scene.owner.user_id) for key in owned} | {
            (str(key), scene.editor.user_id) for key in edited
        }


async def test_a_row_that_a_constraint_refuses_costs_nobody_else_his(crowd: Crowd, scene: Scene) -> None:
    keys = await crowd.create(scene.owner, [{}] * 4 + [{"priority": 11}] + [{}] * 4)

    assert [number for number, key in enumerate(keys) if key is None] == [4]
    stored = {key for (key,) in await crowd.rows("SELECT id FROM tasks")}
    assert stored == {key for key in keys if key is not None}
    traced = await crowd.rows("SELECT details->>'key' FROM system_logs WHERE category = 'audit'")
    assert sorted(traced) == sorted((str(key),) for key in stored)


async def test_a_row_that_the_rules_refuse_is_left_out_of_the_statement(
    database: Database, crowd: Crowd, scene: Scene
) -> None:
    async with database.writer.begin() as connection:
        foreign = await make_project(connection, owner_id=scene.stranger.user_id)
        parent = await make_task(connection, project_id=foreign.project_id)

    keys = await crowd.create(
        scene.owner, [{"parent_task_id": key} for key in (None, parent.id, None, uuid7(), None)]
    )

    assert [key is not None for key in keys] == [True, False, True, False, True]
    stored = await crowd.rows("SELECT id, parent_task_id FROM tasks WHERE name LIKE 'task %'")
    assert {row for row in stored if row[0] != parent.id} == {(key, None) for key in keys if key is not None}
    assert await crowd.statements() == 2  # the parent's and this one


async def test_what_may_not_be_created_leaves_nothing_however_many_try(crowd: Crowd, scene: Scene) -> None:
    everything = "SELECT (SELECT count(*) FROM tasks), (SELECT count(*) FROM system_logs)"
    before = await crowd.rows(everything)

    assert await crowd.create(scene.viewer, [{}] * MANY) == [None] * MANY

    assert await crowd.rows(everything) == before


async def test_the_same_key_at_the_same_moment_is_one_row_that_all_are_told_of(
    crowd: Crowd, scene: Scene, caller: Caller
) -> None:
    key = str(uuid7())
    given = {"id": key, "projectId": scene.project.project_id, "name": "once", "taskType": "TESTING"}

    answers = await asyncio.gather(*(caller.data(scene.owner, CREATE, input=given) for _ in range(MANY)))

    assert {answer["createTask"]["task"]["id"] for answer in answers} == {key}
    assert await crowd.rows("SELECT name FROM tasks") == [("once",)]


async def test_of_two_contents_for_one_key_one_is_stored_and_the_other_a_conflict(
    crowd: Crowd, scene: Scene, caller: Caller
) -> None:
    key, project = str(uuid7()), scene.project.project_id
    answers = await asyncio.gather(
        *(
            caller.response(
                scene.owner,
                CREATE,
                input={"id": key, "projectId": project, "name": name, "taskType": "TESTING"},
            )
            for name in ("one", "other")
        )
    )

    (refused,) = [answer for answer in answers if "errors" in answer]
    assert refused["errors"][0]["extensions"]["code"] == "CONFLICT"
    (stored,) = [answer["data"]["createTask"]["task"] for answer in answers if "errors" not in answer]
    assert await crowd.rows("SELECT name FROM tasks") == [(stored["name"],)]


async def test_whoever_gives_up_takes_nobody_along(database: Database, crowd: Crowd, scene: Scene) -> None:
    impatient = asyncio.create_task(crowd.create(scene.owner, [{}]))
    others = asyncio.create_task(crowd.create(scene.owner, [{}] * MANY))
    await asyncio.sleep(0)
    impatient.cancel()

    keys = await others

    stored = {key for (key,) in await crowd.rows("SELECT id FROM tasks")}
    assert None not in keys
    assert stored >= set(keys)


async def test_payloads_of_one_moment_show_each_caller_his_row(scene: Scene, caller: Caller) -> None:
    given = {"projectId": scene.project.project_id, "taskType": "TESTING"}
    names = [f"task {number}" for number in range(MANY)]

    answers = await asyncio.gather(
        *(caller.data(scene.owner, CREATE, input={**given, "name": name}) for name in names)
    )

    assert [answer["createTask"]["task"]["name"] for answer in answers] == names


async def test_signs_of_life_of_one_moment_tell_each_caller_who_lives(
    database: Database, scene: Scene
) -> None:
    async with database.writer.begin() as connection:
        of = {"project_id": scene.project.project_id}
        living = [(await make_instance(connection, **of)).id for _ in range(MANY)]
        ended = (await make_instance(connection, **of, status="STOPPED")).id
        alive = "UPDATE cc_instances SET status = 'RUNNING' WHERE status <> 'STOPPED'"
        await connection.execute(text(alive))

    calls = [[key, ended] for key in living]
    heard = await asyncio.gather(*(record_heartbeats(action(database, scene.owner), call) for call in calls))

    assert heard == [[key] for key in living]
    assert (
        await asyncio.gather(*(record_heartbeats(action(database, scene.viewer), call) for call in calls))
        == [[]] * MANY
    )


async def test_an_instance_that_is_being_changed_holds_up_no_other_sign_of_life(
    database: Database, scene: Scene
) -> None:
    async with database.writer.begin() as connection:
        other = await make_instance(connection, project_id=scene.project.project_id)
        await connection.execute(text("UPDATE cc_instances SET status = 'RUNNING'"))
    async with database.writer.begin() as connection:
        held = {"key": scene.instance_id}
        await connection.execute(text("UPDATE cc_instances SET name = 'held' WHERE id = :key"), held)
        waiting = asyncio.create_task(record_heartbeats(action(database, scene.owner), [scene.instance_id]))

        async with asyncio.timeout(PATIENCE):
            for _ in range(3):
                assert await record_heartbeats(action(database, scene.owner), [other.id]) == [other.id]
        assert not waiting.done()

    assert await waiting == [scene.instance_id]


async def test_what_comes_after_a_sign_of_life_waits_for_the_disk_again(
    database: Database, scene: Scene
) -> None:
    # The connection that came back last is lent first.
    async with database.autocommit.acquire() as connection:
        await connection.execute("SET synchronous_commit = on")

    await record_heartbeats(action(database, scene.owner), [scene.instance_id])

    assert await database.autocommit.fetchval("SHOW synchronous_commit") == "on"
