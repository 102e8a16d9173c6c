"""An archived project goes out of the way with all that belongs to it, and comes back complete."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import JSON, text
from sqlalchemy.exc import DBAPIError

from app.config.settings import Settings
from services.core.database import Connection, Database
from services.projects.archiving import Departure, next_due
from services.projects.restoring import Return
from tests.integration.writing.asking import Caller
from tests.integration.writing.conftest import Scene
from tests.support import factories as make
from tests.support.maintaining import bring_back, maintain, move
from tests.support.waiting import until, until_locked_out

ARCHIVE = "mutation($id: Int!) { archiveProject(input: {id: $id}) { project { status archivedAt } } }"
RESTORE = "mutation($id: Int!) { restoreProject(input: {id: $id}) { project { status archivedAt } } }"

BELONGING = (
    *("cc_instances", "tasks", "task_dependencies", "git_worktrees", "requirements", "features"),
    *("websocket_notifications", "mcp_messages", "mcp_tool_calls", "ultrathink_messages"),
    *("cc_usage", "cc_permission_requests"),
    *("cc_logs", "task_logs"),
)
LINKED = ("sessions", "worktrees", "projects")
NEW_AFTERWARDS = ["updated_at", "last_activity"]

GONE = (
    *("cc_instances", "tasks", "task_dependencies", "git_worktrees", "requirements", "features"),
    *("websocket_notifications", "mcp_messages", "mcp_tool_calls", "ultrathink_messages"),
    "cc_permission_requests",
)


@pytest.fixture
async def full(database: Database, scene: Scene) -> None:
    """The scene's project with two rows of everything, and a second project that stays."""
    async with database.writer.begin() as connection:
        other = await make.make_project(connection)
        for project in (scene.project, other):
            of = {"project_id": project.project_id}
            parent = await make.make_instance(connection, **of, environment_vars={"A": "1"})
            child = await make.make_instance(connection, **of, parent_instance_id=parent.id)
            first = await make.make_task(connection, **of, assigned_to=child.id, output_data={"n": [1, None]})
            second = await make.make_task(connection, **of, parent_task_id=first.id)
            await make.make_task_dependency(connection, task_id=second.id, dependency_task_id=first.id)
            await make.make_git_worktree(connection, **of, cc_instance_id=child.id, task_id=first.id)
            await make.make_requirement(connection, **of)
            await make.make_feature(connection, **of)
            await make.make_websocket_notification(connection, **of)
            message = await make.make_mcp_message(connection, cc_instance_id=child.id)
            await make.make_mcp_tool_call(
                connection, cc_instance_id=child.id, message_id=message.id, result=JSON.NULL
            )
            await make.make_ultrathink_message(
                connection, parent_instance_id=parent.id, child_instance_id=child.id, task_id=first.id
            )
            await make.make_cc_log(connection, cc_instance_id=child.id, task_id=first.id)
            await make.make_task_log(connection, cc_instance_id=child.id, task_id=first.id)
            await make.make_usage(connection, cc_instance_id=child.id)
            await make.make_permission_request(connection, cc_instance_id=child.id)
            worktree = await make.make_worktree(
                connection, user_id=scene.owner.user_id, project_id=project.id
            )
            await make.make_worktree_sync(
                connection, source_worktree_id=worktree.worktree_id, commit_hash="a" * 40
            )
            for _ in range(2):
                await make.make_session(connection, user_id=scene.owner.user_id, project_id=project.id)


async def rows(database: Database, tables: Sequence[str]) -> dict[str, list[Any]]:
    """All rows of the tables, as JSON, but for what restoring itself changes."""
    found = {}
    async with database.writer.connect() as connection:
        for table in tables:
            # As text, a column that holds the JSON value null differs from an empty one.
            row = f"(to_jsonb(t) - '{{{','.join(NEW_AFTERWARDS)}}}'::text[])" if table in LINKED else "t"
            result = await connection.exec_driver_sql(f"SELECT {row}::text FROM {table} t ORDER BY t.id")
            found[table] = list(result.scalars())
    return found


