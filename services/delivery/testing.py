"""Sends one message by a setting at once, so that a person sees whether it works."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from models.enums import NotificationPriority, NotificationService, NotificationType
from services.core.errors import Conflict
from services.delivery.messages import Message
from services.delivery.outcomes import Outcome
from services.delivery.sender import Sender
from services.delivery.texts import Language, language_of, say
from services.delivery.worker import target_of
from services.secrets.vault import NotSealedByUs
from services.writing.action import Action
from services.writing.rows import lock_row
from services.writing.tables import TABLES

_TABLE: Final = TABLES["notification_settings"]


async def try_setting(action: Action, sender: Sender, key: int) -> Outcome:
    """Send one message, and give its outcome. Nothing is stored, retried or switched off.

    The transaction, with its audit row, has ended before the message goes out: a receiver that is slow holds
    no connection. Raises: NotFound, Forbidden, and Conflict for a secret whose key is lost.
    """
    async with action.transaction(key=key) as transaction:
        row = await lock_row(transaction, _TABLE, key)
        preferences = await transaction.connection.exec_driver_sql(
            "SELECT preferences FROM users WHERE id = $1", (row["user_id"],)
        )
        language = language_of(preferences.scalar())
    service = NotificationService(row["service_type"])
    setting: dict[str, Any] = {**row.values, "setting_id": row["id"]}
    try:
        target = target_of(row["user_id"], service, setting, action.vault)
    except NotSealedByUs:
        raise Conflict(
            "A secret of this setting was encrypted with a key that the server no longer has: set it again.",
            field="input.id",
        ) from None
    return await sender.send(_message(row, language, sender), target)


def _message(row: Any, language: Language, sender: Sender) -> Message:
    return Message(
        id=0,
        message_id=uuid4(),
        type=NotificationType(row["notification_type"]),
        title=say("test.title", language),
        text=say("test.text", language),
        priority=NotificationPriority.NORMAL,
        language=language,
        created_at=datetime.now(UTC),
        user_id=row["user_id"],
        payload={"event": "test"},
        link=sender.link("/notifications"),
    )
