"""Every table can be written through GraphQL, with payloads that select as deep as a query."""

from typing import Any

from sqlalchemy import text

from gql.planner.names import lower_first, upper_first
from models.enums import TaskStatus
from services.core.database import Database
from services.writing.declaration import WritableTable
from services.writing.tables import TABLES
from tests.integration.writing.asking import CATALOG, Caller
from tests.integration.writing.conftest import BY_ADMINISTRATORS, World
from tests.support.factories import make_task


def as_input(table: WritableTable, row: dict[str, Any]) -> dict[str, Any]:
    """A row by column name as the API spells it."""
    given = {}
    for name, value in row.items():
        column = table.columns[name]
        choices = getattr(column.column.type, "enum_class", None)
        given[column.field] = choices(value).name if choices else value
        if column.field in ("fileSizeBytes", "totalSizeBytes"):
            given[column.field] = str(value)
    return given


def create_document(table: WritableTable, selection: str = "id") -> str:
    if table.append_only:
        rows = CATALOG.types[table.type_name].connection
        name = f"Append{upper_first(rows)}"
        return (
            f"mutation ($input: {name}Input!)"
            f" {{ result: {lower_first(name)}(input: $input) {{ count rows: {rows} {{ {selection} }} }} }}"
        )
    name = f"Create{table.type_name}"
    field = lower_first(table.type_name)
    return (
        f"mutation ($input: {name}Input!)"
        f" {{ result: {lower_first(name)}(input: $input) {{ row: {field} {{ {selection} }} }} }}"
    )


async def test_every_table_is_written_through_its_mutation(caller: Caller, world: World) -> None:
    for table in TABLES.values():
        given = as_input(table, world[table.name])
        principal = world.scene.administrator if table.name in BY_ADMINISTRATORS else world.scene.owner
        if table.append_only:
            data = await caller.data(principal, create_document(table), input={"rows": [given, given]})
            assert data["result"]["count"] == len({row["id"] for row in data["result"]["rows"]}) == 2
        else:
            data = await caller.data(principal, create_document(table), input=given)
            name = f"delete{table.type_name}"
            deleted = await caller.data(
                principal,
                f"mutation ($input: {upper_first(name)}Input!)"
                f" {{ result: {name}(input: $input) {{ deletedId }} }}",
                input={"id": data["result"]["row"]["id"]},
            )
            assert deleted["result"]["deletedId"] == data["result"]["row"]["id"]


CREATE_TASK = """
mutation ($input: CreateTaskInput!) {
  createTask(input: $input) {
    task {
      id name status priority inputData
      project { name owner { username } tasks(first: 2) { totalCount nodes { name } } }
      assignedTo { name type }
    }
  }
}
"""
UPDATE_TASK = """
mutation ($input: UpdateTaskInput!) {
  updateTask(input: $input) { task { name description status assignedTo { id } updatedAt } }
}
"""


async def test_a_payload_is_selected_as_deep_as_a_query(caller: Caller, world: World) -> None:
    given = as_input(TABLES["tasks"], {**world["tasks"], "input_data": {"東京": [1, None]}})

    task = (await caller.data(world.scene.editor, CREATE_TASK, input=given))["createTask"]["task"]

    assert task["inputData"] == {"東京": [1, None]}
    assert (task["status"], task["priority"]) == ("PENDING", 5)
    assert task["project"]["owner"] == {"username": world.scene.owner.username}
    assert task["project"]["tasks"]["totalCount"] == 3
    assert task["assignedTo"]["type"] == "CHILD"


async def test_in_a_patch_null_empties_and_absent_stays(caller: Caller, world: World) -> None:
    given = as_input(TABLES["tasks"], {**world["tasks"], "description": "d"})
    task = (await caller.data(world.scene.owner, CREATE_TASK, input=given))["createTask"]["task"]

    change = {"id": task["id"], "patch": {"assignedToId": None, "status": TaskStatus.QUEUED.name}}
    changed = (await caller.data(world.scene.owner, UPDATE_TASK, input=change))["updateTask"]["task"]

    assert (changed["assignedTo"], changed["description"], changed["status"]) == (None, "d", "QUEUED")
    stale = {**change, "patch": {"name": "n"}, "ifUnmodifiedSince": "2020-01-01T00:00:00Z"}
    assert await caller.refusal(world.scene.owner, UPDATE_TASK, input=stale) == (
        "CONFLICT",
        "input.ifUnmodifiedSince",
    )
    fresh = {**stale, "ifUnmodifiedSince": changed["updatedAt"]}
    await caller.data(world.scene.owner, UPDATE_TASK, input=fresh)


