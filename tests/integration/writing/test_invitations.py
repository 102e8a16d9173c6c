"""Nobody works on a project, owns one or is written to by its people before having said yes."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.core.database import Database
from services.core.principal import Principal
from services.projects.invitations import MOST_PENDING
from tests.integration.writing.asking import Caller, mutation
from tests.integration.writing.conftest import Scene
from tests.integration.writing.test_collaborators import stored
from tests.integration.writing.test_notifications import SEND, telling
from tests.support.factories import (
    make_invitation,
    make_notification_setting,
    make_project,
    make_user,
    make_websocket_session,
)

ADD = mutation("addCollaborator", "project { id } invitation { id state role }")
TRANSFER = mutation("transferProject", "project { owner { id } } invitation { id state role keepAs }")
ACCEPT = mutation("acceptInvitation", "invitation { state } project { name collaborators owner { id } }")
DECLINE = mutation("declineInvitation", "invitation { state answeredAt }")
WITHDRAW = mutation("withdrawInvitation", "invitation { state }")
REMOVE = mutation("removeCollaborator")
MINE = """{ projectInvitations(where: {state: {eq: PENDING}}) {
  nodes { id role projectName project { name } invitedBy { username } user { username } }
} }"""


async def invite(
    scene: Scene, caller: Caller, person: Principal | None = None, role: str = "EDITOR"
) -> dict[str, Any]:
    """The invitation of the stranger to the scene's project."""
    user_id = (person or scene.stranger).user_id
    given = {"id": scene.project.id, "userId": user_id, "role": role}
    invitation: dict[str, Any] = (await caller.data(scene.owner, ADD, input=given))["addCollaborator"][
        "invitation"
    ]
    return invitation


async def pending(caller: Caller, person: Principal) -> list[dict[str, Any]]:
    """The invitations that the person sees and that wait."""
    nodes: list[dict[str, Any]] = (await caller.data(person, MINE))["projectInvitations"]["nodes"]
    return nodes


async def test_nothing_is_sent_to_a_person_who_has_not_accepted(
    database: Database, scene: Scene, caller: Caller
) -> None:
    async with database.writer.begin() as connection:
        for service in ("slack", "web_push"):
            await make_notification_setting(connection, user_id=scene.stranger.user_id, service_type=service)
    told = telling(scene.stranger.user_id)
    forbidden = ("FORBIDDEN", "input.userIds.0")

    assert await caller.refusal(scene.owner, SEND, input=told) == forbidden
    await invite(scene, caller)
    assert await caller.refusal(scene.owner, SEND, input=told) == forbidden
    transfer = {"id": scene.project.id, "newOwnerId": scene.stranger.user_id, "keepAs": "EDITOR"}
    offered = (await caller.data(scene.owner, TRANSFER, input=transfer))["transferProject"]
    assert offered["invitation"] == {
        **offered["invitation"],
        "role": "OWNER",
        "keepAs": "EDITOR",
        "state": "PENDING",
    }
    assert await caller.refusal(scene.owner, SEND, input=told) == forbidden
    assert await caller.refusal(scene.stranger, SEND, input=telling(scene.owner.user_id)) == forbidden

    await caller.data(scene.stranger, ACCEPT, input={"id": offered["invitation"]["id"]})

    assert (await caller.data(scene.owner, SEND, input=told))["result"]["count"] == 2


async def test_the_person_sees_the_invitation_and_not_the_project_and_joins_by_accepting(
    database: Database, scene: Scene, caller: Caller
) -> None:
    before = await stored(database, scene)
    invitation = await invite(scene, caller)
    again = await invite(scene, caller)
    query = "query($id: Int!) { project(by: {id: $id}) { name } }"

    assert again == invitation
    assert await stored(database, scene) == before
    assert (await caller.data(scene.stranger, query, id=scene.project.id))["project"] is None
    assert await pending(caller, scene.stranger) == [
        {
            "id": invitation["id"],
            "role": "EDITOR",
            "projectName": scene.project.name,
            "project": None,
            "invitedBy": {"username": scene.owner.username},
            "user": {"username": scene.stranger.username},
        }
    ]
    assert len(await pending(caller, scene.owner)) == 1
    assert await pending(caller, scene.editor) == await pending(caller, scene.viewer) == []

    for _ in range(2):
        accepted = await caller.data(scene.stranger, ACCEPT, input={"id": invitation["id"]})
        assert accepted["acceptInvitation"]["invitation"]["state"] == "ACCEPTED"
    assert (await stored(database, scene))[1] == [
        *before[1],
        {"user_id": scene.stranger.user_id, "role": "editor"},
    ]
    assert (await caller.data(scene.stranger, query, id=scene.project.id))["project"] is not None


