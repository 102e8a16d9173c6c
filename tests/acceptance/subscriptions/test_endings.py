"""How streams and connections end: tokens, limits, and where a client goes on."""

from datetime import timedelta
from typing import Any

from app.config.settings import Settings
from services.core.database import Database
from tests.acceptance.subscriptions.conftest import Fleet, PlainSql, token
from tests.support.graphql_ws import logged_in
from tests.support.serving import LiveServer
from tests.support.sse import open_stream

STATUS = "subscription ($after: String) { ccInstanceStatusChanged(after: $after) { cursor status } }"


async def test_a_connection_ends_when_its_token_is_revoked(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql
) -> None:
    async with logged_in(live_server.websocket_url, fleet.owner_token) as socket:
        await socket.subscribe(STATUS)
        await sql.connection.execute(
            "UPDATE auth_tokens SET is_active = false WHERE user_id = $1", fleet.owner_id
        )
        assert await socket.closed() == (4401, "Unauthorized")


async def test_a_connection_ends_when_its_token_expires(
    live_server: LiveServer, fleet: Fleet, database: Database, settings: Settings
) -> None:
    short = await token(database, settings, fleet.owner_id, timedelta(seconds=5))
    async with logged_in(live_server.websocket_url, short) as socket:
        assert await socket.closed() == (4401, "Unauthorized")


async def test_a_stream_ends_with_an_error_when_its_token_is_revoked(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql
) -> None:
    async with open_stream(live_server.url, fleet.owner_token, STATUS) as stream:
        await sql.connection.execute(
            "UPDATE auth_tokens SET is_active = false WHERE user_id = $1", fleet.owner_id
        )
        refusal, complete = await stream.hear(), await stream.hear()
        assert refusal is not None
        assert refusal.body["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert refusal.body["errors"][0]["extensions"]["cursor"]
        assert complete is not None
        assert complete.name == "complete"
        assert await stream.hear() is None


async def test_a_stream_resumes_where_the_client_says_that_it_was(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql
) -> None:
    async with open_stream(live_server.url, fleet.owner_token, STATUS) as stream:
        await sql.set_status(fleet.instance_id, "RUNNING")
        first = await stream.hear()
    assert first is not None
    assert first.id == first.body["data"]["ccInstanceStatusChanged"]["cursor"]
    await sql.set_status(fleet.instance_id, "ERROR")
    headers: dict[str, Any] = {"Last_Event_ID": first.id}
    async with open_stream(live_server.url, fleet.owner_token, STATUS, **headers) as stream:
        assert (await stream.next())["ccInstanceStatusChanged"]["status"] == "ERROR"
        await sql.set_status(fleet.instance_id, "STOPPED")
        assert (await stream.next())["ccInstanceStatusChanged"]["status"] == "STOPPED"


async def test_a_cursor_of_a_socket_serves_a_stream(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql
) -> None:
    async with logged_in(live_server.websocket_url, fleet.owner_token) as socket:
        await socket.subscribe(STATUS)
        await sql.set_status(fleet.instance_id, "RUNNING")
        cursor = (await socket.next())["ccInstanceStatusChanged"]["cursor"]
    await sql.set_status(fleet.instance_id, "ERROR")
    async with open_stream(live_server.url, fleet.owner_token, STATUS, {"after": cursor}) as stream:
        assert (await stream.next())["ccInstanceStatusChanged"]["status"] == "ERROR"


async def test_only_a_subscription_is_streamed_to_a_client_that_takes_json_too(
    live_server: LiveServer, fleet: Fleet
) -> None:
    both = "application/json, text/event-stream"
    async with open_stream(live_server.url, fleet.owner_token, "{ me { id } }", accept=both) as stream:
        assert stream.response.headers["content-type"].startswith("application/json")
    async with open_stream(live_server.url, fleet.owner_token, STATUS, accept=both) as stream:
        assert stream.response.headers["content-type"] == "text/event-stream; charset=utf-8"


async def test_a_query_is_streamed_to_a_client_that_takes_nothing_else(
    live_server: LiveServer, fleet: Fleet
) -> None:
    async with open_stream(live_server.url, fleet.owner_token, "{ me { id } }") as stream:
        assert await stream.next() == {"me": {"id": fleet.owner_id}}
        complete = await stream.hear()
        assert complete is not None
        assert (complete.name, complete.data) == ("complete", "")
        assert await stream.hear() is None
    assert b"\r" not in stream.raw


async def test_what_cannot_run_is_told_in_the_stream(live_server: LiveServer, fleet: Fleet) -> None:
    async with open_stream(live_server.url, fleet.owner_token, STATUS, {"after": "x"}) as stream:
        refusal = await stream.hear()
        assert refusal is not None
        assert refusal.body["errors"][0]["extensions"] == {"code": "CURSOR_INVALID", "field": "after"}


async def test_a_stream_is_entered_in_the_database_until_the_client_goes(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql
) -> None:
    async with open_stream(live_server.url, fleet.owner_token, STATUS) as stream:
        row = await sql.connection.fetchrow(
            "SELECT transport, disconnected_at FROM websocket_sessions WHERE id = $1::text::uuid",
            stream.response.headers["x-socket-id"],
        )
    assert row is not None
    assert (row["transport"], row["disconnected_at"]) == ("sse", None)
