"""Every mutation of the schema leaves a row that says who did what, in the transaction of the change."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from gql.planner.column_types import ColumnType, kind_of
from gql.planner.names import lower_first, upper_first
from services.accounts.accounts import add_user
from services.core.database import Database
from services.core.principal import Principal
from services.writing.declaration import WritableTable
from services.writing.tables import TABLES
from tests.integration.writing.asking import CATALOG, MUTATIONS, ORIGIN, Caller, mutation
from tests.integration.writing.conftest import BY_ADMINISTRATORS, World
from tests.integration.writing.test_bad_input import OF_TABLES
from tests.integration.writing.test_table_mutations import as_input
from tests.support.everything import everything
from tests.support.factories import (
    make_git_worktree,
    make_notification,
    make_permission_request,
    make_session,
    make_system_setting,
    make_websocket_notification,
)

SECRET = "hunter2-hunter2-hunter2"
"""Stands wherever a secret may stand."""

KEY = f"sk-{SECRET}"

LEAVES_NO_ROW = {"heartbeat"}
"""A sign of life is no change by somebody."""


class Story:
    """Calls mutations with success, each checked for its audit row."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self.database, self.caller = database, caller
        self.told: set[str] = set()
        self.responses: list[str] = []
        self.transaction: str | None = None

    async def tell(
        self, who: Principal | None, field: str, given: dict[str, Any] | None, selection: str = "__typename"
    ) -> Any:
        """The payload of a call, after which there is one more audit row, and all that it has to say."""
        before = await self._rows()
        document = (
            f"mutation {{ {field} {{ {selection} }} }}" if given is None else mutation(field, selection)
        )
        response = await self.caller.response(who, document, **({} if given is None else {"input": given}))
        assert "errors" not in response, (field, response["errors"])
        new = (await self._rows())[len(before) :]
        expected = (
            []
            if field in LEAVES_NO_ROW
            else [(field, ORIGIN.request_id, ORIGIN.ip_address, ORIGIN.user_agent)]
        )
        found = [
            (row["message"], row["request_id"], str(row["ip_address"]), row["user_agent"]) for row in new
        ]
        assert found == expected, field
        if who is not None:
            assert all(row["user_id"] == who.user_id for row in new), field
        self.transaction = new[-1]["transaction"] if new else None
        self.told.add(field)
        self.responses.append(orjson.dumps(response).decode())
        return response["data"][field]

    async def _rows(self) -> list[Any]:
        async with self.database.writer.connect() as connection:
            found = await connection.exec_driver_sql(
                "SELECT *, xmin::text AS transaction FROM system_logs WHERE category = 'audit' ORDER BY id"
            )
            return list(found.mappings())


@pytest.fixture
async def story(database: Database, caller: Caller) -> Story:
    """Nothing told yet."""
    return Story(database, caller)


KEPT = ("allowed_users",)
"""Columns whose values have a form of their own."""


def with_secrets(table: WritableTable, row: dict[str, Any]) -> dict[str, Any]:
    """The row with a secret wherever one may stand, by column name."""
    planted = dict(row)
    for column in table.columns.values():
        if not column.on_create:
            continue
        if column.hashed:
            planted[column.name] = KEY
        elif column.encrypted:
            planted[column.name] = SECRET if column.name == "webhook_secret" else {"A": SECRET}
        elif column.masked or column.secrets is not None:
            is_json = kind_of(column.column.type) is ColumnType.JSON
            length = getattr(column.column.type, "length", None) or 500
            if column.name in KEPT or length < len(KEY) + 6:
                continue
            planted[column.name] = (
                {"api_key": KEY, "url": f"https://me:{SECRET}@x"} if is_json else f"token={KEY}"
            )
    return planted