async def test_a_project_changes_hands_once_the_new_owner_has_accepted(
    database: Database, scene: Scene, caller: Caller
) -> None:
    other = await invite(scene, caller, scene.stranger)
    transfer = {"id": scene.project.id, "newOwnerId": scene.editor.user_id, "keepAs": "VIEWER"}
    offered = (await caller.data(scene.owner, TRANSFER, input=transfer))["transferProject"]
    assert offered["project"] == {"owner": {"id": scene.owner.user_id}}
    assert await caller.refusal(scene.editor, mutation("archiveProject"), input={"id": scene.project.id}) == (
        "FORBIDDEN",
        "input.id",
    )

    await caller.data(scene.editor, ACCEPT, input={"id": offered["invitation"]["id"]})

    assert await stored(database, scene) == (
        scene.editor.user_id,
        [
            {"user_id": scene.viewer.user_id, "role": "viewer"},
            {"user_id": scene.owner.user_id, "role": "viewer"},
        ],
    )
    # What the former owner has offered is not the new one's word.
    assert await caller.refusal(scene.stranger, ACCEPT, input={"id": other["id"]}) == (
        "CONFLICT",
        "input.id",
    )


async def test_an_invitation_of_somebody_who_owns_the_project_no_more_is_void(
    database: Database, scene: Scene, caller: Caller
) -> None:
    invitation = await invite(scene, caller)
    async with database.writer.begin() as connection:
        await connection.execute(
            text("UPDATE projects SET owner_id = :owner"), {"owner": scene.editor.user_id}
        )

    assert await caller.refusal(scene.stranger, ACCEPT, input={"id": invitation["id"]}) == (
        "CONFLICT",
        "input.id",
    )


async def test_only_the_person_answers_and_only_who_asked_takes_back(
    database: Database, scene: Scene, caller: Caller
) -> None:
    invitation = await invite(scene, caller)
    key = {"id": invitation["id"]}
    before = await stored(database, scene)

    for person in (scene.owner, scene.editor, scene.viewer, scene.administrator):
        assert await caller.refusal(person, ACCEPT, input=key) == ("NOT_FOUND", "input.id")
        assert await caller.refusal(person, DECLINE, input=key) == ("NOT_FOUND", "input.id")
    for person in (scene.editor, scene.viewer):
        assert await caller.refusal(person, WITHDRAW, input=key) == ("NOT_FOUND", "input.id")
    assert await caller.refusal(scene.stranger, WITHDRAW, input=key) == ("FORBIDDEN", "input.id")
    for document in (ACCEPT, DECLINE, WITHDRAW):
        missing = await caller.refusal(scene.stranger, document, input={"id": uuid4()})
        assert missing == ("NOT_FOUND", "input.id")
    assert await stored(database, scene) == before
    assert len(await pending(caller, scene.stranger)) == 1


@pytest.mark.parametrize("how", ["withdrawInvitation", "removeCollaborator"])
async def test_what_was_taken_back_is_accepted_no_more(
    database: Database, scene: Scene, caller: Caller, how: str
) -> None:
    invitation = await invite(scene, caller)
    before = await stored(database, scene)
    given = {"id": invitation["id"]}
    if how == "removeCollaborator":
        given = {"id": scene.project.id, "userId": scene.stranger.user_id}
    for _ in range(2):
        await caller.data(scene.owner, mutation(how), input=given)

    assert await caller.refusal(scene.stranger, ACCEPT, input={"id": invitation["id"]}) == (
        "CONFLICT",
        "input.id",
    )
    assert await stored(database, scene) == before
    assert (await invite(scene, caller))["state"] == "PENDING"


async def test_who_has_declined_is_left_alone_for_a_day(
    database: Database, scene: Scene, caller: Caller
) -> None:
    invitation = await invite(scene, caller)
    for _ in range(2):
        await caller.data(scene.stranger, DECLINE, input={"id": invitation["id"]})

    again = {"id": scene.project.id, "userId": scene.stranger.user_id, "role": "EDITOR"}
    assert await caller.refusal(scene.owner, ADD, input=again) == ("CONFLICT", "input.userId")
    offer = {"id": scene.project.id, "newOwnerId": scene.stranger.user_id}
    assert await caller.refusal(scene.owner, TRANSFER, input=offer) == ("CONFLICT", "input.newOwnerId")
    async with database.writer.begin() as connection:
        await connection.execute(
            text("UPDATE project_invitations SET answered_at = now() - interval '25 hours'")
        )
    assert (await invite(scene, caller))["state"] == "PENDING"


