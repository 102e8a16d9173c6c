"""A project's collaborators and owner: changed by the owner, and no entry lost or doubled in a rush.

An administrator adds and gives at once; `test_invitations.py` tells of those who are asked first.
"""

import asyncio
from typing import Any

from sqlalchemy import text

from services.core.database import Database
from tests.integration.writing.asking import Caller
from tests.integration.writing.conftest import Scene
from tests.support.factories import make_user

ADD = """mutation($input: AddCollaboratorInput!) {
  addCollaborator(input: $input) { project { collaborators } }
}"""
CHANGE = """mutation($input: ChangeCollaboratorRoleInput!) {
  changeCollaboratorRole(input: $input) { project { collaborators } }
}"""
REMOVE = """mutation($input: RemoveCollaboratorInput!) {
  removeCollaborator(input: $input) { project { collaborators } }
}"""
TRANSFER = """mutation($input: TransferProjectInput!) {
  transferProject(input: $input) { project { owner { id } } }
}"""


async def stored(database: Database, scene: Scene) -> tuple[int, list[dict[str, Any]]]:
    """The owner and the list of the scene's project."""
    async with database.writer.connect() as connection:
        result = await connection.execute(
            text("SELECT owner_id, collaborators FROM projects WHERE id = :id"), {"id": scene.project.id}
        )
        row = result.one()
    return row.owner_id, row.collaborators if isinstance(row.collaborators, list) else []


async def test_a_collaborator_is_added_once_given_another_role_and_removed(
    database: Database, scene: Scene, caller: Caller
) -> None:
    person = {"id": scene.project.id, "userId": scene.stranger.user_id}
    before = (await stored(database, scene))[1]

    await caller.data(scene.administrator, ADD, input=person | {"role": "VIEWER"})
    await caller.data(scene.administrator, ADD, input=person | {"role": "VIEWER"})
    added = (await stored(database, scene))[1]
    await caller.data(scene.owner, CHANGE, input=person | {"role": "EDITOR"})
    changed = (await stored(database, scene))[1]
    await caller.data(scene.owner, REMOVE, input=person)
    await caller.data(scene.owner, REMOVE, input=person)

    assert added == [*before, {"user_id": scene.stranger.user_id, "role": "viewer"}]
    assert changed == [*before, {"user_id": scene.stranger.user_id, "role": "editor"}]
    assert (await stored(database, scene))[1] == before


async def test_a_rush_of_changes_loses_and_doubles_nobody(
    database: Database, scene: Scene, caller: Caller
) -> None:
    async with database.writer.begin() as connection:
        crowd = [(await make_user(connection)).id for _ in range(12)]
    at = {"id": scene.project.id}

    await asyncio.gather(
        *(caller.data(scene.administrator, ADD, input=at | {"userId": user}) for user in crowd * 2)
    )
    added = (await stored(database, scene))[1]
    await asyncio.gather(
        *(caller.data(scene.owner, REMOVE, input=at | {"userId": user}) for user in crowd[:6]),
        *(
            caller.data(scene.owner, CHANGE, input=at | {"userId": user, "role": "EDITOR"})
            for user in crowd[6:]
        ),
    )

    roles = [(entry["user_id"], entry["role"]) for entry in (await stored(database, scene))[1]]
    assert sorted(entry["user_id"] for entry in added) == sorted(
        [scene.editor.user_id, scene.viewer.user_id, *crowd]
    )
    assert sorted(roles) == sorted(
        [
            (scene.editor.user_id, "editor"),
            (scene.viewer.user_id, "viewer"),
            *((user, "editor") for user in crowd[6:]),
        ]
    )


async def test_only_the_owner_decides_who_works_on_a_project(
    database: Database, scene: Scene, caller: Caller
) -> None:
    before = await stored(database, scene)
    person = {"id": scene.project.id, "userId": scene.viewer.user_id}

    assert await caller.refusal(scene.editor, ADD, input=person) == ("FORBIDDEN", "input.id")
    assert await caller.refusal(scene.viewer, CHANGE, input=person | {"role": "EDITOR"}) == (
        "FORBIDDEN",
        "input.id",
    )
    assert await caller.refusal(scene.editor, REMOVE, input=person) == ("FORBIDDEN", "input.id")
    assert await caller.refusal(scene.stranger, ADD, input=person) == ("NOT_FOUND", "input.id")
    transfer = {"id": scene.project.id, "newOwnerId": scene.editor.user_id}
    assert await caller.refusal(scene.editor, TRANSFER, input=transfer) == ("FORBIDDEN", "input.id")
    assert await stored(database, scene) == before


async def test_a_collaborator_may_leave_and_then_sees_the_project_no_more(
    database: Database, scene: Scene, caller: Caller
) -> None:
    person = {"id": scene.project.id, "userId": scene.viewer.user_id}

    data = await caller.data(scene.viewer, REMOVE, input=person)

    assert data["removeCollaborator"]["project"] is None
    assert (await stored(database, scene))[1] == [{"user_id": scene.editor.user_id, "role": "editor"}]


async def test_nobody_who_is_not_there_or_owns_the_project_becomes_a_collaborator(
    database: Database, scene: Scene, caller: Caller
) -> None:
    before = await stored(database, scene)
    at = {"id": scene.project.id}

    assert await caller.refusal(scene.owner, ADD, input=at | {"userId": 987654}) == (
        "NOT_FOUND",
        "input.userId",
    )
    assert await caller.refusal(scene.owner, ADD, input=at | {"userId": scene.owner.user_id}) == (
        "CONFLICT",
        "input.userId",
    )
    assert await caller.refusal(scene.owner, ADD, input=at | {"userId": scene.editor.user_id}) == (
        "CONFLICT",
        "input.role",
    )
    assert await stored(database, scene) == before


async def test_a_transferred_project_has_one_owner_and_keeps_the_former_one_if_asked(
    database: Database, scene: Scene, caller: Caller
) -> None:
    transfer = {"id": scene.project.id, "newOwnerId": scene.editor.user_id, "keepAs": "VIEWER"}

    data = await caller.data(scene.administrator, TRANSFER, input=transfer)

    assert data["transferProject"]["project"] == {"owner": {"id": scene.editor.user_id}}
    assert await stored(database, scene) == (
        scene.editor.user_id,
        [
            {"user_id": scene.viewer.user_id, "role": "viewer"},
            {"user_id": scene.owner.user_id, "role": "viewer"},
        ],
    )
