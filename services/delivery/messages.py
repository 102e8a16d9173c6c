"""Messages: a notification with all that a channel needs to write it down for its reader."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from models.enums import NotificationPriority, NotificationService, NotificationType
from services.delivery.texts import Language


class NotConfigured(Exception):
    """A setting lacks what its service needs; the message is a sentence that says what to set."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one person. `message_id` stays the same however often it is sent.

    `link` leads to what it is about, `language` is the reader's, `items` are the titles that a summary has.
    """

    id: int
    message_id: UUID
    type: NotificationType
    title: str
    text: str
    priority: NotificationPriority
    language: Language
    created_at: datetime
    user_id: int
    session_id: UUID | None = None
    payload: Mapping[str, Any] | None = None
    link: str | None = None
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """The destination of a message: a row of notification_settings, its secrets opened.

    `secrets` sign webhooks, the newest first.
    """

    setting_id: int
    user_id: int
    service: NotificationService
    config: Mapping[str, Any] = field(default_factory=dict)
    webhook_url: str | None = None
    webhook_headers: Mapping[str, Any] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    push_subscription: Mapping[str, Any] | None = None
    push_endpoint: str | None = None

    def text(self, name: str) -> str | None:
        """A text of the service's configuration, or None."""
        value = self.config.get(name)
        return value if isinstance(value, str) and value else None


def cut(text: str, most: int) -> str:
    """The text, or its beginning with an ellipsis, in at most `most` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"
