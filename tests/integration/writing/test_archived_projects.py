"""An archived project rests until it is restored: nothing new, no start, no claim, no change."""

from typing import Any

import pytest
from sqlalchemy import text

from services.core.database import Database
from services.writing.tables import TABLES
from tests.integration.writing.asking import Caller, mutation
from tests.integration.writing.conftest import World
from tests.integration.writing.test_table_mutations import as_input, create_document
from tests.support.everything import everything
from tests.support.factories import make_requirement, make_task, make_ultrathink_message

ARCHIVE = "mutation ($id: Int!) { archiveProject(input: {id: $id}) { project { status } } }"
RESTORE = "mutation ($id: Int!) { restoreProject(input: {id: $id}) { project { status } } }"

OF_THE_PROJECT = (
    *("sessions", "cc_instances", "tasks", "task_dependencies", "git_worktrees", "requirements", "features"),
    *("ultrathink_messages", "mcp_tool_calls", "cc_logs", "task_logs"),
)


@pytest.fixture
async def archived(world: World, caller: Caller) -> World:
    """The world, with its project set aside."""
    await caller.data(world.scene.owner, ARCHIVE, id=world.scene.project.id)
    return world


@pytest.mark.parametrize(
    ("who", "table"), [*(("owner", table) for table in OF_THE_PROJECT), ("administrator", "tasks")]
)
async def test_nothing_is_added_to_it(
    archived: World, caller: Caller, database: Database, who: str, table: str
) -> None:
    before = await everything(database)
    given = as_input(TABLES[table], archived[table])

    wanted = {"rows": [given]} if TABLES[table].append_only else given
    code, _ = await caller.refusal(getattr(archived.scene, who), create_document(TABLES[table]), input=wanted)

    assert code == "CONFLICT"
    assert await everything(database) == before
    await caller.data(archived.scene.owner, RESTORE, id=archived.scene.project.id)
    await caller.data(archived.scene.owner, create_document(TABLES[table]), input=wanted)


async def test_nothing_starts_is_claimed_instructed_or_changed_in_it(
    database: Database, world: World, caller: Caller
) -> None:
    scene = world.scene
    of = {"project_id": scene.project.project_id}
    async with database.writer.begin() as connection:
        task = await make_task(connection, **of)
        requirement = await make_requirement(connection, **of)
        message = await make_ultrathink_message(
            connection,
            parent_instance_id=scene.instance_id,
            child_instance_id=world["cc_logs"]["cc_instance_id"],
        )
    session = (await caller.data(scene.owner, "{ sessions { nodes { id } } }"))["sessions"]["nodes"][0]["id"]
    await caller.data(scene.owner, ARCHIVE, id=scene.project.id)
    before = await everything(database)
    instance = scene.instance_id

    attempts: list[tuple[str, Any]] = [
        ("startCcInstance", {"id": instance}),
        ("createChildCc", {"parentInstanceId": instance, "instance": {"name": "c"}}),
        ("claimNextTask", {"ccInstanceId": instance}),
        ("claimTask", {"ccInstanceId": instance, "taskId": task.id}),
        ("updateTask", {"id": task.id, "patch": {"name": "n"}}),
        ("updateRequirement", {"id": requirement.id, "patch": {"priority": 1}}),
        ("updateProject", {"id": scene.project.id, "patch": {"name": "n"}}),
        ("acknowledgeUltrathinkMessage", {"id": message.id}),
        ("startSession", {"id": session}),
        (
            "recordMcpMessages",
            {"ccInstanceId": instance, "messages": [{"jsonrpc": "2.0", "id": 1, "method": "ping"}]},
        ),
    ]
    for field, given in attempts:
        assert (await caller.refusal(scene.owner, mutation(field), input=given))[0] == "CONFLICT", field

    assert await everything(database) == before


async def test_what_is_under_way_comes_to_an_end_in_it(
    database: Database, world: World, caller: Caller
) -> None:
    scene = world.scene
    claim = "mutation ($input: ClaimNextTaskInput!) { claimNextTask(input: $input) { task { id } } }"
    claimed = await caller.data(scene.owner, claim, input={"ccInstanceId": scene.instance_id})
    task = claimed["claimNextTask"]["task"]["id"]
    await caller.data(scene.owner, ARCHIVE, id=scene.project.id)

    done = {"taskId": task, "ccInstanceId": scene.instance_id, "outputData": {"n": 1}}
    await caller.data(scene.owner, mutation("completeTask"), input=done)
    await caller.data(scene.owner, mutation("stopCcInstance"), input={"id": scene.instance_id})
    await caller.data(scene.owner, mutation("deleteTask"), input={"id": task})

    async with database.writer.connect() as connection:
        found = await connection.execute(
            text("SELECT status FROM cc_instances WHERE id = :id"), {"id": scene.instance_id}
        )
        assert found.scalar_one() == "STOPPED"