async def test_a_moved_project_comes_back_with_every_row(
    database: Database, scene: Scene, caller: Caller, full: None
) -> None:
    before = await rows(database, (*BELONGING, *LINKED))
    assert all(len(found) >= 2 for found in before.values()), before

    await caller.data(scene.owner, ARCHIVE, id=scene.project.id)
    await move(database, scene.project.project_id)
    away = await rows(database, (*BELONGING, *LINKED))
    restored = await caller.data(scene.owner, RESTORE, id=scene.project.id)

    for table in GONE:
        assert len(away[table]) < len(before[table])
        assert not any(str(scene.project.project_id) in row for row in away[table])
    assert len(away["cc_logs"]) == len(before["cc_logs"])
    assert restored["restoreProject"]["project"] == {"status": "ACTIVE", "archivedAt": None}
    assert await rows(database, (*BELONGING, *LINKED)) == before
    archives = ("projects_archive", "tasks_archive", "mcp_messages_archive", "project_archive_rows")
    assert not any((await rows(database, archives)).values())


async def restore(caller: Caller, scene: Scene) -> dict[str, Any]:
    """The project as it comes back, by repeated calls where a refusal asks for that.

    A batch that a machine which stands still makes too long is undone, and the rest is left.
    """
    while True:
        response = await caller.response(scene.owner, RESTORE, id=scene.project.id)
        if "errors" not in response:
            data: dict[str, Any] = response["data"]
            return data
        assert "repeat the mutation" in response["errors"][0]["message"], response


@pytest.mark.parametrize("batches", [1, 2, 4, 6, 9, 12, 15, 18])
async def test_a_project_whose_move_was_broken_off_comes_back_and_moves_on(
    database: Database, scene: Scene, caller: Caller, full: None, batches: int
) -> None:
    before = await rows(database, (*BELONGING, *LINKED))
    await caller.data(scene.owner, ARCHIVE, id=scene.project.id)
    assert not await move(database, scene.project.project_id, most=1, batches=batches)

    restored = await restore(caller, scene)

    assert restored["restoreProject"]["project"] == {"status": "ACTIVE", "archivedAt": None}
    assert await rows(database, (*BELONGING, *LINKED)) == before
    archives = ("projects_archive", "tasks_archive", "mcp_messages_archive", "project_archive_rows")
    assert not any((await rows(database, archives)).values())

    await caller.data(scene.owner, ARCHIVE, id=scene.project.id)
    assert not await move(database, scene.project.project_id, most=1, batches=batches)
    assert await move(database, scene.project.project_id)
    await restore(caller, scene)
    assert await rows(database, (*BELONGING, *LINKED)) == before


async def test_one_that_is_restored_while_it_moves_stays(
    database: Database, scene: Scene, caller: Caller, full: None
) -> None:
    before = await rows(database, (*BELONGING, *LINKED))
    await caller.data(scene.owner, ARCHIVE, id=scene.project.id)
    moving = asyncio.create_task(move(database, scene.project.project_id, most=1))
    await until(lambda: moved_some(database))
    await caller.data(scene.owner, RESTORE, id=scene.project.id)
    assert not await moving
    assert await rows(database, (*BELONGING, *LINKED)) == before


ARCHIVES = ("projects_archive", "tasks_archive", "mcp_messages_archive", "project_archive_rows")


async def statuses(caller: Caller, scene: Scene) -> list[str]:
    found = await caller.data(scene.owner, "{ projects { nodes { id status } } }")
    return [one["status"] for one in found["projects"]["nodes"] if one["id"] == scene.project.id]


