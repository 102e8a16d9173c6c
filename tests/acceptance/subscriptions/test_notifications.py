"""Notifications to connections over real sockets: waiting, sent, sent again, delivered, failed."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.config.settings import Settings
from services.core.database import Database
from services.notifications.websocket_delivery import Retries
from tests.acceptance.subscriptions.conftest import Fleet, PlainSql
from tests.integration.feed.test_websocket_delivery import look_around
from tests.support.graphql_ws import Socket, logged_in, open_socket
from tests.support.serving import LiveServer, served
from tests.support.sse import open_stream
from tests.support.waiting import until

LISTEN = """
subscription ($after: String, $socket: UUID) {
  websocketNotifications(after: $after, socketId: $socket) {
    cursor
    retryCount
    eventName
    websocketNotificationId
    websocketNotification { payload }
  }
}
"""


AT_ONCE = Retries(after=timedelta(0), most=1)
"""What is not confirmed when somebody looks is sent again, once."""


@pytest.fixture
def second_server(settings: Settings, live_server: LiveServer) -> Iterator[LiveServer]:
    """Another server on the same database."""
    with served(settings) as server:
        yield server


async def notify(sql: PlainSql, *, socket: str | None = None, project: UUID | None = None) -> str:
    """Store a notification; its key."""
    key: UUID = await sql.connection.fetchval(
        "INSERT INTO websocket_notifications"
        " (socket_id, project_id, event_type, event_name, payload, delivery_status)"
        " VALUES ($1::text::uuid, $2, 'progress', 'build', '{\"percent\": 50}', 'sent') RETURNING id",
        socket,
        project,
    )
    return str(key)


async def row(sql: PlainSql, key: str) -> tuple[str, bool, int, bool]:
    """Status, whether it was written to a connection, count of retries, whether it was confirmed."""
    found = await sql.connection.fetchrow(
        "SELECT delivery_status, first_sent_at IS NOT NULL AS is_sent, retry_count, client_ack"
        " FROM websocket_notifications WHERE id = $1::text::uuid",
        key,
    )
    assert found is not None
    return tuple(found)


async def becomes(sql: PlainSql, key: str, expected: tuple[str, bool, int, bool]) -> None:
    """Wait until the row is as expected."""

    async def is_expected() -> bool:
        return await row(sql, key) == expected

    await until(is_expected)


async def acknowledge(socket: Socket, key: str) -> None:
    """Confirm over the same connection."""
    await socket.say(
        id="ack",
        type="subscribe",
        payload={
            "query": "mutation ($id: UUID!) { acknowledgeWebsocketNotification(input: {id: $id})"
            " { websocketNotification { deliveryStatus clientAck } } }",
            "variables": {"id": key},
        },
    )
    assert (await socket.next("ack"))["acknowledgeWebsocketNotification"]["websocketNotification"] == {
        "deliveryStatus": "DELIVERED",
        "clientAck": True,
    }
    assert (await socket.hear())["type"] == "complete"


async def told(socket: Socket) -> Any:
    """The next notification."""
    return (await socket.next())["websocketNotifications"]


async def test_a_notification_counts_as_sent_when_it_is_written_and_as_delivered_when_it_is_confirmed(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql, database: Database
) -> None:
    async with open_socket(live_server.websocket_url) as socket:
        socket_id = await socket.initialise(fleet.owner_token)
        early = await notify(sql, socket=socket_id)
        assert await look_around(database, AT_ONCE) == (0, 0)
        assert await row(sql, early) == ("sent", False, 0, False)
        await socket.subscribe(LISTEN, {"socket": socket_id})
        key = await notify(sql, socket=socket_id)
        event = await told(socket)
        assert (event["websocketNotificationId"], event["retryCount"]) == (key, 0)
        assert event["websocketNotification"] == {"payload": {"percent": 50}}
        await acknowledge(socket, key)
        await becomes(sql, key, ("delivered", True, 0, True))
        assert await look_around(database, AT_ONCE) == (0, 0)
        assert await socket.silent()
        assert await row(sql, key) == ("delivered", True, 0, True)
        assert await row(sql, early) == ("sent", False, 0, False)


async def test_what_came_while_nobody_listened_waits_for_a_client_that_resumes_and_comes_once(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql, database: Database
) -> None:
    async with logged_in(live_server.websocket_url, fleet.owner_token) as socket:
        await socket.subscribe(LISTEN)
        received = await notify(sql, project=fleet.project_id)
        cursor = (await told(socket))["cursor"]
        await acknowledge(socket, received)
    missed = await notify(sql, project=fleet.project_id)
    assert await look_around(database, AT_ONCE) == (0, 0)
    assert await row(sql, missed) == ("sent", False, 0, False)
    async with logged_in(live_server.websocket_url, fleet.owner_token) as socket:
        await socket.subscribe(LISTEN, {"after": cursor})
        event = await told(socket)
        assert (event["websocketNotificationId"], event["retryCount"]) == (missed, 0)
        await becomes(sql, missed, ("sent", True, 0, False))
        await acknowledge(socket, missed)


async def test_whoever_resumes_hears_no_repetitions_of_the_past(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql, database: Database
) -> None:
    async with (
        logged_in(live_server.websocket_url, fleet.owner_token) as absent,
        logged_in(live_server.websocket_url, fleet.administrator_token) as present,
    ):
        for socket in (absent, present):
            await socket.subscribe(LISTEN)
        first = await notify(sql, project=fleet.project_id)
        cursor = (await told(absent))["cursor"]
        await told(present)
        await absent.say(id="1", type="complete")
        second = await notify(sql, project=fleet.project_id)
        for key in (first, second):
            await becomes(sql, key, ("sent", True, 0, False))
        assert [await look_around(database, AT_ONCE) for _ in range(2)] == [(2, 2), (0, 0)]
        for key in (first, second):
            await becomes(sql, key, ("failed", True, 1, False))
        await absent.subscribe(LISTEN, {"after": cursor}, id_="2")
        event = (await absent.next("2"))["websocketNotifications"]
        assert (event["websocketNotificationId"], event["retryCount"]) == (second, 0)
        assert await absent.silent()


async def test_over_server_sent_events_it_counts_as_sent_too(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql
) -> None:
    async with open_stream(live_server.url, fleet.owner_token, LISTEN) as stream:
        key = await notify(sql, socket=stream.response.headers["x-socket-id"])
        assert (await stream.next())["websocketNotifications"]["websocketNotificationId"] == key
        await becomes(sql, key, ("sent", True, 0, False))


class TestByItself:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """What is not confirmed within half a second is sent again, once."""
        return settings.model_copy(update={"confirmation_timeout": 0.5, "confirmation_retries": 1})

    @pytest.mark.parametrize("address", ["socket", "project", "everybody"])
    async def test_without_confirmation_it_is_sent_again_and_then_failed(
        self, live_server: LiveServer, fleet: Fleet, sql: PlainSql, address: str
    ) -> None:
        async with open_socket(live_server.websocket_url) as socket:
            socket_id = await socket.initialise(fleet.owner_token)
            await socket.subscribe(LISTEN)
            key = await notify(
                sql,
                socket=socket_id if address == "socket" else None,
                project=fleet.project_id if address == "project" else None,
            )
            events = [await told(socket), await told(socket)]
            assert [event["websocketNotificationId"] for event in events] == [key, key]
            assert [event["retryCount"] for event in events] == [0, 1]
            await becomes(sql, key, ("failed", True, 1, False))
            assert await socket.silent()
            await acknowledge(socket, key)
            assert await row(sql, key) == ("delivered", True, 1, True)

    async def test_over_two_processes_every_socket_is_sent_it_once_and_again_once(
        self, live_server: LiveServer, second_server: LiveServer, fleet: Fleet, sql: PlainSql
    ) -> None:
        async with (
            logged_in(live_server.websocket_url, fleet.owner_token) as here,
            logged_in(live_server.websocket_url, fleet.administrator_token) as beside,
            logged_in(second_server.websocket_url, fleet.owner_token) as there,
            logged_in(second_server.websocket_url, fleet.stranger_token) as outside,
        ):
            sockets = (here, beside, there)
            for socket in (*sockets, outside):
                await socket.subscribe(LISTEN)
            key = await notify(sql, project=fleet.project_id)
            for retries in (0, 1):
                for socket in sockets:
                    event = await told(socket)
                    assert (event["websocketNotificationId"], event["retryCount"]) == (key, retries)
            await becomes(sql, key, ("failed", True, 1, False))
            assert await outside.silent()
            for socket in sockets:
                assert await socket.silent(0.05)
