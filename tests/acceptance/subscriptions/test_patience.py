"""How long the server waits for a client, and how much it lets it send: with limits that are short."""

import asyncio
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed

from app.config.settings import Settings
from tests.acceptance.subscriptions.conftest import Fleet, PlainSql
from tests.support.graphql_ws import logged_in, open_socket
from tests.support.serving import LiveServer
from tests.support.sse import open_stream
from tests.support.waiting import until

STATUS = "subscription { ccInstanceStatusChanged { cursor status } }"


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Little patience in what the test names: for what is not its subject it must not be hurried."""
    marker = request.node.get_closest_marker("settings")
    return settings.model_copy(update=dict(marker.kwargs) if marker else {})


@pytest.mark.settings(request_timeout=1)
async def test_who_does_not_initialise_in_time_is_told_so(live_server: LiveServer) -> None:
    async with open_socket(live_server.websocket_url) as client:
        with suppress(ConnectionClosed):
            await client.say(type="ping")
        assert await client.closed() == (4408, "Connection initialisation timeout")


@pytest.mark.settings(keep_alive=3)
async def test_a_client_that_answers_pings_stays(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql
) -> None:
    async with logged_in(live_server.websocket_url, fleet.owner_token) as client:
        await client.subscribe(STATUS)
        for _ in range(2):  # without an answer to the first the second would not come
            assert await client.hear() == {"type": "ping"}
            await client.say(type="pong")
        await sql.set_status(fleet.instance_id, "RUNNING")
        assert (await client.next())["ccInstanceStatusChanged"]["status"] == "RUNNING"


@pytest.mark.settings(keep_alive=1)
async def test_a_client_that_answers_no_ping_is_ended(live_server: LiveServer, fleet: Fleet) -> None:
    async with open_socket(live_server.websocket_url) as client:
        await client.say(type="connection_init", payload={"authorization": f"Bearer {fleet.owner_token}"})
        assert {(await client.hear())["type"] for _ in range(2)} == {"connection_ack", "ping"}
        assert await client.closed() == (4408, "Request Timeout")


@pytest.mark.settings(maximum_body=10_000)
async def test_a_message_that_is_too_long_ends_the_connection(live_server: LiveServer, fleet: Fleet) -> None:
    async with logged_in(live_server.websocket_url, fleet.owner_token) as client:
        await client.say(type="ping", payload={"long": "x" * 10_000})
        assert (await client.closed())[0] == 1009


async def test_a_connection_has_a_hundred_operations_under_way_and_no_more(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql
) -> None:
    async with logged_in(live_server.websocket_url, fleet.owner_token) as client:
        for number in range(100):
            await client.subscribe(STATUS, id_=str(number))
        await client.say(id="one more", type="subscribe", payload={"query": STATUS})
        refusal = await client.hear()
        assert (refusal["id"], refusal["type"]) == ("one more", "error")
        assert refusal["payload"][0]["extensions"]["code"] == "QUOTA_EXCEEDED"
        await client.say(id="0", type="complete")
        await client.subscribe(STATUS, id_="one more")
        await sql.set_status(fleet.instance_id, "RUNNING")
        heard = {(await client.hear())["id"] for _ in range(100)}
        assert heard == {"one more", *map(str, range(1, 100))}


@pytest.mark.settings(keep_alive=0.5)
async def test_a_stream_shows_signs_of_life_while_nothing_happens(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql
) -> None:
    async with open_stream(live_server.url, fleet.owner_token, STATUS) as stream:
        hearing = asyncio.create_task(stream.hear())
        await until(lambda: stream.raw.startswith(b":\n\n:\n\n:\n\n"))
        await sql.set_status(fleet.instance_id, "RUNNING")
        event = await hearing
        assert event is not None
        assert event.id == event.body["data"]["ccInstanceStatusChanged"]["cursor"]