@pytest.mark.parametrize("by", ["its owner", "maintenance"])
@pytest.mark.parametrize("batches", [1, 2, 4, 7, 10, 13, 16])
async def test_a_return_that_was_broken_off_is_archived_until_it_is_complete(
    settings: Settings, database: Database, scene: Scene, caller: Caller, full: None, batches: int, by: str
) -> None:
    before = await rows(database, (*BELONGING, *LINKED))
    await caller.data(scene.owner, ARCHIVE, id=scene.project.id)
    assert await move(database, scene.project.project_id)

    assert not await bring_back(database, scene.project.project_id, batches=batches)

    assert await statuses(caller, scene) == ["ARCHIVED"]
    assert not await move(database, scene.project.project_id), "it moves away again"
    if by == "maintenance":
        assert (await maintain(settings, database))["archiving"].done == {"restored_projects": 1}
    else:
        await caller.data(scene.owner, RESTORE, id=scene.project.id)
    assert await statuses(caller, scene) == ["ACTIVE"]
    assert await rows(database, (*BELONGING, *LINKED)) == before
    assert not any((await rows(database, ARCHIVES)).values())


async def test_several_who_bring_a_project_back_at_once_take_turns(
    database: Database, scene: Scene, caller: Caller, full: None
) -> None:
    before = await rows(database, (*BELONGING, *LINKED))
    await caller.data(scene.owner, ARCHIVE, id=scene.project.id)
    assert await move(database, scene.project.project_id)

    answers = await asyncio.gather(
        *(caller.data(scene.owner, RESTORE, id=scene.project.id) for _ in range(3)),
        bring_back(database, scene.project.project_id),
        move(database, scene.project.project_id, most=1),
    )

    assert {str(answer["restoreProject"]["project"]["status"]) for answer in answers[:3]} == {"ACTIVE"}
    assert await rows(database, (*BELONGING, *LINKED)) == before
    assert not any((await rows(database, ARCHIVES)).values())


@pytest.mark.parametrize("batches", [2, 12])
async def test_one_that_is_archived_again_while_it_comes_back_stays_archived(
    settings: Settings, database: Database, scene: Scene, caller: Caller, full: None, batches: int
) -> None:
    before = await rows(database, (*BELONGING, *LINKED))
    await caller.data(scene.owner, ARCHIVE, id=scene.project.id)
    assert await move(database, scene.project.project_id)
    assert not await bring_back(database, scene.project.project_id, batches=batches)

    await caller.data(scene.owner, ARCHIVE, id=scene.project.id)

    assert await statuses(caller, scene) == ["ARCHIVED"]
    assert (await maintain(settings, database))["archiving"].done == {"projects": 1}
    assert await statuses(caller, scene) == []
    await caller.data(scene.owner, RESTORE, id=scene.project.id)
    assert await rows(database, (*BELONGING, *LINKED)) == before


async def test_tasks_below_tasks_come_back_from_the_top(
    database: Database, scene: Scene, caller: Caller
) -> None:
    above = None
    async with database.writer.begin() as connection:
        for number in range(12):
            task = await make.make_task(
                connection, project_id=scene.project.project_id, parent_task_id=above, name=f"{number}"
            )
            above = task.id
    before = await rows(database, ["tasks"])
    await caller.data(scene.owner, ARCHIVE, id=scene.project.id)
    assert await move(database, scene.project.project_id, most=1)

    assert await bring_back(database, scene.project.project_id, most=1)

    assert await rows(database, ["tasks"]) == before


BROKEN = """
CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE query_canceled; END $$;
CREATE TRIGGER broken BEFORE {event} ON projects FOR EACH ROW EXECUTE FUNCTION broken();
"""
MENDED = "DROP FUNCTION broken CASCADE"


