"""Delivery of websocket_notifications: sent when written to a connection, again if unconfirmed, then failed.

Sending again is an update of the row like any other: the feed takes it to the subscribers of every process,
and a crash in between loses nothing (terminal §3.3).
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Select, Update, bindparam, func, select, update

from models import WebsocketNotification
from models.enums import DeliveryStatus
from services.core.background import Running, repeatedly
from services.core.database import Database, WriteConnection
from services.core.database_errors import is_transient
from services.core.retry import retry

log = structlog.get_logger(__name__)

_GATHER = 0.02
"""Seconds: what is sent to a thousand connections in this time is noted in one statement."""


_MARK_SENT: Final = (
    update(WebsocketNotification)
    .where(
        WebsocketNotification.id.in_(bindparam("written", expanding=True)),
        WebsocketNotification.first_sent_at.is_(None),
    )
    .values(first_sent_at=func.now(), sent_at=func.now())
)


@dataclass(frozen=True, slots=True)
class Retries:
    """A notification is sent again every `after` without confirmation, `most` times."""

    after: timedelta
    most: int


class SentNotifications(Running):
    """Notes which notifications this process has written to connections; a context manager around its life.

    Until then they wait for a subscriber: no time runs out for them. Not a batcher: no caller waits,
    and what is noted is kept until it is written.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written: set[UUID] = set()
        self._pending = asyncio.Event()

    def note(self, notification_id: UUID) -> None:
        """Note that a notification was written to a connection, perhaps not the first; it is stored soon."""
        self._written.add(notification_id)
        self._pending.set()

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        async with self.supervisor.running(self._enter_repeatedly, "sent-notifications"):
            yield
        try:
            await self._enter()
        except Exception as error:  # then they are never sent again; their subscribers have them
            log.warning("notifications_not_noted", error=type(error).__qualname__)

    async def _enter_repeatedly(self) -> None:
        self._pending.set()  # for what the life before has left
        while True:
            await self._pending.wait()
            self._pending.clear()
            await asyncio.sleep(_GATHER)
            await retry(self._enter, "notifications_not_noted", helps=is_transient)

    async def _enter(self) -> None:
        written = frozenset(self._written)
        if not written:
            return
        async with self._database.upkeep() as connection:
            await mark_sent(connection, written)
        self._written -= written


async def mark_sent(connection: WriteConnection, notifications: Collection[UUID]) -> None:
    """Note that these were written to a connection, now for the first time if they never were before."""
    await connection.execute(_MARK_SENT, {"written": list(notifications)})


async def send_again(connection: WriteConnection, retries: Retries) -> int:
    """Send what is due again; gives the number. Several processes at once do each of them once."""
    result = await connection.execute(sending_again(retries))
    return result.rowcount


async def give_up(connection: WriteConnection, retries: Retries) -> int:
    """Mark as failed what was sent often enough; gives the number."""
    result = await connection.execute(giving_up(retries))
    return result.rowcount


def sending_again(retries: Retries) -> Update:
    """The statement that marks what is due as sent again."""
    due = _due(retries, WebsocketNotification.retry_count < retries.most)
    return (
        update(WebsocketNotification)
        .where(WebsocketNotification.id.in_(due))
        .values(retry_count=WebsocketNotification.retry_count + 1, sent_at=func.now())
    )


def giving_up(retries: Retries) -> Update:
    """The statement that marks what was sent often enough as failed."""
    due = _due(retries, WebsocketNotification.retry_count >= retries.most)
    return (
        update(WebsocketNotification)
        .where(WebsocketNotification.id.in_(due))
        .values(delivery_status=DeliveryStatus.FAILED)
    )


def _due(retries: Retries, condition: ColumnElement[bool]) -> Select[UUID]:
    """Sent, not confirmed in time, and in no other process's hands at this moment."""
    return (
        select(WebsocketNotification.id)
        .where(
            WebsocketNotification.delivery_status == DeliveryStatus.SENT,
            WebsocketNotification.first_sent_at.is_not(None),
            WebsocketNotification.sent_at < func.now() - retries.after,
            condition,
        )
        .with_for_update(skip_locked=True)
    )


async def keep_sending(database: Database, retries: Retries, every: float) -> None:
    """Send again what is due, every `every` seconds, for ever."""

    async def send() -> None:
        async with database.upkeep() as connection:
            again, failed = await send_again(connection, retries), await give_up(connection, retries)
        if again or failed:
            database.after_commit()
            log.info("notifications_unconfirmed", sent_again=again, failed=failed)

    await repeatedly(send, every, "notifications_not_sent_again")
