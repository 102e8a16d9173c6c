"""What JSON columns say of people and ids: other shapes are refused, and open nothing where stored."""

from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy import text

from services.core.database import Database
from tests.integration.writing.asking import Caller, mutation
from tests.integration.writing.conftest import Scene
from tests.integration.writing.test_collaboration import JOIN, SHARE
from tests.integration.writing.test_notifications import SEND, telling
from tests.support.factories import make_notification_setting, make_session

MISSHAPEN: list[Any] = [
    {"ids": [4]},
    "4",
    4,
    True,
    ["4"],
    [4.0],
    [True],
    [None],
    [[4]],
    [{"user_id": 4}],
    [0],
    [-4],
    [2**31],
    [4] * 501,
]


@pytest.fixture
async def shared(database: Database, scene: Scene, caller: Caller) -> tuple[str, int]:
    """The token and the key of a sharing for the viewer alone."""
    async with database.writer.begin() as connection:
        session = await make_session(connection, user_id=scene.owner.user_id)
    given = {
        "sessionId": session.session_id,
        "requiresApproval": False,
        "allowedUsers": [scene.viewer.user_id],
    }
    payload = (await caller.data(scene.owner, SHARE, input=given))["shareSession"]
    return payload["accessToken"], payload["collaborationSession"]["id"]


async def sql(database: Database, statement: str, **values: Any) -> None:
    async with database.writer.begin() as connection:
        await connection.execute(text(statement), values)


@pytest.mark.parametrize("value", MISSHAPEN, ids=repr)
async def test_a_list_of_invited_people_of_another_shape_is_refused_wherever_it_is_written(
    database: Database, scene: Scene, caller: Caller, shared: tuple[str, int], value: Any
) -> None:
    where = {"id": {"eq": shared[1]}}
    async with database.writer.begin() as connection:
        session = await make_session(connection, user_id=scene.owner.user_id)
    patch = {"allowedUsers": value}

    one = {"id": shared[1], "patch": patch}
    assert await caller.refusal(scene.owner, mutation("updateCollaborationSession"), input=one) == (
        "BAD_USER_INPUT",
        "input.patch.allowedUsers",
    )
    some = {"where": where, "patch": patch}
    assert await caller.refusal(scene.owner, mutation("updateCollaborationSessions"), input=some) == (
        "BAD_USER_INPUT",
        "input.patch.allowedUsers",
    )
    new = {"sessionId": session.session_id, **patch}
    assert await caller.refusal(scene.owner, mutation("createCollaborationSession"), input=new) == (
        "BAD_USER_INPUT",
        "input.allowedUsers",
    )
    if value not in (4, [4.0]):  # shareSession takes a list of Int, which one number is, too
        assert (await caller.refusal(scene.owner, SHARE, input=new))[0] == "BAD_USER_INPUT"


async def test_people_who_are_not_there_are_invited_by_no_mutation(
    scene: Scene, caller: Caller, shared: tuple[str, int]
) -> None:
    given = {"id": shared[1], "patch": {"allowedUsers": [987654]}}
    assert await caller.refusal(scene.owner, mutation("updateCollaborationSession"), input=given) == (
        "NOT_FOUND",
        "input.patch.allowedUsers",
    )


@pytest.mark.parametrize("value", [value for value in MISSHAPEN if value != [4] * 501], ids=repr)
async def test_a_stored_list_of_another_shape_lets_nobody_in(
    database: Database, scene: Scene, caller: Caller, shared: tuple[str, int], value: Any
) -> None:
    """Neither the person whose number stands in it, nor one with the token, nor one where it is public."""
    stored = orjson.dumps(value).decode().replace("4", str(scene.viewer.user_id))
    await sql(
        database,
        "UPDATE collaboration_sessions SET allowed_users = CAST(:value AS jsonb), is_public = true",
        value=stored,
    )

    for person in (scene.viewer, scene.stranger):
        by_token = await caller.refusal(person, JOIN, input={"accessToken": shared[0]})
        by_key = await caller.refusal(person, JOIN, input={"collaborationSessionId": shared[1]})
        assert (by_token[0], by_key[0]) == ("FORBIDDEN", "FORBIDDEN")