@pytest.mark.parametrize("direction", ["away", "back"])
async def test_what_a_batch_has_done_that_is_undone_is_done_again(
    database: Database, plain: Connection, scene: Scene, caller: Caller, full: None, direction: str
) -> None:
    """The last statement of the batch fails, as one does that takes too long."""
    before = await rows(database, (*BELONGING, *LINKED))
    await caller.data(scene.owner, ARCHIVE, id=scene.project.id)
    project = scene.project.project_id
    journey: Departure | Return = Departure(project, datetime.now(UTC) + timedelta(days=99))
    if direction == "back":
        assert await move(database, project)
        assert not await bring_back(database, project, batches=0)
        journey = Return(project)
    await plain.execute(BROKEN.format(event="DELETE" if direction == "away" else "UPDATE OF status"))
    with pytest.raises(DBAPIError, match="query_canceled"):
        async with database.transaction() as connection:
            await journey.batch(connection, 1000)
    assert not journey.is_over
    await plain.execute(MENDED)
    async with database.transaction() as connection:
        await journey.batch(connection, 1000)
    assert journey.is_over

    await caller.data(scene.owner, RESTORE, id=scene.project.id)
    assert await rows(database, (*BELONGING, *LINKED)) == before


async def moved_some(database: Database) -> bool:
    return len((await rows(database, ["project_archive_rows"]))["project_archive_rows"]) > 3


async def test_what_comes_while_a_project_moves_goes_with_it(
    database: Database, scene: Scene, caller: Caller, full: None
) -> None:
    """A log or a message of an instance may come late; the one that is written last keeps its link, too."""
    await caller.data(scene.owner, ARCHIVE, id=scene.project.id)
    departure = Departure(scene.project.project_id, datetime.now(UTC) + timedelta(days=60))
    wanted = "SELECT id FROM cc_instances WHERE project_id = $1 LIMIT 1"
    late = 0
    while not departure.is_over:
        async with database.writer.begin() as connection:
            found = await connection.exec_driver_sql(wanted, (scene.project.project_id,))
            if (instance := found.scalar()) is not None:
                message = await make.make_mcp_message(connection, cc_instance_id=instance)
                await make.make_mcp_tool_call(connection, cc_instance_id=instance, message_id=message.id)
                await make.make_cc_log(connection, cc_instance_id=instance)
                late += 1
        async with database.transaction() as connection:
            await departure.batch(connection, 4)
    assert late > 3
    await caller.data(scene.owner, RESTORE, id=scene.project.id)
    there = await rows(database, ("mcp_messages", "mcp_tool_calls", "cc_logs"))
    assert {table: len(lines) for table, lines in there.items()} == dict.fromkeys(there, 2 + late)
    async with database.writer.connect() as connection:
        for table in there:
            links = await connection.exec_driver_sql(
                f"SELECT bool_and(cc_instance_id IS NOT NULL) FROM {table}"
            )
            assert links.scalar()


async def test_what_was_moved_can_be_read_by_those_who_could_before(
    database: Database, scene: Scene, caller: Caller, full: None
) -> None:
    await caller.data(scene.owner, ARCHIVE, id=scene.project.id)
    await move(database, scene.project.project_id)
    query = "{ projectsArchive { nodes { name tasks { totalCount } mcpMessages { totalCount } } } }"

    seen = await caller.data(scene.viewer, query)
    unseen = await caller.data(scene.stranger, query)

    expected = {"name": scene.project.name, "tasks": {"totalCount": 2}, "mcpMessages": {"totalCount": 1}}
    assert seen["projectsArchive"]["nodes"] == [expected]
    assert unseen["projectsArchive"]["nodes"] == []


async def test_maintenance_moves_what_has_long_been_archived_once(
    settings: Settings, database: Database, scene: Scene, caller: Caller, full: None
) -> None:
    await caller.data(scene.owner, ARCHIVE, id=scene.project.id)
    await maintain(settings, database)
    assert len((await rows(database, ["projects"]))["projects"]) == 2
    async with database.writer.begin() as connection:
        await connection.execute(
            text("UPDATE projects SET archived_at = now() - interval '31 days' WHERE status = 'archived'")
        )

    async def move_one() -> object:
        async with database.transaction() as connection:
            found = await next_due(connection, datetime.now(UTC), ())
        if found is not None:
            await move(database, found, most=1)
        return found

    await asyncio.gather(*(move_one() for _ in range(4)))

    archived = await rows(database, ["projects", "projects_archive", "tasks_archive"])
    assert [len(found) for found in archived.values()] == [1, 1, 2]


