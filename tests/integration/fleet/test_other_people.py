"""Ids of other people's sessions: told, and nothing of theirs is touched."""

from uuid import UUID

import pytest
from sqlalchemy import text

from models.enums import ProjectStatus
from services.core.database import Database
from services.fleet import keys
from services.projects.archiving import archive
from tests.integration.fleet.digesting import TABLES, digested, person, rows
from tests.support.acting import action
from tests.support.claude_lines import Conversation
from tests.support.factories import make_instance, make_mcp_tool_call, make_project


def conversation(session: str | None = None) -> Conversation:
    """A short one."""
    told = Conversation(session)
    told.hook("SessionStart", source="startup")
    told.hook("UserPromptSubmit", prompt="Do it.", prompt_id="p1")
    told.tool("Write", {"file_path": "/home/dev/app/a.py", "content": "x"}, tool_id="toolu_1")
    told.lines({"type": "assistant", "requestId": "req_1", "message": {
        "id": "m", "model": "claude-sonnet-4-5", "content": [], "usage": {"input_tokens": 5}}})  # fmt: skip
    told.hook("Stop", last_assistant_message="Done.")
    return told


async def test_two_people_with_the_same_session_id_have_a_session_each(database: Database) -> None:
    first, second = await person(database), await person(database)
    told = conversation()
    assert (await digested(database, first, told.records)).problems == ()
    before = {table: await rows(database, table) for table in TABLES}

    problems = (await digested(database, second, told.records)).problems

    (problem,) = problems
    assert "belongs to another person" in problem.message
    own = keys.session_of(told.session, second.user_id)
    after = {table: await rows(database, table) for table in TABLES}
    for table, known in before.items():
        for row in known:
            assert row in after[table], table
        assert len(after[table]) == 2 * len(known), table
    sessions = {row["user_id"]: row for row in after["sessions"]}
    assert sessions[first.user_id]["session_id"] == told.key
    assert sessions[second.user_id]["session_id"] == own
    assert sessions[second.user_id]["claude_session_id"] == told.session
    assert {row["user_id"] for row in after["cc_usage"]} == {first.user_id, second.user_id}


async def test_each_of_them_goes_on_in_their_own(database: Database) -> None:
    first, second = await person(database), await person(database)
    told = conversation()
    await digested(database, first, told.records)
    await digested(database, second, told.records)
    more = told.hook("SessionEnd", reason="other")

    await digested(database, second, [more])

    found = {row["user_id"]: row["status"] for row in await rows(database, "sessions")}
    assert found == {first.user_id: "running", second.user_id: "stopped"}


async def test_an_instance_of_another_person_with_the_key_of_a_session_is_left_alone(
    database: Database,
) -> None:
    victim, other = await person(database), await person(database)
    told = conversation()
    async with database.writer.begin() as connection:
        project = await make_project(connection, owner_id=victim.user_id)
        await make_instance(connection, id=told.key, project_id=project.project_id, name="theirs")
    before = await rows(database, "cc_instances")

    problems = (await digested(database, other, told.records)).problems

    assert "belongs to another person" in problems[0].message
    found = await rows(database, "cc_instances")
    assert [row for row in found if row["id"] == told.key] == before
    assert keys.session_of(told.session, other.user_id) in {row["id"] for row in found}


async def test_a_tool_call_of_others_under_a_key_of_the_session_is_left_alone(database: Database) -> None:
    victim, other = await person(database), await person(database)
    told = conversation()
    taken = keys.tool_call(told.key, "toolu_1")
    async with database.writer.begin() as connection:
        project = await make_project(connection, owner_id=victim.user_id)
        instance = await make_instance(connection, project_id=project.project_id)
        await make_mcp_tool_call(connection, id=taken, cc_instance_id=instance.id, tool_name="theirs")
    before = await rows(database, "mcp_tool_calls")

    problems = (await digested(database, other, told.records)).problems
    await digested(database, other, told.records)

    assert any("is there already" in problem.message for problem in problems)
    assert await rows(database, "mcp_tool_calls") == before
    assert len(await rows(database, "sessions")) == 1


async def test_a_session_of_an_archived_project_rests(database: Database) -> None:
    who = await person(database)
    told = conversation()
    await digested(database, who, told.records)
    (project,) = await rows(database, "projects")
    await digested(database, who, [told.hook("SessionEnd", reason="other")])
    await archive(action(database, who), await number(database))
    before = {table: await rows(database, table) for table in TABLES}

    problems = (await digested(database, who, [told.hook("SessionEnd", reason="other")])).problems

    assert [problem.message for problem in problems] == [
        f"The project of session {told.session} is archived; restoreProject brings it back."
    ]
    assert {table: await rows(database, table) for table in TABLES} == before
    assert project["status"] == ProjectStatus.ACTIVE


async def number(database: Database) -> int:
    """The key of the only project."""
    async with database.writer.connect() as connection:
        found = await connection.execute(text("SELECT id FROM projects"))
        return int(found.scalar_one())


async def test_who_may_not_change_the_project_any_more_touches_nothing(database: Database) -> None:
    owner, guest = await person(database), await person(database)
    told = conversation()
    async with database.writer.begin() as connection:
        project = await make_project(
            connection,
            owner_id=owner.user_id,
            local_path="/home/dev/app",
            collaborators=[{"user_id": guest.user_id, "role": "editor"}],
        )
    await digested(database, guest, told.records[:3])
    assert {row["project_id"] for row in await rows(database, "cc_instances")} == {project.project_id}
    async with database.writer.begin() as connection:
        await connection.execute(text("UPDATE projects SET collaborators = '[]'"))
    before = {table: await rows(database, table) for table in TABLES}

    problems = (await digested(database, guest, told.records)).problems

    assert [problem.message for problem in problems] == [
        f"An instance of session {told.session} is in a project that you may not change."
    ]
    assert {table: await rows(database, table) for table in TABLES} == before


@pytest.mark.parametrize("odd", ["not-a-uuid", "../../etc", "x" * 3_000, "0" * 36, "\0", "名前"])
async def test_ids_that_are_no_uuid_are_hashed(database: Database, odd: str) -> None:
    who = await person(database)
    told = Conversation(odd)
    told.hook("UserPromptSubmit", prompt="Do it.", prompt_id="p1")
    told.tool("Bash", {"command": "ls"})

    assert (await digested(database, who, told.records)).problems == ()

    (row,) = await rows(database, "sessions")
    assert row["session_id"] == keys.session(odd)
    assert isinstance(row["session_id"], UUID)
