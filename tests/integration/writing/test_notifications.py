"""Notifications are stored for those who want them, and only by those who may tell them."""

from typing import Any

from sqlalchemy import text

from services.core.database import Database
from tests.integration.writing.asking import Caller
from tests.integration.writing.conftest import Scene, World
from tests.integration.writing.test_verbs import step
from tests.support.factories import (
    make_notification,
    make_notification_setting,
    make_user,
    make_websocket_notification,
)

SEND = step("sendNotification", "count notificationHistory { title status serviceType priority }")


def telling(*people: int, **more: Any) -> dict[str, Any]:
    told = {"notificationType": "TASK_COMPLETED", "title": "完了", "message": "all tests pass"}
    return {"userIds": people, **told, **more}


async def count(database: Database) -> int:
    async with database.writer.connect() as connection:
        found = await connection.scalar(text("SELECT count(*) FROM notification_history"))
        return int(found or 0)


async def test_a_row_waits_for_every_enabled_service_whose_rules_let_it_through(
    caller: Caller, database: Database, scene: Scene
) -> None:
    async with database.writer.begin() as connection:
        wishes: dict[str, dict[str, Any]] = {
            "webhook": {},
            "slack": {"filter_rules": {"min_priority": "high"}},
            "line": {"is_enabled": False},
            "discord": {"filter_rules": {"keywords": ["TESTS"], "exclude_keywords": ["deploy"]}},
            "web_push": {"notification_type": "error_occurred"},
        }
        for service, values in wishes.items():
            await make_notification_setting(
                connection, user_id=scene.owner.user_id, service_type=service, **values
            )

    usual = (await caller.data(scene.editor, SEND, input=telling(scene.owner.user_id)))["result"]
    urgent = telling(scene.owner.user_id, priority="URGENT", message="deploy failed")
    own = (await caller.data(scene.owner, SEND, input=urgent))["result"]

    assert usual == {"count": 2, "notificationHistory": [None, None]}
    assert own["count"] == 2
    assert {(row["serviceType"], row["status"]) for row in own["notificationHistory"]} == {
        ("WEBHOOK", "PENDING"),
        ("SLACK", "PENDING"),
    }
    async with database.writer.connect() as connection:
        result = await connection.execute(
            text("SELECT service_type FROM notification_history WHERE title = '完了' AND priority = 'normal'")
        )
        assert set(result.scalars()) == {"webhook", "discord"}


async def test_people_without_a_common_project_tell_each_other_nothing(
    caller: Caller, database: Database, scene: Scene
) -> None:
    async with database.writer.begin() as connection:
        await make_notification_setting(connection, user_id=scene.owner.user_id)
        other = await make_user(connection)

    assert await caller.refusal(
        scene.stranger, SEND, input=telling(scene.stranger.user_id, scene.owner.user_id)
    ) == ("FORBIDDEN", "input.userIds.1")
    assert await caller.refusal(scene.owner, SEND, input=telling(other.id + 99)) == (
        "NOT_FOUND",
        "input.userIds.0",
    )
    assert await caller.refusal(scene.owner, SEND, input=telling(scene.owner.user_id, title="x" * 201)) == (
        "BAD_USER_INPUT",
        "input.title",
    )
    assert await count(database) == 0


async def test_only_a_waiting_notification_is_cancelled_and_only_a_failed_one_retried(
    caller: Caller, database: Database, scene: Scene
) -> None:
    async with database.writer.begin() as connection:
        waiting = await make_notification(connection, user_id=scene.owner.user_id)
        failed = await make_notification(
            connection, user_id=scene.owner.user_id, status="failed", retry_count=3
        )
    cancel = step("cancelNotification", "notificationHistoryEntry { status }", "NotificationKeyInput")
    retry = step(
        "retryNotification", "notificationHistoryEntry { status retryCount }", "NotificationKeyInput"
    )

    async def entry(document: str, key: int) -> Any:
        data = await caller.data(scene.owner, document, input={"id": str(key)})
        return data["result"]["notificationHistoryEntry"]

    assert (await caller.refusal(scene.editor, cancel, input={"id": str(waiting.id)}))[0] == "NOT_FOUND"
    assert await entry(cancel, waiting.id) == {"status": "CANCELLED"}
    assert (await caller.refusal(scene.owner, retry, input={"id": str(waiting.id)}))[0] == "CONFLICT"
    assert (await caller.refusal(scene.owner, cancel, input={"id": str(failed.id)}))[0] == "CONFLICT"
    assert await entry(retry, failed.id) == {"status": "PENDING", "retryCount": 0}


async def test_an_unknown_filter_rule_is_refused(caller: Caller, scene: Scene) -> None:
    create = step("createNotificationSetting", "notificationSetting { id }")
    given = {"notificationType": "TASK_COMPLETED", "serviceType": "SLACK", "filterRules": {"colour": "red"}}

    assert await caller.refusal(scene.owner, create, input=given) == ("BAD_USER_INPUT", "input.filterRules")


async def test_an_event_goes_to_a_project_and_is_acknowledged_by_whoever_sees_it(
    caller: Caller, database: Database, world: World
) -> None:
    scene = world.scene
    send = step("sendWebsocketNotification", "websocketNotification { id deliveryStatus clientAck }")
    given = {
        "projectId": scene.project.project_id,
        "eventType": "MILESTONE",
        "eventName": "built",
        "payload": {"percent": 100},
    }
    sent = (await caller.data(scene.editor, send, input=given))["result"]["websocketNotification"]
    confirm = step("acknowledgeWebsocketNotification", "websocketNotification { deliveryStatus clientAck }")

    assert (await caller.refusal(scene.viewer, send, input=given))[0] == "FORBIDDEN"
    everybody = {key: given[key] for key in given if key != "projectId"}
    assert (await caller.refusal(scene.owner, send, input=everybody))[0] == "BAD_USER_INPUT"
    assert (await caller.refusal(scene.stranger, confirm, input={"id": sent["id"]}))[0] == "NOT_FOUND"
    confirmed = (await caller.data(scene.viewer, confirm, input={"id": sent["id"]}))["result"]
    assert confirmed["websocketNotification"] == {"deliveryStatus": "DELIVERED", "clientAck": True}
    async with database.writer.begin() as connection:
        for_all = await make_websocket_notification(connection)
    await caller.data(scene.stranger, confirm, input={"id": for_all.id})