async def test_an_ended_sharing_is_not_opened_again_and_none_is_opened_into_the_past(
    database: Database, scene: Scene, caller: Caller, shared: tuple[str, int]
) -> None:
    patch = mutation("updateCollaborationSession")
    past = {"id": shared[1], "patch": {"expiresAt": "2020-01-01T00:00:00Z"}}
    assert await caller.refusal(scene.owner, patch, input=past) == (
        "BAD_USER_INPUT",
        "input.patch.expiresAt",
    )

    await caller.data(scene.owner, mutation("endSharedSession"), input={"collaborationSessionId": shared[1]})
    for change in ({"expiresAt": "2999-01-01T00:00:00Z"}, {"expiresAt": None}, {"isPublic": True}):
        given = {"id": shared[1], "patch": change}
        assert await caller.refusal(scene.owner, patch, input=given) == ("CONFLICT", "input.patch")


SESSION = "019a3cb5-6cb7-7a52-8b1c-0e2f4d7a9b10"
SPELLINGS = [SESSION, SESSION.upper(), SESSION.replace("-", ""), SESSION.upper().replace("-", "")]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("how", ["create", "patch", "SQL"])
async def test_sessions_in_filter_rules_are_compared_as_uuids(
    database: Database, scene: Scene, caller: Caller, spelling: str, how: str
) -> None:
    rules = {"session_ids": [spelling]}
    wish = {"notificationType": "TASK_COMPLETED", "serviceType": "SLACK"}
    async with database.writer.begin() as connection:
        await make_session(connection, user_id=scene.owner.user_id, session_id=UUID(SESSION))
        if how != "create":
            made = await make_notification_setting(
                connection, user_id=scene.owner.user_id, service_type="slack"
            )
    if how == "create":
        given = {**wish, "filterRules": rules}
        await caller.data(scene.owner, mutation("createNotificationSetting"), input=given)
    elif how == "patch":
        given = {"id": made.id, "patch": {"filterRules": rules}}
        await caller.data(scene.owner, mutation("updateNotificationSetting"), input=given)
    else:
        await sql(
            database,
            "UPDATE notification_settings SET filter_rules = CAST(:rules AS jsonb)",
            rules=orjson.dumps(rules).decode(),
        )

    told = telling(scene.owner.user_id, sessionId=SESSION)
    other = telling(scene.owner.user_id)
    assert (await caller.data(scene.owner, SEND, input=told))["result"]["count"] == 1
    assert (await caller.data(scene.owner, SEND, input=other))["result"]["count"] == 0


BAD_RULES: list[Any] = [
    [],
    "x",
    0,
    False,
    {"unknown": 1},
    {"min_priority": None},
    {"min_priority": "highest"},
    {"keywords": "tests"},
    {"keywords": None},
    {"exclude_keywords": [1]},
    {"session_ids": [SESSION[:-1]]},
    {"session_ids": ["everything"]},
    {"session_ids": SESSION},
]


@pytest.mark.parametrize("rules", BAD_RULES, ids=repr)
async def test_filter_rules_of_another_shape_are_refused_and_where_stored_let_nothing_through(
    database: Database, scene: Scene, caller: Caller, rules: Any
) -> None:
    async with database.writer.begin() as connection:
        made = await make_notification_setting(connection, user_id=scene.owner.user_id)
    given = {"id": made.id, "patch": {"filterRules": rules}}
    refusal = await caller.refusal(scene.owner, mutation("updateNotificationSetting"), input=given)
    before = (await caller.data(scene.owner, SEND, input=telling(scene.owner.user_id)))["result"]["count"]
    await sql(
        database,
        "UPDATE notification_settings SET filter_rules = CAST(:rules AS jsonb)",
        rules=orjson.dumps(rules).decode(),
    )
    after = (await caller.data(scene.owner, SEND, input=telling(scene.owner.user_id)))["result"]["count"]

    assert refusal == ("BAD_USER_INPUT", "input.patch.filterRules")
    assert (before, after) == (1, 0)


