"""Notifications to a connection that nobody confirmed: sent again some times, then failed (terminal §3.3).

Sending again is an update of the row like any other: the feed takes it to the subscribers of the process that
has the connection, and a crash in between loses nothing. What is addressed to a closed one waits for a
client that resumes with a cursor; what is for a project or for everybody has no single receiver to wait for.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Select, func, select, update

from models import WebsocketNotification, WebsocketSession
from models.enums import DeliveryStatus
from services.background import repeatedly
from services.database import Database, WriteConnection

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Retries:
    """A notification is sent again every `after` without confirmation, `most` times."""

    after: timedelta = timedelta(seconds=30)
    most: int = 5


async def send_again(connection: WriteConnection, retries: Retries) -> int:
    """Send what is due again; gives the number. Several processes at once do each of them once."""
    result = await connection.execute(
        update(WebsocketNotification)
        .where(WebsocketNotification.id.in_(_due(retries, WebsocketNotification.retry_count < retries.most)))
        .values(retry_count=WebsocketNotification.retry_count + 1, sent_at=func.now())
    )
    return result.rowcount


async def give_up(connection: WriteConnection, retries: Retries) -> int:
    """Mark as failed what was sent often enough; gives the number."""
    result = await connection.execute(
        update(WebsocketNotification)
        .where(WebsocketNotification.id.in_(_due(retries, WebsocketNotification.retry_count >= retries.most)))
        .values(delivery_status=DeliveryStatus.FAILED)
    )
    return result.rowcount


def _due(retries: Retries, condition: ColumnElement[bool]) -> Select[UUID]:
    """Sent to a connection that is open, not confirmed in time, and nobody else's work at this moment."""
    open_sockets = select(WebsocketSession.id).where(WebsocketSession.disconnected_at.is_(None))
    return (
        select(WebsocketNotification.id)
        .where(
            WebsocketNotification.delivery_status == DeliveryStatus.SENT,
            WebsocketNotification.client_ack.is_not(True),
            WebsocketNotification.sent_at < func.now() - retries.after,
            WebsocketNotification.socket_id.in_(open_sockets),
            condition,
        )
        .with_for_update(skip_locked=True)
    )


async def keep_sending(database: Database, retries: Retries, every: float = 5.0) -> None:
    """For ever: look every `every` seconds."""

    async def send() -> None:
        async with database.upkeep() as connection:
            again, failed = await send_again(connection, retries), await give_up(connection, retries)
        if again or failed:
            database.after_commit()
            log.info("notifications_unconfirmed", sent_again=again, failed=failed)

    await repeatedly(send, every, "notifications_not_sent_again")
