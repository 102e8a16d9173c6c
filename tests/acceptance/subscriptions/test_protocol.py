"""graphql-transport-ws rule by rule: what is answered, and with which code and reason a connection ends.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.acceptance.subscriptions.conftest import Fleet, PlainSql
from tests.support.graphql_ws import logged_in, open_socket
from tests.support.serving import LiveServer
from tests.support.waiting import until

STATUS = "subscription { ccInstanceStatusChanged { status } }"


async def test_the_subprotocol_is_agreed_on(live_server: LiveServer) -> None:
    async with open_socket(live_server.websocket_url, ("other", "graphql-transport-ws")) as socket:
        assert socket.subprotocol == "graphql-transport-ws"


@pytest.mark.parametrize("offered", [(), ("graphql-ws",)])
async def test_a_client_of_another_subprotocol_is_told_so(
    live_server: LiveServer, offered: tuple[str, ...]
) -> None:
    async with open_socket(live_server.websocket_url, offered) as socket:
        assert await socket.closed() == (4406, "Subprotocol not acceptable")


async def test_a_page_of_a_foreign_origin_cannot_connect(live_server: LiveServer) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        async with open_socket(live_server.websocket_url, origin="https://evil.example"):
            pass
    assert refusal.value.response.status_code == 403


async def test_a_page_of_the_servers_own_host_can_connect(live_server: LiveServer) -> None:
    async with open_socket(live_server.websocket_url, origin=live_server.url) as socket:
        await socket.say(type="ping")
        assert await socket.hear() == {"type": "pong"}


async def test_the_acknowledgement_names_the_connection_which_is_entered_in_the_database(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql
) -> None:
    async with open_socket(live_server.websocket_url, user_agent_header="test agent") as socket:
        socket_id = await socket.initialise(fleet.owner_token)
        row = await sql.connection.fetchrow(
            "SELECT * FROM websocket_sessions WHERE id = $1::text::uuid", socket_id
        )
    assert row is not None
    assert (row["user_id"], row["transport"], row["user_agent"]) == (
        fleet.owner_id,
        "websocket",
        "test agent",
    )
    assert row["disconnected_at"] is None


async def test_a_second_initialisation_ends_the_connection(live_server: LiveServer, fleet: Fleet) -> None:
    async with logged_in(live_server.websocket_url, fleet.owner_token) as socket:
        await socket.say(type="connection_init")
        assert await socket.closed() == (4429, "Too many initialisation requests")


@pytest.mark.parametrize("payload", [None, {}, {"authorization": "Bearer nonsense"}, {"authorization": 5}])
async def test_a_connection_without_a_good_token_is_forbidden(live_server: LiveServer, payload: Any) -> None:
    async with open_socket(live_server.websocket_url) as socket:
        await socket.say(type="connection_init", payload=payload)
        assert await socket.closed() == (4403, "Forbidden")


async def test_the_token_may_come_in_the_header_of_the_handshake(
    live_server: LiveServer, fleet: Fleet
) -> None:
    headers = {"Authorization": f"Bearer {fleet.owner_token}"}
    async with open_socket(live_server.websocket_url, additional_headers=headers) as socket:
        await socket.say(type="connection_init")
        assert (await socket.hear())["type"] == "connection_ack"


async def test_an_operation_before_the_acknowledgement_is_unauthorized(live_server: LiveServer) -> None:
    async with open_socket(live_server.websocket_url) as socket:
        await socket.say(id="1", type="subscribe", payload={"query": STATUS})
        assert await socket.closed() == (4401, "Unauthorized")


async def test_a_ping_is_answered_at_any_time(live_server: LiveServer, fleet: Fleet) -> None:
    async with open_socket(live_server.websocket_url) as socket:
        await socket.say(type="ping", payload={"any": "thing"})
        assert await socket.hear() == {"type": "pong"}
        await socket.initialise(fleet.owner_token)
        await socket.say(type="ping")
        assert await socket.hear() == {"type": "pong"}


async def test_an_unasked_pong_is_welcome(live_server: LiveServer) -> None:
    async with open_socket(live_server.websocket_url) as socket:
        await socket.say(type="pong", payload={})
        await socket.say(type="ping")
        assert await socket.hear() == {"type": "pong"}


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("nonsense", "The message is not valid JSON"),
        ("[]", "The message is not a JSON object"),
        ('"text"', "The message is not a JSON object"),
        ("{}", "The message has no type"),
        ('{"type": 5}', "The message has no type"),
        ('{"type": "start"}', "A client does not send messages of type 'start'"),
        ('{"type": "next", "id": "1"}', "A client does not send messages of type 'next'"),
        ('{"type": "connection_init", "payload": "x"}', "payload is not a JSON object"),
        ('{"type": "ping", "payload": []}', "payload is not a JSON object"),
        ('{"type": "pong", "payload": 1}', "payload is not a JSON object"),
        ('{"type": "complete"}', "The complete message needs an id that is a string and not empty"),
        ('{"type": "complete", "id": 1}', "The complete message needs an id that is a string and not empty"),
        (
            '{"type": "subscribe", "id": "", "payload": {"query": "{ me { id } }"}}',
            "The subscribe message needs an id that is a string and not empty",
        ),
        ('{"type": "subscribe", "id": "1"}', "The subscribe message needs a payload"),
        ('{"type": "subscribe", "id": "1", "payload": {"query": 5}}', "query is not a string"),
        *(
            (
                f'{{"type": "subscribe", "id": "1", "payload": {payload}}}',
                "The subscribe message needs a query, or the id of a document",
            )
            for payload in (
                "{}",
                '{"query": null}',
                '{"variables": {}, "operationName": "A"}',
                '{"documentId": null, "extensions": {}}',
                '{"extensions": {"persistedQuery": null, "cost": true}}',
            )
        ),
        ('{"type": "subscribe", "id": "1", "payload": {"documentId": 5}}', "documentId is not a string"),
        ('{"type": "subscribe", "id": "1", "payload": []}', "payload is not a JSON object"),
        ('{"type": "subscribe", "id": "1", "payload": "x"}', "payload is not a JSON object"),
        ('{"type": "subscribe", "id": "1", "payload": null}', "The subscribe message needs a payload"),
        (
            '{"type": "subscribe", "id": null, "payload": {"query": "{ me { id } }"}}',
            "The subscribe message needs an id that is a string and not empty",
        ),
        ('{"type": "subscribe", "id": "1", "payload": {"query": ["x"]}}', "query is not a string"),
        ('{"type": null}', "The message has no type"),
        ("", "The message is not valid JSON"),
        ("null", "The message is not a JSON object"),
        ('{"type": "ping"} {}', "The message is not valid JSON"),
        ('{"type": "ping", "x": "\\ud800"}', "The message is not valid JSON"),
        ('{"type": "ping", "payload": ' + "[" * 2_000 + "]" * 2_000 + "}", "The message is not valid JSON"),
        (
            '{"type": "subscribe", "id": "1", "payload": {"query": "", "operationName": 5}}',
            "operationName is not a string",
        ),
        (
            '{"type": "subscribe", "id": "1", "payload": {"query": "", "variables": []}}',
            "variables is not a JSON object",
        ),
        (
            '{"type": "subscribe", "id": "1", "payload": {"query": "", "extensions": "x"}}',
            "extensions is not a JSON object",
        ),
    ],
)
async def test_a_message_of_the_wrong_shape_ends_the_connection(
    live_server: LiveServer, message: str, reason: str
) -> None:
    async with open_socket(live_server.websocket_url) as socket:
        await socket.say_raw(message)
        assert await socket.closed() == (4400, reason)


async def test_a_binary_message_ends_the_connection(live_server: LiveServer) -> None:
    async with open_socket(live_server.websocket_url) as socket:
        await socket.say_raw(b'{"type": "ping"}')
        assert await socket.closed() == (4400, "A message must be text")


async def test_an_id_in_use_ends_the_connection(live_server: LiveServer, fleet: Fleet) -> None:
    async with logged_in(live_server.websocket_url, fleet.owner_token) as socket:
        await socket.subscribe(STATUS, id_="same")
        await socket.say(id="same", type="subscribe", payload={"query": STATUS})
        assert await socket.closed() == (4409, "Subscriber for same already exists")


async def test_a_completed_id_can_be_used_again_and_hears_nothing_of_before(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql
) -> None:
    async with logged_in(live_server.websocket_url, fleet.owner_token) as socket:
        await socket.subscribe(STATUS)
        await socket.say(id="1", type="complete")
        await sql.set_status(fleet.instance_id, "RUNNING")
        assert await socket.silent()
        await socket.subscribe(STATUS)
        await sql.set_status(fleet.instance_id, "ERROR")
        assert await socket.next() == {"ccInstanceStatusChanged": {"status": "ERROR"}}


async def test_completing_an_unknown_id_is_no_error(live_server: LiveServer, fleet: Fleet) -> None:
    async with logged_in(live_server.websocket_url, fleet.owner_token) as socket:
        await socket.say(id="never", type="complete")
        await socket.subscribe(STATUS)


async def test_a_query_gives_one_result_and_completes(live_server: LiveServer, fleet: Fleet) -> None:
    async with logged_in(live_server.websocket_url, fleet.owner_token) as socket:
        await socket.say(id="q", type="subscribe", payload={"query": "{ ccInstances { totalCount } }"})
        assert await socket.hear() == {
            "id": "q",
            "type": "next",
            "payload": {"data": {"ccInstances": {"totalCount": 1}}},
        }
        assert await socket.hear() == {"id": "q", "type": "complete"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ('subscription { ccInstanceStatusChanged(after: "x") { status } }', "CURSOR_INVALID"),
        ("subscription { ccInstanceStatusChanged(projectId: null) { status } }", "BAD_USER_INPUT"),
        (
            "subscription { taskChanged { task { blocks(first: 9999) { nodes { id } } } } }",
            "BAD_USER_INPUT",
        ),
    ],
)
async def test_what_cannot_run_is_told_by_an_error_message_and_the_connection_goes_on(
    live_server: LiveServer, fleet: Fleet, query: str, code: str
) -> None:
    async with logged_in(live_server.websocket_url, fleet.owner_token) as socket:
        await socket.say(id="1", type="subscribe", payload={"query": query})
        message = await socket.hear()
        assert (message["id"], message["type"]) == ("1", "error")
        assert [error["extensions"]["code"] for error in message["payload"]] == [code]
        await socket.subscribe(STATUS)


async def test_an_id_may_hold_any_text(live_server: LiveServer, fleet: Fleet, sql: PlainSql) -> None:
    id_ = '"}{\\ 東京 \n'
    async with logged_in(live_server.websocket_url, fleet.owner_token) as socket:
        await socket.subscribe(STATUS, id_=id_)
        await sql.set_status(fleet.instance_id, "RUNNING")
        assert await socket.next(id_) == {"ccInstanceStatusChanged": {"status": "RUNNING"}}


async def test_the_end_of_a_connection_is_entered_with_its_code(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql
) -> None:
    async with logged_in(live_server.websocket_url, fleet.owner_token) as socket:
        await socket.say_raw("nonsense")
        await socket.closed()
    await until(lambda: sql.connection.fetchval("SELECT close_code IS NOT NULL FROM websocket_sessions"))
    assert await sql.connection.fetchval("SELECT close_code FROM websocket_sessions") == 4400
