"""Which project a session belongs to."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.core.database import Database
from services.fleet import keys
from services.fleet.places import normalised
from tests.integration.fleet.digesting import digested, person, rows
from tests.support.claude_code import exports
from tests.support.claude_lines import BEGAN, Conversation
from tests.support.factories import make_project, make_user


async def setting(database: Database, key: str, value: str) -> None:
    async with database.writer.begin() as connection:
        await connection.execute(
            text("UPDATE system_settings SET setting_value = CAST(:value AS jsonb) WHERE setting_key = :key"),
            {"key": key, "value": value},
        )


async def project_of(database: Database, told: Conversation) -> Any:
    """The id of the project of a session, and of all that belongs to it."""
    async with database.writer.connect() as connection:
        found = await connection.execute(
            text(
                "SELECT p.project_id, i.project_id FROM sessions s JOIN projects p ON p.id = s.project_id"
                " JOIN cc_instances i ON i.id = s.session_id WHERE s.session_id = :key"
            ),
            {"key": told.key},
        )
        of_session, of_instance = found.one()
    assert of_session == of_instance
    return of_session


def session_in(cwd: str, **more: Any) -> Conversation:
    told = Conversation(cwd=cwd)
    told.hook("SessionStart", source="startup", **more)
    told.hook("UserPromptSubmit", prompt="Do it.", prompt_id="p", **more)
    return told


async def test_sessions_of_one_directory_share_a_new_project(database: Database) -> None:
    who = await person(database)
    first, second, elsewhere = session_in("/srv/app"), session_in("/srv/app/"), session_in("/srv/other")

    for told in (first, second, elsewhere):
        assert (await digested(database, who, told.records)).problems == ()

    assert await project_of(database, first) == await project_of(database, second)
    assert await project_of(database, elsewhere) != await project_of(database, first)
    assert {(row["name"], row["local_path"]) for row in await rows(database, "projects")} == {
        ("app", "/srv/app"),
        ("other", "/srv/other"),
    }


@pytest.mark.parametrize("column", ["local_path", "git_repository"])
async def test_a_project_with_this_path_is_taken(database: Database, column: str) -> None:
    who = await person(database)
    async with database.writer.begin() as connection:
        project = await make_project(connection, owner_id=who.user_id, **{column: "/srv/app"})
    told = session_in("/srv/app")

    await digested(database, who, told.records)

    assert await project_of(database, told) == project.project_id


async def test_a_project_that_others_share_for_changing_is_taken_and_one_for_looking_is_not(
    database: Database,
) -> None:
    who = await person(database)
    async with database.writer.begin() as connection:
        owner = await make_user(connection)
        shared = await make_project(
            connection,
            owner_id=owner.id,
            local_path="/srv/shared",
            collaborators=[{"user_id": who.user_id, "role": "editor"}],
        )
        await make_project(
            connection,
            owner_id=owner.id,
            local_path="/srv/looked-at",
            collaborators=[{"user_id": who.user_id, "role": "viewer"}],
        )
    changing, looking = session_in("/srv/shared"), session_in("/srv/looked-at")

    await digested(database, who, [*changing.records, *looking.records])

    assert await project_of(database, changing) == shared.project_id
    assert await project_of(database, looking) == keys.project(who.user_id, "/srv/looked-at")


async def test_a_project_of_the_same_repository_is_taken(database: Database) -> None:
    who = await person(database)
    async with database.writer.begin() as connection:
        project = await make_project(
            connection, owner_id=who.user_id, repository_url="https://github.com/Acme/App.git"
        )
    told = session_in("/srv/clone", git_remote="git@github.com:acme/app.git")

    await digested(database, who, told.records)

    assert await project_of(database, told) == project.project_id


@pytest.mark.parametrize(
    "remote",
    [
        "git@github.com:acme/app.git",
        "ssh://git@github.com/acme/app",
        "https://user:token@github.com/acme/app.git/",
        "https://github.com:443/Acme/App",
        "git://github.com/acme/app.git",
    ],
)
def test_a_remote_is_the_same_in_all_spellings(remote: str) -> None:
    assert normalised(remote) == "github.com/acme/app"


async def test_a_worktree_belongs_to_the_project_of_its_main_checkout(database: Database) -> None:
    who = await person(database)
    main, beside = session_in("/srv/app"), session_in("/srv/app/.claude/worktrees/feature-b")
    apart = session_in("/tmp/elsewhere")
    apart.lines(
        {
            "type": "worktree-state",
            "worktreeSession": {
                "originalCwd": "/srv/app",
                "worktreePath": "/tmp/elsewhere",
                "worktreeName": "elsewhere",
                "worktreeBranch": "elsewhere",
                "originalBranch": "main",
            },
        }
    )

    await digested(database, who, [*main.records, *beside.records, *apart.records])

    expected = await project_of(database, main)
    assert await project_of(database, beside) == expected
    assert await project_of(database, apart) == expected
    assert {row["worktree_name"] for row in await rows(database, "git_worktrees")} == {
        "feature-b",
        "elsewhere",
    }


async def test_a_setting_maps_directories_to_projects(database: Database) -> None:
    who = await person(database)
    async with database.writer.begin() as connection:
        project = await make_project(connection, owner_id=who.user_id)
    await setting(
        database,
        "fleet.directory_projects",
        f'[7, {{"directory": "/srv/many/*", "project_id": "{project.project_id}"}},'
        f' {{"directory": "/srv/*", "project_id": "{uuid4()}"}}]',
    )
    mapped, other = session_in("/srv/many/one"), session_in("/srv/app")

    await digested(database, who, [*mapped.records, *other.records])

    assert await project_of(database, mapped) == project.project_id
    assert await project_of(database, other) == keys.project(who.user_id, "/srv/app")


async def test_beyond_the_limit_sessions_go_into_one_project_and_it_is_told(database: Database) -> None:
    who = await person(database)
    await setting(database, "fleet.max_projects", "1")
    first, second, third = (session_in(f"/srv/{name}") for name in ("a", "b", "c"))
    await digested(database, who, first.records)

    found = await digested(database, who, [*second.records, *third.records])

    assert {problem.message for problem in found.problems} == {
        "You own 1 projects, so new directories get none of their own; delete some,"
        " or ask an administrator to raise fleet.max_projects."
    }
    spare = keys.project(who.user_id, "")
    assert await project_of(database, second) == await project_of(database, third) == spare
    assert await project_of(database, first) != spare
    assert len(await rows(database, "projects")) == 2


async def test_a_session_whose_directory_is_told_later_moves_to_its_project(database: Database) -> None:
    who = await person(database)
    told = Conversation(next(iter_session()))
    spans = [(source, at, body) for source, at, body in exports() if told.session in str(body)]
    for source, _, body in spans:
        told._add(source, body)
    await digested(database, who, told.records)
    assert await project_of(database, told) == keys.project(who.user_id, "")

    await digested(database, who, [told.hook("SessionEnd", cwd="/srv/app", reason="other")])

    assert await project_of(database, told) == keys.project(who.user_id, "/srv/app")
    assert [row["name"] for row in await rows(database, "projects")] == ["app"]
    assert {row["project_id"] for row in await rows(database, "cc_usage")} == {
        keys.project(who.user_id, "/srv/app")
    }


def iter_session() -> Any:
    """A session of the recordings."""
    yield "fd79a5b7-4737-498a-ac88-e9d74e3e0e49"


async def test_a_person_s_own_names_and_places_stay(database: Database) -> None:
    who = await person(database)
    told = session_in("/srv/app")
    await digested(database, who, told.records)
    async with database.writer.begin() as connection:
        project = await make_project(connection, owner_id=who.user_id)
        await connection.execute(
            text("UPDATE sessions SET name = 'Mine', project_id = :project"), {"project": project.id}
        )

    await digested(database, who, [told.hook("Stop"), told.hook("SessionEnd", reason="other")])

    (row,) = await rows(database, "sessions")
    assert (row["name"], row["status"]) == ("Mine", "stopped")
    assert await project_of(database, told) == project.project_id
    assert row["created_at"] > BEGAN