async def test_invitations_that_wait_are_bounded_also_in_a_rush(
    database: Database, scene: Scene, caller: Caller
) -> None:
    async with database.writer.begin() as connection:
        crowd = [await make_user(connection) for _ in range(MOST_PENDING + 6)]
        for person in crowd[: MOST_PENDING - 2]:
            await make_invitation(
                connection,
                project_id=scene.project.id,
                user_id=person.id,
                invited_by=scene.owner.user_id,
            )
        projects = [await make_project(connection, owner_id=scene.owner.user_id) for _ in range(8)]

    responses = await asyncio.gather(
        *(
            caller.response(scene.owner, ADD, input={"id": project.id, "userId": person.id})
            for project, person in zip(projects, crowd[MOST_PENDING - 2 :], strict=True)
        )
    )

    codes = [error["extensions"]["code"] for response in responses for error in response.get("errors", ())]
    assert codes == ["QUOTA_EXCEEDED"] * 6


async def test_the_persons_connections_hear_that_there_is_one_and_nothing_that_the_sender_wrote(
    database: Database, scene: Scene, caller: Caller
) -> None:
    async with database.writer.begin() as connection:
        socket = await make_websocket_session(connection, user_id=scene.stranger.user_id)
        projects = [
            await make_project(connection, owner_id=scene.owner.user_id, name="Your account is locked")
            for _ in range(3)
        ]
    invitation = await invite(scene, caller)
    for project in projects:
        await caller.data(scene.owner, ADD, input={"id": project.id, "userId": scene.stranger.user_id})

    events = "{ websocketNotifications { nodes { socketId eventName payload } } }"
    heard = (await caller.data(scene.stranger, events))["websocketNotifications"]["nodes"]
    assert heard == [
        {
            "socketId": str(socket.id),
            "eventName": "project_invitation",
            "payload": {"invitation_id": invitation["id"]},
        }
    ]
    assert len(await pending(caller, scene.stranger)) == 4


async def test_an_administrator_adds_and_gives_at_once(
    database: Database, scene: Scene, caller: Caller
) -> None:
    invitation = await invite(scene, caller)
    given = {"id": scene.project.id, "userId": scene.stranger.user_id, "role": "VIEWER"}

    added = (await caller.data(scene.administrator, ADD, input=given))["addCollaborator"]

    assert added["invitation"] is None
    assert (await stored(database, scene))[1][-1] == {"user_id": scene.stranger.user_id, "role": "viewer"}
    late = await caller.refusal(scene.stranger, ACCEPT, input={"id": invitation["id"]})
    assert late == ("CONFLICT", "input.id")


async def test_no_answer_tells_whether_an_account_is_active(
    database: Database, scene: Scene, caller: Caller
) -> None:
    async with database.writer.begin() as connection:
        people = [await make_user(connection, is_active=active) for active in (True, False)]

    answers = []
    for person in people:
        given = {"id": scene.project.id, "userId": person.id}
        added = (await caller.response(scene.owner, ADD, input=given))["data"]["addCollaborator"]
        offer = {"id": scene.project.id, "newOwnerId": person.id}
        offered = (await caller.response(scene.owner, TRANSFER, input=offer))["data"]["transferProject"]
        told = await caller.refusal(scene.owner, SEND, input=telling(person.id))
        answers.append((added["invitation"]["state"], offered["invitation"]["state"], told))

    assert answers[0] == answers[1] == ("PENDING", "PENDING", ("FORBIDDEN", "input.userIds.0"))


async def test_accepting_and_taking_back_at_once_leaves_the_list_and_the_state_in_agreement(
    database: Database, scene: Scene, caller: Caller
) -> None:
    async with database.writer.begin() as connection:
        crowd = [await make_user(connection) for _ in range(8)]
    people = [Principal(user.id, user.username, False) for user in crowd]
    keys = [{"id": (await invite(scene, caller, person))["id"]} for person in people]

    await asyncio.gather(
        *(caller.response(person, ACCEPT, input=key) for person, key in zip(people, keys, strict=True)),
        *(caller.response(scene.owner, WITHDRAW, input=key) for key in keys),
    )

    async with database.writer.connect() as connection:
        found = await connection.execute(text("SELECT user_id, state FROM project_invitations"))
        states = {row.user_id: row.state for row in found}
    listed = [entry["user_id"] for entry in (await stored(database, scene))[1]]
    accepted = [user for user, state in states.items() if state == "accepted"]
    assert sorted(listed) == sorted([scene.editor.user_id, scene.viewer.user_id, *accepted])
    assert set(states.values()) <= {"accepted", "withdrawn"}