async def test_batches_that_begin_beside_the_first_one_wait_for_each_other_in_one_order(
    database: Database, database_url: str, plain: Connection, scene: Scene, caller: Caller, full: None
) -> None:
    await caller.data(scene.owner, ARCHIVE, id=scene.project.id)
    await plain.execute("UPDATE projects SET archived_at = '2020-01-01' WHERE status = 'archived'")
    key = scene.project.project_id

    async def batch() -> int:
        async with database.transaction() as connection:
            return await Departure(key, datetime.now(UTC)).batch(connection, 1000)

    async with database.transaction() as connection:
        await Departure(key, datetime.now(UTC)).batch(connection, 1)
        second = asyncio.create_task(batch())  # there is no row of the archive yet
        await until_locked_out(database_url)
        held = plain.transaction()
        await held.start()
        for table in BELONGING:
            await plain.execute(f"SELECT FROM {table} FOR KEY SHARE SKIP LOCKED")
    await until_locked_out(database_url)  # by what `plain` holds, while it holds the project
    third = asyncio.create_task(batch())
    await until_locked_out(database_url, 2)
    await held.rollback()
    done = await asyncio.gather(second, third)

    assert done[0] > 1
    assert done[1] == 0
    assert [len(found) for found in (await rows(database, ["projects", "projects_archive"])).values()] == [
        1,
        1,
    ]


async def test_a_project_that_was_not_yet_moved_is_restored_by_its_owner_only(
    database: Database, scene: Scene, caller: Caller
) -> None:
    refusals = [await caller.refusal(scene.editor, ARCHIVE, id=scene.project.id)]
    archived = await caller.data(scene.owner, ARCHIVE, id=scene.project.id)
    again = await caller.data(scene.owner, ARCHIVE, id=scene.project.id)
    refusals.append(await caller.refusal(scene.editor, RESTORE, id=scene.project.id))
    restored = await caller.data(scene.owner, RESTORE, id=scene.project.id)

    assert refusals == [("FORBIDDEN", "input.id")] * 2
    assert archived["archiveProject"]["project"]["status"] == "ARCHIVED"
    assert again == archived
    assert restored["restoreProject"]["project"] == {"status": "ACTIVE", "archivedAt": None}


async def test_a_moved_project_is_restored_by_its_owner_only(
    database: Database, scene: Scene, caller: Caller
) -> None:
    await caller.data(scene.owner, ARCHIVE, id=scene.project.id)
    await move(database, scene.project.project_id)

    assert await caller.refusal(scene.editor, RESTORE, id=scene.project.id) == ("FORBIDDEN", "input.id")
    assert await caller.refusal(scene.stranger, RESTORE, id=scene.project.id) == ("NOT_FOUND", "input.id")
    assert (await rows(database, ["projects"]))["projects"] == []


async def test_a_project_with_a_running_instance_is_not_archived(
    database: Database, scene: Scene, caller: Caller
) -> None:
    async with database.writer.begin() as connection:
        await connection.execute(text("UPDATE cc_instances SET status = 'RUNNING'"))

    assert await caller.refusal(scene.owner, ARCHIVE, id=scene.project.id) == ("CONFLICT", "input.id")
    patch = """mutation($id: Int!) {
      updateProject(input: {id: $id, patch: {status: ARCHIVED}}) { project { status } }
    }"""
    assert await caller.refusal(scene.owner, patch, id=scene.project.id) == (
        "CONFLICT",
        "input.patch.status",
    )
    async with database.writer.connect() as connection:
        assert await connection.scalar(text("SELECT status FROM projects")) == "active"
