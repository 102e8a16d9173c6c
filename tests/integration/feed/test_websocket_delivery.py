"""An unconfirmed notification is sent again some times, then failed; nobody is told twice at once."""

import asyncio
from datetime import timedelta
from uuid import UUID

from services.core.database import Database
from services.feed.feed import Feed
from services.notifications.websocket_delivery import (
    Retries,
    SentNotifications,
    give_up,
    keep_sending,
    mark_sent,
    send_again,
)
from tests.integration.feed.conftest import Listening, Writer, about
from tests.support.background import background
from tests.support.waiting import until

DUE_AT_ONCE = Retries(after=timedelta(0), most=2)
DUE_LATER = Retries(after=timedelta(minutes=1), most=2)


async def add_socket(writer: Writer, user_id: int) -> UUID:
    socket: UUID = await writer.fetchval(
        "INSERT INTO websocket_sessions (user_id, transport) VALUES ($1, 'websocket') RETURNING id", user_id
    )
    return socket


async def notify(writer: Writer, socket: UUID | None, project: UUID | None = None) -> UUID:
    notification: UUID = await writer.fetchval(
        "INSERT INTO websocket_notifications"
        " (socket_id, project_id, event_type, event_name, payload, delivery_status)"
        " VALUES ($1, $2, 'progress', 'half way', '{}', 'sent') RETURNING id",
        socket,
        project,
    )
    return notification


async def state(writer: Writer, notification: UUID) -> tuple[str, int]:
    row = await writer.fetchrow(
        "SELECT delivery_status, retry_count FROM websocket_notifications WHERE id = $1", notification
    )
    assert row is not None
    return row["delivery_status"], row["retry_count"]


async def sent(database: Database, *notifications: UUID) -> None:
    """Let these have been written to a connection."""
    async with database.transaction() as connection:
        await mark_sent(connection, notifications)


async def is_sent(writer: Writer) -> bool:
    first = await writer.fetchval("SELECT first_sent_at FROM websocket_notifications")
    return first is not None


async def look_around(database: Database, retries: Retries) -> tuple[int, int]:
    """What one round of the server does; how many were sent again, and how many given up."""
    async with database.transaction() as connection:
        again = await send_again(connection, retries)
    async with database.transaction() as connection:
        return again, await give_up(connection, retries)


async def test_an_unconfirmed_notification_is_sent_again_up_to_the_limit_and_then_failed(
    database: Database, writer: Writer, owner_id: int, project_id: UUID
) -> None:
    addressed = [
        await notify(writer, await add_socket(writer, owner_id)),
        await notify(writer, None, project_id),
        await notify(writer, None),
    ]
    await sent(database, *addressed)
    rounds = [await look_around(database, DUE_AT_ONCE) for _ in range(4)]
    assert rounds == [(3, 0), (3, 3), (0, 0), (0, 0)]
    assert [await state(writer, notification) for notification in addressed] == [("failed", 2)] * 3


async def test_what_nobody_has_been_sent_waits_for_ever(
    database: Database, writer: Writer, owner_id: int, project_id: UUID
) -> None:
    waiting = [
        await notify(writer, await add_socket(writer, owner_id)),
        await notify(writer, None, project_id),
        await notify(writer, None),
    ]
    assert [await look_around(database, DUE_AT_ONCE) for _ in range(4)] == [(0, 0)] * 4
    assert [await state(writer, notification) for notification in waiting] == [("sent", 0)] * 3
    assert await writer.fetchval("SELECT count(first_sent_at) FROM websocket_notifications") == 0


async def test_what_is_confirmed_or_not_yet_due_is_left_alone(
    database: Database, writer: Writer, owner_id: int
) -> None:
    confirmed, young = await notify(writer, None), await notify(writer, None)
    await sent(database, confirmed)
    await writer.execute(
        "UPDATE websocket_notifications SET client_ack = true, delivery_status = 'delivered' WHERE id = $1",
        confirmed,
    )
    assert await look_around(database, DUE_AT_ONCE) == (0, 0)
    await sent(database, young)
    assert await look_around(database, DUE_LATER) == (0, 0)
    assert [await state(writer, found) for found in (confirmed, young)] == [("delivered", 0), ("sent", 0)]


async def test_the_time_runs_from_when_it_was_first_written_to_a_connection(
    database: Database, writer: Writer
) -> None:
    notification = await notify(writer, None)
    await writer.execute("UPDATE websocket_notifications SET sent_at = now() - interval '1 hour'")
    await sent(database, notification)
    assert await look_around(database, DUE_LATER) == (0, 0)
    first = await writer.fetchval("SELECT first_sent_at FROM websocket_notifications")
    await sent(database, notification)
    assert await writer.fetchval("SELECT first_sent_at FROM websocket_notifications") == first


async def test_what_was_written_while_the_database_was_away_is_noted_afterwards(
    database: Database, writer: Writer
) -> None:
    notification = await notify(writer, None)
    async with SentNotifications(database) as notes:
        await writer.execute("ALTER TABLE websocket_notifications RENAME TO away")
        notes.note(notification)
        await asyncio.sleep(0.2)
        await writer.execute("ALTER TABLE away RENAME TO websocket_notifications")
        await until(lambda: is_sent(writer))


async def test_subscribers_hear_it_again_once_from_several_processes(
    database: Database, feed: Feed, writer: Writer, owner_id: int
) -> None:
    notification = await notify(writer, await add_socket(writer, owner_id))
    await sent(database, notification)
    listening = await Listening().begin(feed, about(tables=frozenset({"websocket_notifications"})))
    once = Retries(after=timedelta(0), most=1)
    async with (
        background(keep_sending(database, once, every=0.01), "first"),
        background(keep_sending(database, once, every=0.01), "second"),
    ):
        again, failed = await listening.several(2)
        assert await listening.silent(0.4)
    assert {again[0], failed[0]} == {str(notification)}
    assert await state(writer, notification) == ("failed", 1)
