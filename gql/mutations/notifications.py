"""Notifications: sent, cancelled, retried, a setting tried, and those over WebSocket."""

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry import Private

from gql.mutations.action import Info, action_of
from gql.mutations.inputs import by_column, part_of
from gql.mutations.payloads import row, rows
from gql.scalars import JSON, BigInt
from gql.types.builder import NAMES, enum_type
from models.enums import NotificationPriority, NotificationType
from services.delivery import testing
from services.delivery.outcomes import Outcome, Verdict
from services.notifications import notifications
from services.notifications.notifications import Notification

_Type = NAMES[enum_type(NotificationType)]
_Priority = NAMES[enum_type(NotificationPriority)]

SendWebsocketNotificationInput: Any = part_of(
    "websocket_notifications",
    "SendWebsocketNotificationInput",
    "An event for one connection, for a project, or, by an administrator, for everybody.",
)


@strawberry.input(description="What is to be told to whom.")
class SendNotificationInput:
    user_ids: list[int] = strawberry.field(description="1 to 500 keys of people; your own among them.")
    notification_type: _Type = strawberry.field(description="What it is about.")  # type: ignore[valid-type]
    title: str = strawberry.field(description="Title, at most 200 characters.")
    message: str = strawberry.field(description="Text.")
    priority: _Priority = strawberry.field(  # type: ignore[valid-type]
        default=NotificationPriority.NORMAL, description="How urgent it is."
    )
    payload: JSON | None = strawberry.field(default=None, description="More, as a JSON object.")
    session_id: UUID | None = strawberry.field(default=None, description="Id of the session it is about.")
    scheduled_at: datetime | None = strawberry.field(
        default=None, description="When it is due; now if absent."
    )


@strawberry.type(description="What waits to be sent.")
class SendNotificationPayload:
    keys: Private[list[int]]
    notification_history = rows(
        "NotificationHistoryEntry",
        "keys",
        "A row for each person and service; null for those of other people.",
        optional=True,
    )

    @strawberry.field(description="How many rows wait to be sent.")
    def count(self) -> int:
        return len(self.keys)


@strawberry.input(description="Which notification is meant.")
class NotificationKeyInput:
    id: BigInt = strawberry.field(description="Key of the row.")


@strawberry.type
class _WithNotification:
    key: Private[int]
    notification_history_entry = row("NotificationHistoryEntry", "key", "The row as it is now.")


@strawberry.type(description="The notification that will not be sent.")
class CancelNotificationPayload(_WithNotification):
    pass


@strawberry.input(description="Which setting is tried.")
class TestNotificationSettingInput:
    id: int = strawberry.field(description="Key of the setting.")


@strawberry.type(description="What came of one message that was sent by the setting.")
class TestNotificationSettingPayload:
    key: Private[int]
    outcome: Private[Outcome]
    notification_setting = row("NotificationSetting", "key", "The setting that was tried.")

    @strawberry.field(description="Whether the service has taken the message.")
    def delivered(self) -> bool:
        return self.outcome.verdict is Verdict.SENT

    @strawberry.field(description="Status code of the service's answer; null where none came.")
    def response_code(self) -> int | None:
        return self.outcome.code

    @strawberry.field(description="The beginning of the answer's body; null where none came.")
    def response_body(self) -> str | None:
        return self.outcome.body

    @strawberry.field(description="What went wrong; null where nothing did.")
    def error_message(self) -> str | None:
        return self.outcome.error

    @strawberry.field(description="Milliseconds until the answer was there, or was given up.")
    def duration_ms(self) -> int:
        return round(self.outcome.took * 1000)


@strawberry.type(description="The notification that waits to be sent again.")
class RetryNotificationPayload(_WithNotification):
    pass


@strawberry.input(description="Which event was received.")
class AcknowledgeWebsocketNotificationInput:
    id: UUID = strawberry.field(description="Key of the row.")


@strawberry.type
class _WithEvent:
    key: Private[UUID]
    websocket_notification = row("WebsocketNotification", "key", "The row as it is now.")


@strawberry.type(description="The event that was stored.")
class SendWebsocketNotificationPayload(_WithEvent):
    pass


@strawberry.type(description="The event that was received.")
class AcknowledgeWebsocketNotificationPayload(_WithEvent):
    pass


@strawberry.type
class NotificationMutations:
    @strawberry.mutation(
        description=(
            "Tell people something: a row waits to be sent for every service that they have enabled for this "
            "type and whose filter rules let it through."
        )
    )
    async def send_notification(self, info: Info, input: SendNotificationInput) -> SendNotificationPayload:
        told = Notification(
            input.user_ids,
            NotificationType(input.notification_type),
            input.title,
            input.message,
            NotificationPriority(input.priority),
            input.payload,
            input.session_id,
            input.scheduled_at,
        )
        return SendNotificationPayload(keys=await notifications.send(action_of(info), told))

    @strawberry.mutation(description="Keep a notification of one's own from being sent.")
    async def cancel_notification(self, info: Info, input: NotificationKeyInput) -> CancelNotificationPayload:
        await notifications.cancel(action_of(info), input.id)
        return CancelNotificationPayload(key=input.id)

    @strawberry.mutation(description="Have a failed notification of one's own sent again.")
    async def retry_notification(self, info: Info, input: NotificationKeyInput) -> RetryNotificationPayload:
        await notifications.retry(action_of(info), input.id)
        return RetryNotificationPayload(key=input.id)

    @strawberry.mutation(
        description="Send one message by a notification setting of one's own, at once, and say what came of "
        "it. It is tried once, and leaves no row in notificationHistory."
    )
    async def test_notification_setting(
        self, info: Info, input: TestNotificationSettingInput
    ) -> TestNotificationSettingPayload:
        outcome = await testing.try_setting(action_of(info), info.context.sending(), input.id)
        return TestNotificationSettingPayload(key=input.id, outcome=outcome)

    @strawberry.mutation(description="Send an event to live connections.")
    async def send_websocket_notification(
        self, info: Info, input: SendWebsocketNotificationInput
    ) -> SendWebsocketNotificationPayload:
        given = by_column("websocket_notifications", input)
        key = await notifications.send_to_sockets(action_of(info), given)
        return SendWebsocketNotificationPayload(key=key)

    @strawberry.mutation(description="Confirm that an event has arrived, so that it is not sent again.")
    async def acknowledge_websocket_notification(
        self, info: Info, input: AcknowledgeWebsocketNotificationInput
    ) -> AcknowledgeWebsocketNotificationPayload:
        await notifications.acknowledge(action_of(info), input.id)
        return AcknowledgeWebsocketNotificationPayload(key=input.id)
