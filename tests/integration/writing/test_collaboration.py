"""Sessions are shared with those who were invited, and with no more of them than there are places."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from services.core.database import Database
from services.core.principal import Principal
from tests.integration.writing.asking import Caller, mutation
from tests.integration.writing.conftest import Scene
from tests.support.factories import AnyRow, make_session, make_user

SHARE = """mutation($input: ShareSessionInput!) {
  shareSession(input: $input) { accessToken collaborationSession { id currentParticipants } }
}"""
JOIN = """mutation($input: JoinSharedSessionInput!) {
  joinSharedSession(input: $input) { participant { id state collaborationSession { session { name } } } }
}"""
APPROVE = "mutation($id: UUID!) { approveParticipant(input: {participantId: $id}) { participant { state } } }"
REFUSE = "mutation($id: UUID!) { refuseParticipant(input: {participantId: $id}) { participant { state } } }"
LEAVE = """mutation($id: Int!) {
  leaveSharedSession(input: {collaborationSessionId: $id}) { participant { state } }
}"""
END = """mutation($id: Int!) {
  endSharedSession(input: {collaborationSessionId: $id}) { collaborationSession { currentParticipants } }
}"""


@pytest.fixture
async def session(database: Database, scene: Scene) -> AnyRow:
    """A session of the owner, in no project."""
    async with database.writer.begin() as connection:
        return await make_session(connection, user_id=scene.owner.user_id)


async def share(scene: Scene, caller: Caller, session: AnyRow, **further: Any) -> tuple[str, int]:
    """The token and the key of a new sharing, by the owner."""
    data = await caller.data(scene.owner, SHARE, input={"sessionId": session.session_id, **further})
    payload = data["shareSession"]
    return payload["accessToken"], payload["collaborationSession"]["id"]


async def join(caller: Caller, person: Principal, token: str) -> Any:
    data = await caller.data(person, JOIN, input={"accessToken": token})
    return data["joinSharedSession"]["participant"]


async def people(database: Database, count: int) -> list[Principal]:
    async with database.writer.begin() as connection:
        users = [await make_user(connection) for _ in range(count)]
    return [Principal(user.id, user.username, False) for user in users]


async def stored(database: Database) -> tuple[AnyRow, dict[int, str]]:
    """The one sharing, and the state of each person."""
    async with database.writer.connect() as connection:
        shared = (await connection.execute(text("SELECT * FROM collaboration_sessions"))).one()
        states = await connection.execute(text("SELECT user_id, state FROM collaboration_participants"))
        return shared, {row.user_id: row.state for row in states}


async def test_the_token_is_shown_once_and_stored_as_a_hash(
    database: Database, scene: Scene, caller: Caller, session: AnyRow
) -> None:
    token, _ = await share(scene, caller, session)

    shared, _ = await stored(database)
    assert len(token) >= 43
    assert len(shared.access_token) == 64
    assert token not in shared.access_token
    assert (shared.share_mode, shared.max_participants, shared.host_user_id) == (
        "read_only",
        5,
        scene.owner.user_id,
    )


async def test_whoever_asks_sees_the_session_once_the_host_has_approved(
    database: Database, scene: Scene, caller: Caller, session: AnyRow
) -> None:
    token, _ = await share(scene, caller, session)

    asked = await join(caller, scene.stranger, token)
    again = await join(caller, scene.stranger, token)
    counts = (await stored(database))[0]
    approved = await caller.data(scene.owner, APPROVE, id=asked["id"])
    inside = await join(caller, scene.stranger, token)

    assert (asked["state"], asked["collaborationSession"]["session"]) == ("REQUESTED", None)
    assert again == asked
    assert (counts.current_participants, counts.total_joins) == (0, 0)
    assert approved["approveParticipant"]["participant"]["state"] == "JOINED"
    assert inside["collaborationSession"]["session"] == {"name": session.name}
    counts = (await stored(database))[0]
    assert (counts.current_participants, counts.total_joins) == (1, 1)


async def test_a_rush_fills_exactly_the_places_there_are(
    database: Database, scene: Scene, caller: Caller, session: AnyRow
) -> None:
    token, shared_id = await share(scene, caller, session, requiresApproval=False, maxParticipants=4)
    crowd = await people(database, 24)

    responses = await asyncio.gather(
        *(caller.response(person, JOIN, input={"accessToken": token}) for person in crowd * 2)
    )

    codes = {error["extensions"]["code"] for response in responses for error in response.get("errors", ())}
    shared, states = await stored(database)
    assert codes == {"QUOTA_EXCEEDED"}
    assert list(states.values()) == ["joined"] * 4
    assert (shared.current_participants, shared.total_joins) == (4, 4)

    inside = [person for person in crowd if person.user_id in states]
    await asyncio.gather(*(caller.data(person, LEAVE, id=shared_id) for person in inside * 2))

    shared, states = await stored(database)
    assert list(states.values()) == ["left"] * 4
    assert (shared.current_participants, shared.total_joins) == (0, 4)


async def test_approvals_at_the_same_moment_keep_to_the_limit(
    database: Database, scene: Scene, caller: Caller, session: AnyRow
) -> None:
    token, _ = await share(scene, caller, session, maxParticipants=3)
    asked = [await join(caller, person, token) for person in await people(database, 10)]

    responses = await asyncio.gather(
        *(caller.response(scene.owner, APPROVE, id=participant["id"]) for participant in asked)
    )

    shared, states = await stored(database)
    assert sum("errors" in response for response in responses) == 7
    assert sorted(states.values()) == ["joined"] * 3 + ["requested"] * 7
    assert (shared.current_participants, shared.total_joins) == (3, 3)


async def test_who_was_sent_away_sees_nothing_and_stays_away(
    database: Database, scene: Scene, caller: Caller, session: AnyRow
) -> None:
    token, _ = await share(scene, caller, session, requiresApproval=False)
    inside = await join(caller, scene.stranger, token)
    query = "query($id: UUID!) { session(by: {sessionId: $id}) { name } }"
    before = await caller.data(scene.stranger, query, id=session.session_id)

    await caller.data(scene.owner, REFUSE, id=inside["id"])

    after = await caller.data(scene.stranger, query, id=session.session_id)
    refusal = await caller.refusal(scene.stranger, JOIN, input={"accessToken": token})
    shared, states = await stored(database)
    assert (before["session"], after["session"]) == ({"name": session.name}, None)
    assert refusal == ("FORBIDDEN", "input.accessToken")
    assert (shared.current_participants, states) == (0, {scene.stranger.user_id: "refused"})


async def test_only_the_people_named_may_come_and_need_no_token(
    database: Database, scene: Scene, caller: Caller, session: AnyRow
) -> None:
    token, shared_id = await share(
        scene, caller, session, requiresApproval=False, allowedUsers=[scene.viewer.user_id]
    )

    by_key = {"collaborationSessionId": shared_id}
    named = await caller.data(scene.viewer, JOIN, input=by_key)
    with_token = await caller.refusal(scene.stranger, JOIN, input={"accessToken": token})
    without = await caller.refusal(scene.stranger, JOIN, input=by_key)

    assert named["joinSharedSession"]["participant"]["state"] == "JOINED"
    assert with_token == ("FORBIDDEN", "input.accessToken")
    assert without == ("NOT_FOUND", "input.collaborationSessionId")
    assert (await stored(database))[1] == {scene.viewer.user_id: "joined"}


async def test_a_sharing_that_has_expired_lets_nobody_in(
    database: Database, scene: Scene, caller: Caller, session: AnyRow
) -> None:
    token, _ = await share(scene, caller, session, requiresApproval=False)
    async with database.writer.begin() as connection:
        await connection.execute(text("UPDATE collaboration_sessions SET expires_at = now()"))

    refusal = await caller.refusal(scene.stranger, JOIN, input={"accessToken": token})

    assert refusal == ("CONFLICT", "input.accessToken")
    assert (await stored(database))[1] == {}


async def test_ending_a_sharing_sends_everybody_away_and_voids_the_token(
    database: Database, scene: Scene, caller: Caller, session: AnyRow
) -> None:
    token, shared_id = await share(scene, caller, session, requiresApproval=False)
    await join(caller, scene.stranger, token)

    ended = await caller.data(scene.owner, END, id=shared_id)

    refusal = await caller.refusal(scene.viewer, JOIN, input={"accessToken": token})
    shared, states = await stored(database)
    assert ended["endSharedSession"]["collaborationSession"]["currentParticipants"] == 0
    assert refusal == ("NOT_FOUND", "input.accessToken")
    assert states == {scene.stranger.user_id: "left"}
    assert (shared.access_token, shared.expires_at is not None) == (None, True)


@pytest.mark.parametrize("mode", ["READ_ONLY", "EDIT", "FULL_CONTROL"])
async def test_a_guest_decides_nothing_about_the_sharing(
    database: Database, scene: Scene, caller: Caller, session: AnyRow, mode: str
) -> None:
    token, shared_id = await share(scene, caller, session, requiresApproval=False, shareMode=mode)
    inside = await join(caller, scene.stranger, token)
    before = await stored(database)

    shared_on = await caller.refusal(scene.stranger, SHARE, input={"sessionId": session.session_id})
    refused = await caller.refusal(scene.stranger, REFUSE, id=inside["id"])
    ended = await caller.refusal(scene.stranger, END, id=shared_id)

    assert shared_on[0] == ("FORBIDDEN" if mode == "READ_ONLY" else "BAD_USER_INPUT")
    assert (refused[0], ended[0]) == ("FORBIDDEN", "FORBIDDEN")
    assert await stored(database) == before


async def test_a_token_that_invites_to_nothing_and_both_ways_at_once_are_refused(
    scene: Scene, caller: Caller
) -> None:
    both = {"accessToken": "guess", "collaborationSessionId": 1}

    assert await caller.refusal(scene.stranger, JOIN, input={"accessToken": "guess"}) == (
        "NOT_FOUND",
        "input.accessToken",
    )
    assert await caller.refusal(scene.stranger, JOIN, input=both) == ("BAD_USER_INPUT", "input")
    assert await caller.refusal(scene.stranger, JOIN, input={}) == ("BAD_USER_INPUT", "input")


async def test_an_account_that_is_deleted_leaves_its_place(
    database: Database, scene: Scene, caller: Caller, session: AnyRow
) -> None:
    token, _ = await share(scene, caller, session, requiresApproval=False, maxParticipants=2)
    crowd = await people(database, 3)
    for person in crowd[:2]:
        await join(caller, person, token)
    delete = mutation("deleteUser")

    await asyncio.gather(
        *(caller.data(scene.administrator, delete, input={"id": person.user_id}) for person in crowd[:2])
    )

    assert (await stored(database))[0].current_participants == 0
    assert (await join(caller, crowd[2], token))["state"] == "JOINED"
    assert (await stored(database))[0].current_participants == 1