NOT_LISTED: list[Any] = [
    {"user_id": 4, "role": "editor"},
    4,
    "4",
    [4],
    ["4"],
    [[4]],
    [{"user_id": "4", "role": "editor"}],
    [{"user_id": [4], "role": "editor"}],
    [{"user_id": {"id": 4}, "role": "editor"}],
    [{"user_id": None}],
    [[{"user_id": 4, "role": "editor"}]],
    [{"people": [{"user_id": 4, "role": "editor"}]}],
    [{"userId": 4}],
]


@pytest.mark.parametrize("value", NOT_LISTED, ids=repr)
async def test_collaborators_of_another_shape_are_none(
    database: Database, scene: Scene, caller: Caller, value: Any
) -> None:
    """The person sees nothing and is told of nothing, and the owner can still put the list in order."""
    await sql(
        database,
        "UPDATE projects SET collaborators = CAST(:value AS jsonb) WHERE id = :id",
        value=orjson.dumps(value).decode().replace("4", str(scene.editor.user_id)),
        id=scene.project.id,
    )
    query = "query($id: Int!) { project(by: {id: $id}) { name } }"
    patch = {"id": scene.project.id, "patch": {"name": "x"}}

    assert (await caller.data(scene.editor, query, id=scene.project.id))["project"] is None
    refusal = await caller.refusal(scene.editor, mutation("updateProject"), input=patch)
    assert refusal == ("NOT_FOUND", "input.id")
    told = await caller.refusal(scene.editor, SEND, input=telling(scene.owner.user_id))
    assert told == ("FORBIDDEN", "input.userIds.0")
    for person, gone in ((scene.viewer, 0), (scene.editor, 1)):
        given = {"id": scene.project.id, "userId": person.user_id}
        if gone:
            await caller.data(scene.owner, mutation("removeCollaborator"), input=given)
        else:
            await caller.data(scene.administrator, mutation("addCollaborator"), input=given)


@pytest.mark.parametrize(
    ("entry", "sees", "changes"),
    [
        ({"user_id": 4}, True, False),
        ({"user_id": 4, "role": None}, True, False),
        ({"user_id": 4, "role": "EDITOR"}, True, False),
        ({"user_id": 4, "role": ["editor"]}, True, False),
        ({"user_id": 4.0, "role": "editor"}, True, True),
    ],
    ids=repr,
)
async def test_a_collaborator_without_a_role_that_there_is_looks_and_can_be_removed(
    database: Database, scene: Scene, caller: Caller, entry: Any, sees: bool, changes: bool
) -> None:
    stored = orjson.dumps([entry]).decode().replace("4", str(scene.stranger.user_id))
    await sql(
        database,
        "UPDATE projects SET collaborators = CAST(:value AS jsonb) WHERE id = :id",
        value=stored,
        id=scene.project.id,
    )
    query = "query($id: Int!) { project(by: {id: $id}) { name } }"
    instance = {"id": scene.instance_id, "patch": {"name": "x"}}

    seen = (await caller.data(scene.stranger, query, id=scene.project.id))["project"]
    response = await caller.response(scene.stranger, mutation("updateCcInstance"), input=instance)
    await caller.data(
        scene.owner,
        mutation("removeCollaborator"),
        input={"id": scene.project.id, "userId": scene.stranger.user_id},
    )

    assert ((seen is not None), ("errors" not in response)) == (sees, changes)
    assert (await caller.data(scene.stranger, query, id=scene.project.id))["project"] is None


@pytest.mark.parametrize("quota", [[], 5, "5", {"max_sessions": "5"}, {"max_sessions": None}], ids=repr)
async def test_a_quota_of_another_shape_allows_nothing(
    database: Database, scene: Scene, caller: Caller, quota: Any
) -> None:
    await sql(
        database,
        "UPDATE users SET resource_quota = CAST(:quota AS jsonb) WHERE id = :id",
        quota=orjson.dumps(quota).decode(),
        id=scene.owner.user_id,
    )

    refusal = await caller.refusal(scene.owner, mutation("createSession"), input={"name": "s"})

    assert refusal[0] == "QUOTA_EXCEEDED"
