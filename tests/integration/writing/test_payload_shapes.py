"""Every mutation, called once in a story: its payload has every field that the schema promises."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import orjson
from graphql import get_named_type
from sqlalchemy import text

from gql.planner.names import lower_first, upper_first
from services.core.database import Database
from services.core.principal import Principal
from services.instances.permission_requests import PermissionRequest, ask
from services.secrets.vault import Vault
from services.writing.tables import TABLES
from tests.integration.writing.asking import CATALOG, MUTATIONS, SCHEMA, SECRET_KEY, Caller
from tests.integration.writing.conftest import BY_ADMINISTRATORS, World
from tests.integration.writing.test_table_mutations import as_input
from tests.support.acting import action
from tests.support.shapes import Shapes, everything

PASSWORD, NEW_PASSWORD = "correct horse battery", "another horse battery"
SOON = (datetime.now(UTC) + timedelta(days=1)).isoformat()
UNKNOWN_KEY = "0197a1b2-0000-7000-8000-00000000abcd"


class Teller:
    """Calls mutations, looks at their payloads, and notes which were called.

    `calls` are the callers, mutations and inputs, `answers` the responses to them.
    """

    def __init__(self, caller: Caller) -> None:
        self.shapes = Shapes(SCHEMA._schema)
        self.calls: list[tuple[Principal | None, str, dict[str, Any]]] = []
        self.answers: list[Any] = []
        self._caller = caller

    @property
    def called(self) -> set[str]:
        """The mutations that were called."""
        return {field for _, field, _ in self.calls}

    async def call(self, principal: Principal | None, field: str, **given: Any) -> Any:
        """The payload."""
        payload = get_named_type(MUTATIONS[field].type)
        selection = everything(SCHEMA._schema, payload, 0)
        if "input" in MUTATIONS[field].args:
            kind = MUTATIONS[field].args["input"].type
            document = f"mutation ($input: {kind}) {{ {field}(input: $input) {selection} }}"
            response = await self._caller.response(principal, document, input=given)
        else:
            document = f"mutation {{ {field} {selection} }}"
            response = await self._caller.response(principal, document)
        assert "errors" not in response, (field, given, response["errors"])
        self.shapes.check(document, response["data"])
        self.calls.append((principal, field, given))
        self.answers.append(response)
        return response["data"][field]

    async def read(self, principal: Principal, query: str) -> None:
        """Ask a query, and look at the answer."""
        self.shapes.check(query, await self._caller.data(principal, query))


async def test_every_payload_has_the_shape_of_the_schema(database: Database, world: World) -> None:
    teller = Teller(Caller(database, Vault.of(SECRET_KEY)))

    await tell(teller, world, database)

    teller.shapes.right()
    assert sorted(MUTATIONS.keys() - teller.called) == []


async def tell(teller: Teller, world: World, database: Database) -> None:
    """The story."""
    await _rows(teller, world)
    await _instances_and_tasks(teller, world, database)
    await _instructions(teller, world)
    await _traffic(teller, world)
    await _sessions(teller, world, database)
    await _notifications(teller, world, database)
    await _worktrees_and_settings(teller, world)
    await _accounts(teller, world)
    await _projects(teller, world)


async def _rows(teller: Teller, world: World) -> None:
    """Create, update and delete of every table, of one row and of several."""
    for table in TABLES.values():
        principal = world.scene.administrator if table.name in BY_ADMINISTRATORS else world.scene.owner
        given = orjson.loads(orjson.dumps(as_input(table, world[table.name]), default=str))
        rows = upper_first(CATALOG.types[table.type_name].connection)
        if table.append_only:
            await teller.call(principal, f"append{rows}", rows=[given, given])
            continue
        patch = _patch(given, [column.field for column in table.columns.values() if column.on_update])
        for suffix in (table.type_name, rows):
            made = await teller.call(principal, f"create{table.type_name}", **given)
            key = made[lower_first(table.type_name)]["id"]
            which = {"id": key} if suffix == table.type_name else {"where": {"id": {"eq": key}}}
            await teller.call(principal, f"update{suffix}", **which, patch=patch)
            await teller.call(principal, f"delete{suffix}", **which)


def _patch(given: dict[str, Any], writable: list[str]) -> dict[str, Any]:
    """What was written once more, but for statuses and references."""
    kept = {name: value for name, value in given.items() if name in writable and not name.endswith("Id")}
    return {name: value for name, value in kept.items() if name not in ("status", "isReadonly")}


async def _permission(teller: Teller, world: World, database: Database, instance: str) -> None:
    request = PermissionRequest(uuid4(), UUID(instance), "Bash")
    async with action(database, world.scene.owner).transaction() as transaction:
        await ask(transaction, request)
    async with database.writer.begin() as connection:
        held = "UPDATE cc_permission_requests SET held_until = now() + INTERVAL '1 minute'"
        await connection.execute(text(held))
    await teller.call(world.scene.owner, "answerPermissionRequest", id=str(request.id), decision="ALLOW")


async def _instances_and_tasks(teller: Teller, world: World, database: Database) -> None:
    owner, project = world.scene.owner, str(world.scene.project.project_id)
    made = await teller.call(
        owner,
        "createChildCc",
        parentInstanceId=str(world.scene.instance_id),
        instance={"name": "子"},
        worktree={"worktreeName": "w", "worktreePath": "/srv/w", "baseBranch": "main"},
        task={"name": "t", "taskType": "TESTING"},
        instruction="ultrathink: 試験",
    )
    child = made["ccInstance"]["id"]
    await teller.call(owner, "startCcInstance", id=child, processId="1")
    await teller.call(owner, "heartbeat", ids=[child])
    await teller.call(owner, "idleCcInstance", id=child)
    await _permission(teller, world, database, child)
    await teller.call(owner, "startCcInstance", id=child)
    for end in ("completeTask", "failTask", "releaseTask"):
        task = {"projectId": project, "name": end, "taskType": "TESTING", "inputData": {"a": None}}
        key = (await teller.call(owner, "createTask", **task))["task"]["id"]
        await teller.call(owner, "claimTask", taskId=key, ccInstanceId=child)
        progress = {"message": "半分", "performanceMetrics": {"cpu": 0.5}}
        await teller.call(owner, "reportTaskProgress", taskId=key, ccInstanceId=child, **progress)
        await teller.call(owner, end, taskId=key, ccInstanceId=child)
        await teller.call(owner, "revealTaskData", id=key)
    await teller.call(owner, "claimNextTask", ccInstanceId=child)
    await teller.call(owner, "failCcInstance", id=child, exitCode=-1)
    await teller.call(owner, "stopCcInstance", id=child, exitCode=0)
    other = await teller.call(owner, "createCcInstance", name="i", projectId=project)
    await teller.call(owner, "terminateCcInstance", id=other["ccInstance"]["id"])
    await teller.call(owner, "revealCcInstanceEnvironment", id=child)


async def _instructions(teller: Teller, world: World) -> None:
    owner = world.scene.owner
    given = as_input(TABLES["ultrathink_messages"], world["ultrathink_messages"])
    for end in ("complete", "fail"):
        sent = await teller.call(owner, "sendUltrathinkMessage", **given)
        key = sent["ultrathinkMessage"]["id"]
        for step in ("acknowledge", "start", end):
            await teller.call(owner, f"{step}UltrathinkMessage", id=key, responseContent="返事")


async def _traffic(teller: Teller, world: World) -> None:
    """Messages with all and with nothing in them."""
    calls = [
        {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
        for number, params in enumerate(
            (
                {"name": "n", "arguments": {"a": None}},
                {"name": "n", "arguments": None},
                {"name": "n", "arguments": "text"},
                {"name": "n", "arguments": []},
                {"name": "n"},
            )
        )
    ]
    answers = [
        {"jsonrpc": "2.0", "id": 0, "result": {}},
        {"jsonrpc": "2.0", "id": 1, "result": None},
        {"jsonrpc": "2.0", "id": 2, "error": {"code": -32000, "message": "失敗"}},
        {"jsonrpc": "2.0", "method": "notifications/progress", "params": None},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
    ]
    await teller.call(
        world.scene.owner,
        "recordMcpMessages",
        ccInstanceId=str(world.scene.instance_id),
        messages=[*calls, *answers],
    )
    await teller.read(world.scene.owner, "{ mcpToolCalls { nodes { arguments result errorDetails } } }")


async def _sessions(teller: Teller, world: World, database: Database) -> None:
    owner, editor, stranger = world.scene.owner, world.scene.editor, world.scene.stranger
    session = (await teller.call(owner, "createSession", name="s"))["session"]
    key = session["id"]
    await teller.call(owner, "startSession", id=key, isUp=True, containerId="c")
    await teller.call(owner, "touchSession", id=key)
    await teller.call(owner, "stopSession", id=key)
    await teller.call(owner, "startSession", id=key)
    await teller.call(owner, "failSession", id=key, reason="理由")
    shared = await teller.call(
        owner, "shareSession", sessionId=session["sessionId"], shareMode="EDIT", maxParticipants=5
    )
    for person, answer in ((stranger, "approve"), (editor, "refuse")):
        asked = await teller.call(person, "joinSharedSession", accessToken=shared["accessToken"])
        await teller.call(owner, f"{answer}Participant", participantId=asked["participant"]["id"])
    sharing = shared["collaborationSession"]["id"]
    await teller.call(stranger, "leaveSharedSession", collaborationSessionId=sharing)
    await teller.call(owner, "endSharedSession", collaborationSessionId=sharing)


async def _notifications(teller: Teller, world: World, database: Database) -> None:
    owner = world.scene.owner
    setting = as_input(TABLES["notification_settings"], world["notification_settings"])
    setting = {**setting, "serviceType": "WEBHOOK", "webhookSecret": "s", "filterRules": {}}
    made = await teller.call(owner, "createNotificationSetting", **setting)
    await teller.call(owner, "revealWebhookSecret", id=made["notificationSetting"]["id"])
    await teller.call(owner, "revealServiceConfig", id=made["notificationSetting"]["id"])
    await teller.call(owner, "revealWebhookHeaders", id=made["notificationSetting"]["id"])
    await teller.call(owner, "revealPushSubscription", id=made["notificationSetting"]["id"])
    tried = await teller.call(owner, "testNotificationSetting", id=made["notificationSetting"]["id"])
    assert not tried["delivered"]
    sent = await teller.call(
        owner,
        "sendNotification",
        userIds=[owner.user_id],
        notificationType=setting["notificationType"],
        title="件名",
        message="本文",
        scheduledAt=SOON,
    )
    key = sent["notificationHistory"][0]["id"]
    await teller.call(owner, "cancelNotification", id=key)
    async with database.writer.begin() as connection:
        await connection.execute(text("UPDATE notification_history SET status = 'failed'"))
    await teller.call(owner, "retryNotification", id=key)
    told = await teller.call(
        owner,
        "sendWebsocketNotification",
        projectId=str(world.scene.project.project_id),
        eventType="MILESTONE",
        eventName="e",
        payload={"percent": 40},
    )
    await teller.call(owner, "acknowledgeWebsocketNotification", id=told["websocketNotification"]["id"])


async def _worktrees_and_settings(teller: Teller, world: World) -> None:
    owner, administrator = world.scene.owner, world.scene.administrator
    await teller.call(
        owner,
        "recordWorktreeSync",
        sourceWorktreeId=str(world["worktree_sync_history"]["source_worktree_id"]),
        syncType="PULL",
        status="SUCCESS",
    )
    given = orjson.loads(orjson.dumps(as_input(TABLES["git_worktrees"], world["git_worktrees"]), default=str))
    made = await teller.call(owner, "createGitWorktree", **given)
    for step in ("schedule", "complete"):
        await teller.call(owner, f"{step}GitWorktreeCleanup", id=made["gitWorktree"]["id"])
    await teller.call(administrator, "createSystemSetting", settingKey="shape", settingValue={"a": 1})
    await teller.call(
        administrator, "changeSystemSetting", settingKey="shape", settingValue={"a": None}, version=1
    )


async def _accounts(teller: Teller, world: World) -> None:
    administrator = world.scene.administrator
    made = await teller.call(administrator, "createUser", username="newcomer", password=PASSWORD)
    key = made["user"]["id"]
    person = Principal(key, "newcomer", is_admin=False)
    await teller.call(person, "updateUser", id=key, patch={"email": "newcomer@example.com"})
    await teller.call(person, "changePassword", currentPassword=PASSWORD, newPassword=NEW_PASSWORD)
    logged = await teller.call(None, "login", username="newcomer", password=NEW_PASSWORD)
    again = await teller.call(None, "refreshToken", refreshToken=logged["refreshToken"])
    claims = jwt.decode(again["accessToken"], options={"verify_signature": False})
    await teller.call(replace(person, token_id=UUID(claims["jti"])), "logout")
    token = await teller.call(
        person, "createAccessToken", name="named", expiresAt=SOON, password=NEW_PASSWORD
    )
    await teller.call(person, "revokeToken", tokenId=token["authToken"]["tokenId"])
    await teller.call(administrator, "deactivateUser", id=key)
    await teller.call(administrator, "deleteUser", id=key)


async def _projects(teller: Teller, world: World) -> None:
    owner, stranger = world.scene.owner, world.scene.stranger
    made = await teller.call(owner, "createProject", name="検索", environmentVars={"A": "b"})
    key = made["project"]["id"]
    await teller.call(owner, "revealProjectEnvironment", id=key)
    # A person who has declined is not asked again on the same day.
    for answer, person in (("withdraw", owner), ("accept", stranger), ("decline", world.scene.editor)):
        asked = world.scene.editor if answer == "decline" else stranger
        invited = await teller.call(owner, "addCollaborator", id=key, userId=asked.user_id, role="VIEWER")
        await teller.call(person, f"{answer}Invitation", id=invited["invitation"]["id"])
    await teller.call(owner, "changeCollaboratorRole", id=key, userId=stranger.user_id, role="EDITOR")
    await teller.call(owner, "removeCollaborator", id=key, userId=stranger.user_id)
    await teller.call(owner, "archiveProject", id=key)
    await teller.call(owner, "restoreProject", id=key)
    await teller.call(
        owner, "transferProject", id=key, newOwnerId=world.scene.viewer.user_id, keepAs="VIEWER"
    )