async def test_every_mutation_of_a_table_is_traced_in_its_transaction_and_keeps_secrets(
    database: Database, world: World, story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    administrator = world.scene.administrator
    for table in TABLES.values():
        who = administrator if table.name in BY_ADMINISTRATORS else world.scene.owner
        rows = upper_first(CATALOG.types[table.type_name].connection)
        given = as_input(table, with_secrets(table, world[table.name]))
        if table.append_only:
            await story.tell(who, f"append{rows}", {"rows": [given, given]})
            continue
        name, one = table.type_name, lower_first(table.type_name)
        for verb in ("delete", f"delete{rows}"):
            made = await story.tell(who, f"create{name}", given, f"row: {one} {{ id }}")
            key = made["row"]["id"]
            assert await transaction_of(database, table.name, key) == story.transaction
            patch = {
                column.field: given[column.field]
                for column in table.columns.values()
                if column.on_update and column.field in given and column.name != "status"
            }
            await story.tell(who, f"update{name}", {"id": key, "patch": patch})
            some = {"where": {"id": {"eq": key}}}
            await story.tell(who, f"update{rows}", {**some, "patch": patch})
            if verb == "delete":
                await story.tell(who, f"delete{name}", {"id": key})
            else:
                await story.tell(who, f"delete{rows}", some)

    assert story.told == OF_TABLES
    assert SECRET not in str(await everything(database))
    assert SECRET not in "".join(story.responses)
    assert SECRET not in capsys.readouterr().out


async def transaction_of(database: Database, table: str, key: object) -> str:
    async with database.writer.connect() as connection:
        found = await connection.exec_driver_sql(
            f"SELECT xmin::text FROM {table} WHERE id::text = $1", (str(key),)
        )
        return str(found.scalar_one())


async def test_every_verb_is_traced_and_keeps_secrets(
    database: Database, world: World, story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = world.scene
    owner, guest, administrator = scene.owner, scene.stranger, scene.administrator
    project, instance = {"id": scene.project.id}, {"id": scene.instance_id}
    async with database.transaction() as connection:
        alice = await add_user(connection, "alice", SECRET)
        failed = await make_notification(connection, user_id=owner.user_id, status="failed")
        waiting = await make_notification(connection, user_id=owner.user_id)
        setting = await make_system_setting(connection)
        asked = await make_permission_request(connection, cc_instance_id=scene.instance_id)
        event = await make_websocket_notification(connection, project_id=scene.project.project_id)
        session = await make_session(connection, user_id=owner.user_id)
        git_worktree = await make_git_worktree(connection, project_id=scene.project.project_id)
    tell = story.tell

    await _tell_of_accounts(story, administrator, alice)
    await _tell_of_invitations(story, owner, guest, {**project, "userId": guest.user_id})
    await tell(administrator, "addCollaborator", {**project, "userId": guest.user_id, "role": "VIEWER"})
    for field, more in (
        ("changeCollaboratorRole", {"userId": guest.user_id, "role": "EDITOR"}),
        ("removeCollaborator", {"userId": guest.user_id}),
        ("archiveProject", {}),
        ("restoreProject", {}),
        ("revealProjectEnvironment", {}),
    ):
        await tell(owner, field, {**project, **more})
    sync = as_input(TABLES["worktree_sync_history"], world["worktree_sync_history"])
    await tell(owner, "recordWorktreeSync", sync)
    await tell(owner, "scheduleGitWorktreeCleanup", {"id": git_worktree.id})
    await tell(owner, "completeGitWorktreeCleanup", {"id": git_worktree.id})
    value = {
        "settingKey": setting.setting_key,
        "settingValue": setting.setting_value,
        "version": setting.version,
    }
    await tell(administrator, "changeSystemSetting", value)
    for field in ("startSession", "touchSession", "failSession", "stopSession"):
        await tell(
            owner, field, {"id": session.id, **({"reason": f"token={KEY}"} if field == "failSession" else {})}
        )
    await _tell_of_sharing(story, owner, guest, session.session_id)
    await _tell_of_tasks(story, world)
    denied = {"id": asked.id, "decision": "DENY", "message": f"token={KEY}"}
    await tell(owner, "answerPermissionRequest", denied)
    for field in (
        "startCcInstance",
        "idleCcInstance",
        "failCcInstance",
        "stopCcInstance",
        "terminateCcInstance",
    ):
        await tell(owner, field, instance)
    await tell(owner, "revealCcInstanceEnvironment", instance)
    wish = {
        **as_input(TABLES["notification_settings"], world["notification_settings"]),
        "webhookSecret": SECRET,
        "serviceConfig": {"token": SECRET},
        "webhookHeaders": {"Authorization": SECRET},
        "pushSubscription": {"endpoint": None, "keys": {"auth": SECRET}},
    }
    made = await tell(owner, "createNotificationSetting", wish, "row: notificationSetting { id }")
    await tell(owner, "revealWebhookSecret", made["row"], "webhookSecret")
    await tell(owner, "revealServiceConfig", made["row"], "serviceConfig")
    await tell(owner, "revealWebhookHeaders", made["row"], "webhookHeaders")
    await tell(owner, "revealPushSubscription", made["row"], "pushSubscription")
    await tell(owner, "testNotificationSetting", made["row"], "delivered errorMessage")
    told = {"userIds": [owner.user_id], "notificationType": "TASK_COMPLETED", "title": "t", "message": "m"}
    await tell(owner, "sendNotification", told)
    await tell(owner, "cancelNotification", {"id": str(waiting.id)})
    await tell(owner, "retryNotification", {"id": str(failed.id)})
    await tell(
        owner,
        "sendWebsocketNotification",
        {"projectId": scene.project.project_id, "eventType": "MILESTONE", "eventName": "e", "payload": {}},
    )
    await tell(owner, "acknowledgeWebsocketNotification", {"id": event.id})
    await tell(administrator, "transferProject", {**project, "newOwnerId": guest.user_id})

    assert story.told - OF_TABLES == set(MUTATIONS) - OF_TABLES
    assert SECRET not in str(await everything(database))
    assert not [text for text in story.responses if SECRET in text and '"reveal' not in text]
    assert SECRET not in capsys.readouterr().out


async def _tell_of_accounts(story: Story, administrator: Principal, alice: int) -> None:
    tell = story.tell
    bob = await tell(administrator, "createUser", {"username": "bob", "password": SECRET}, "user { id }")
    await tell(administrator, "updateUser", {**bob["user"], "patch": {"password": f"{SECRET}-2"}})
    await tell(administrator, "deactivateUser", bob["user"])
    await tell(administrator, "deleteUser", bob["user"])
    pair = await tell(None, "login", {"username": "alice", "password": SECRET}, "refreshToken")
    await tell(None, "refreshToken", pair)
    person = Principal(alice, "alice", is_admin=False)
    await tell(person, "changePassword", {"currentPassword": SECRET, "newPassword": f"{SECRET}-3"})
    expiry = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    wanted = {"name": "n", "expiresAt": expiry, "password": f"{SECRET}-3"}
    named = await tell(person, "createAccessToken", wanted, "authToken { tokenId }")
    await tell(person, "revokeToken", named["authToken"])
    await tell(person, "logout", None)


async def _tell_of_invitations(story: Story, owner: Principal, guest: Principal, person: Any) -> None:
    tell = story.tell
    for state in ("WITHDRAWN", "ACCEPTED"):
        added = await tell(owner, "addCollaborator", {**person, "role": "VIEWER"}, "invitation { id }")
        if state == "WITHDRAWN":
            await tell(owner, "withdrawInvitation", added["invitation"])
        else:
            await tell(guest, "acceptInvitation", added["invitation"])
    await tell(owner, "removeCollaborator", {"id": person["id"], "userId": guest.user_id})
    added = await tell(owner, "addCollaborator", {**person, "role": "VIEWER"}, "invitation { id }")
    await tell(guest, "declineInvitation", added["invitation"])


async def _tell_of_sharing(story: Story, owner: Principal, guest: Principal, session_id: UUID) -> None:
    tell = story.tell
    shared = await tell(
        owner, "shareSession", {"sessionId": session_id}, "accessToken collaborationSession { id }"
    )
    key = {"collaborationSessionId": shared["collaborationSession"]["id"]}
    selection = "participant { id }"
    joined = await tell(guest, "joinSharedSession", {"accessToken": shared["accessToken"]}, selection)
    participant = {"participantId": joined["participant"]["id"]}
    await tell(owner, "approveParticipant", participant)
    await tell(guest, "leaveSharedSession", key)
    await tell(owner, "refuseParticipant", participant)
    await tell(owner, "endSharedSession", key)


async def _tell_of_tasks(story: Story, world: World) -> None:
    tell, owner, instance = story.tell, world.scene.owner, world.scene.instance_id
    child = {
        "parentInstanceId": instance,
        "instance": {"name": "c", "claudeApiKey": KEY},
        "instruction": "go",
    }
    made = await tell(owner, "createChildCc", child, "ccInstance { id } ultrathinkMessage { id }")
    step = made["ultrathinkMessage"]
    for field in ("acknowledge", "start", "complete"):
        await tell(owner, f"{field}UltrathinkMessage", step)
    to_child = {"parentInstanceId": instance, "childInstanceId": made["ccInstance"]["id"]}
    words = {"instructionType": "TASK_ASSIGNMENT", "instructionContent": "go on"}
    sent = await tell(owner, "sendUltrathinkMessage", {**to_child, **words}, "ultrathinkMessage { id }")
    await tell(owner, "failUltrathinkMessage", sent["ultrathinkMessage"])
    await tell(owner, "heartbeat", {"ids": [instance]})
    claimed = await tell(owner, "claimNextTask", {"ccInstanceId": instance}, "task { id }")
    held = {"taskId": claimed["task"]["id"], "ccInstanceId": instance}
    await tell(owner, "releaseTask", held)
    await tell(owner, "claimTask", held)
    await tell(owner, "reportTaskProgress", {**held, "message": f"token={KEY}"})
    await tell(owner, "completeTask", {**held, "outputData": {"password": SECRET}, "message": f"token={KEY}"})
    await tell(owner, "revealTaskData", {"id": held["taskId"]}, "outputData")
    claimed = await tell(owner, "claimNextTask", {"ccInstanceId": instance}, "task { id }")
    await tell(owner, "failTask", {"taskId": claimed["task"]["id"], "ccInstanceId": instance})
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"api_key": KEY}}
    await tell(owner, "recordMcpMessages", {"ccInstanceId": instance, "messages": [message]})
