"""How many subscriptions a person may have open, over all connections and of all kinds."""

from typing import Any

import pytest

from app.config.settings import Settings
from tests.acceptance.subscriptions.conftest import Fleet, PlainSql
from tests.support.graphql_ws import Socket, logged_in
from tests.support.serving import LiveServer
from tests.support.sse import open_stream

STATUS = "subscription { ccInstanceStatusChanged { status } }"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Three subscriptions each, and one connection for queries: the feed has its own."""
    return settings.model_copy(update={"maximum_subscriptions": 3, "read_pool_size": 1})


async def refusal(socket: Socket, id_: str) -> Any:
    """The error that a subscription gets at once."""
    await socket.say(id=id_, type="subscribe", payload={"query": STATUS})
    answer = await socket.hear()
    assert (answer["type"], answer["id"]) == ("error", id_), answer
    return answer["payload"][0]


async def test_a_person_has_so_many_over_all_connections_and_others_are_not_concerned(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql
) -> None:
    url = live_server.websocket_url
    async with (
        logged_in(url, fleet.owner_token) as one,
        logged_in(url, fleet.owner_token) as other,
        open_stream(live_server.url, fleet.owner_token, STATUS) as stream,
        logged_in(url, fleet.administrator_token) as administrator,
    ):
        await one.subscribe(STATUS)
        await other.say(id="live", type="subscribe", payload={"query": "subscription { live { me { id } } }"})
        assert (await other.next("live"))["live"] == {"me": {"id": fleet.owner_id}}
        error = await refusal(one, "2")
        assert error["extensions"]["code"] == "QUOTA_EXCEEDED"
        assert "3 subscriptions open" in error["message"]
        await administrator.subscribe(STATUS)
        await sql.set_status(fleet.instance_id, "RUNNING")
        for socket in (one, administrator):
            assert (await socket.next())["ccInstanceStatusChanged"] == {"status": "RUNNING"}
        assert (await stream.next())["ccInstanceStatusChanged"] == {"status": "RUNNING"}
        await other.say(id="live", type="complete")
        await other.subscribe(STATUS, id_="3")


async def test_a_connection_that_ends_gives_its_subscriptions_back(
    live_server: LiveServer, fleet: Fleet
) -> None:
    for _ in range(3):
        async with logged_in(live_server.websocket_url, fleet.owner_token) as socket:
            for number in range(3):
                await socket.subscribe(STATUS, id_=str(number))
            await refusal(socket, "more")
            await socket.say_raw("nonsense")
            assert (await socket.closed())[0] == 4400
