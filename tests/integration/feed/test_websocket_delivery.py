"""An unconfirmed notification is sent again some times, then failed; nobody is told twice at once."""

from datetime import timedelta
from uuid import UUID

from services.background import background
from services.database import Database
from services.feed.feed import Feed
from services.websocket_delivery import Retries, give_up, keep_sending, send_again
from tests.integration.feed.conftest import Listening, Writer, about

DUE_AT_ONCE = Retries(after=timedelta(0), most=2)


async def add_socket(writer: Writer, user_id: int) -> UUID:
    socket: UUID = await writer.fetchval(
        "INSERT INTO websocket_sessions (user_id, transport) VALUES ($1, 'websocket') RETURNING id", user_id
    )
    return socket


async def notify(writer: Writer, socket: UUID | None) -> UUID:
    notification: UUID = await writer.fetchval(
        "INSERT INTO websocket_notifications (socket_id, event_type, event_name, payload, delivery_status)"
        " VALUES ($1, 'progress', 'half way', '{}', 'sent') RETURNING id",
        socket,
    )
    return notification


async def state(writer: Writer, notification: UUID) -> tuple[str, int]:
    row = await writer.fetchrow(
        "SELECT delivery_status, retry_count FROM websocket_notifications WHERE id = $1", notification
    )
    assert row is not None
    return row["delivery_status"], row["retry_count"]


async def test_an_unconfirmed_notification_is_sent_again_up_to_the_limit_and_then_failed(
    database: Database, writer: Writer, owner_id: int
) -> None:
    notification = await notify(writer, await add_socket(writer, owner_id))
    states = []
    for _ in range(4):
        async with database.transaction() as connection:
            await send_again(connection, DUE_AT_ONCE)
        async with database.transaction() as connection:
            await give_up(connection, DUE_AT_ONCE)
        states.append(await state(writer, notification))
    assert states == [("sent", 1), ("failed", 2), ("failed", 2), ("failed", 2)]


async def test_what_is_confirmed_not_due_or_for_nobody_present_is_left_alone(
    database: Database, writer: Writer, owner_id: int
) -> None:
    socket, closed = await add_socket(writer, owner_id), await add_socket(writer, owner_id)
    await writer.execute("UPDATE websocket_sessions SET disconnected_at = now() WHERE id = $1", closed)
    confirmed = await notify(writer, socket)
    await writer.execute(
        "UPDATE websocket_notifications SET client_ack = true, delivery_status = 'delivered' WHERE id = $1",
        confirmed,
    )
    absent, everybody = await notify(writer, closed), await notify(writer, None)
    async with database.transaction() as connection:
        assert await send_again(connection, DUE_AT_ONCE) == 0
    await notify(writer, socket)
    async with database.transaction() as connection:
        assert await send_again(connection, Retries()) == 0
    assert [await state(writer, found) for found in (confirmed, absent, everybody)] == [
        ("delivered", 0),
        ("sent", 0),
        ("sent", 0),
    ]


async def test_subscribers_hear_it_again_once_from_several_processes(
    database: Database, feed: Feed, writer: Writer, owner_id: int
) -> None:
    notification = await notify(writer, await add_socket(writer, owner_id))
    listening = await Listening().begin(feed, about(tables=frozenset({"websocket_notifications"})))
    once = Retries(after=timedelta(0), most=1)
    async with (
        background(keep_sending(database, once, every=0.01), "first"),
        background(keep_sending(database, once, every=0.01), "second"),
    ):
        again, failed = await listening.several(2)
        assert await listening.silent()
    assert {again[0], failed[0]} == {str(notification)}
    assert await state(writer, notification) == ("failed", 1)