async def test_errors_carry_code_and_field_and_no_name_of_a_constraint(caller: Caller, world: World) -> None:
    given = as_input(TABLES["tasks"], world["tasks"])

    refusals = [
        await caller.refusal(world.scene.viewer, CREATE_TASK, input=given),
        await caller.refusal(world.scene.stranger, CREATE_TASK, input=given),
        await caller.refusal(world.scene.owner, CREATE_TASK, input={**given, "priority": 11}),
        await caller.refusal(world.scene.owner, CREATE_TASK, input={**given, "name": "a\0"}),
        await caller.refusal(None, CREATE_TASK, input=given),
    ]

    assert refusals == [
        ("FORBIDDEN", "input.projectId"),
        ("NOT_FOUND", "input.projectId"),
        ("BAD_USER_INPUT", "input.priority"),
        ("BAD_USER_INPUT", "input.name"),
        ("UNAUTHENTICATED", None),
    ]


async def test_a_change_of_status_by_patch_is_stamped_and_follows_its_lines(
    caller: Caller, world: World, database: Database
) -> None:
    update = """
    mutation ($input: UpdateCcInstanceInput!) {
      updateCcInstance(input: $input) { ccInstance { status startedAt terminatedAt } }
    }"""
    key = world.scene.instance_id

    async def patch(status: str) -> Any:
        given = {"id": key, "patch": {"status": status}}
        return (await caller.data(world.scene.owner, update, input=given))["updateCcInstance"]["ccInstance"]

    assert (await patch("RUNNING"))["startedAt"]
    assert (await patch("STOPPED"))["terminatedAt"]
    given = {"id": key, "patch": {"status": "RUNNING"}}
    assert await caller.refusal(world.scene.owner, update, input=given) == ("CONFLICT", "input.patch.status")


UPDATE_TASKS = """
mutation ($input: UpdateTasksInput!) { updateTasks(input: $input) { count tasks { name priority } } }
"""
DELETE_TASKS = "mutation ($input: DeleteTasksInput!) { deleteTasks(input: $input) { count deletedIds } }"


async def test_rows_are_changed_by_filter_up_to_the_number_that_is_allowed(
    caller: Caller, world: World, database: Database
) -> None:
    async with database.writer.begin() as connection:
        foreign = await make_task(connection, name="t0", priority=2)
        for number in range(4):
            await make_task(
                connection, project_id=world.scene.project.project_id, name=f"t{number}", priority=2
            )
    where = {"priority": {"eq": 2}, "project": {"name": {"eq": world.scene.project.name}}}
    given = {"where": where, "patch": {"priority": 9}}

    too_many = await caller.refusal(world.scene.editor, UPDATE_TASKS, input={**given, "atMost": 3})
    one = await caller.refusal(world.scene.editor, UPDATE_TASKS, input=given)
    by_viewer = await caller.refusal(world.scene.viewer, UPDATE_TASKS, input={**given, "atMost": 9})
    changed = await caller.data(world.scene.editor, UPDATE_TASKS, input={**given, "atMost": 4})

    assert too_many == one == ("BAD_USER_INPUT", "input.atMost")
    assert by_viewer[0] == "FORBIDDEN"
    assert changed["updateTasks"]["count"] == 4
    assert {task["priority"] for task in changed["updateTasks"]["tasks"]} == {9}
    everything = {"where": {"priority": {"gte": 1}}, "atMost": 500}
    deleted = await caller.data(world.scene.owner, DELETE_TASKS, input=everything)
    assert deleted["deleteTasks"]["count"] == 6
    async with database.writer.connect() as connection:
        left = await connection.execute(text("SELECT id, priority FROM tasks"))
        assert [tuple(row) for row in left] == [(foreign.id, 2)]
