"""Whatever a stream sends, a client's parser reads whole JSON texts out of it."""

from typing import Any
from uuid import UUID

import pytest

from tests.acceptance.subscriptions.conftest import Fleet, PlainSql
from tests.support.graphql_ws import logged_in
from tests.support.serving import LiveServer
from tests.support.sse import EventStream, open_stream

BREAKS = "a\nb\rc\r\nd\u2028e\u2029f\x85g\vh\fi"
ROWS = "{ tasks(orderBy: [{name: ASC}]) { totalCount nodes { name description } } }"


async def heard(stream: EventStream) -> object:
    """The next result; all that came so far must also be whole for those who end lines at more characters."""
    data = await stream.next()
    received = stream.raw.decode()
    assert received.splitlines() == received.removesuffix("\n").split("\n")
    return data


@pytest.fixture
async def rows(fleet: Fleet, sql: PlainSql) -> list[dict[str, str]]:
    """Three tasks with every line separator in a text."""
    wanted = [{"name": f"{number} 行\u2028", "description": f"{number}{BREAKS}"} for number in range(3)]
    for row in wanted:
        await sql.connection.execute(
            "INSERT INTO tasks (project_id, name, description, task_type) VALUES ($1, $2, $3, 'development')",
            fleet.project_id,
            row["name"],
            row["description"],
        )
    return wanted


async def test_a_live_query_with_many_rows_is_one_json_text(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql, rows: list[dict[str, str]]
) -> None:
    async with open_stream(live_server.url, fleet.owner_token, f"subscription {{ live {ROWS} }}") as stream:
        assert await heard(stream) == {"live": {"tasks": {"totalCount": 3, "nodes": rows}}}
        await sql.connection.execute("UPDATE tasks SET name = '9' || name WHERE name LIKE '0%'")
        changed = [*rows[1:], {**rows[0], "name": "9" + rows[0]["name"]}]
        assert await heard(stream) == {"live": {"tasks": {"totalCount": 3, "nodes": changed}}}


async def test_a_query_in_a_stream_is_one_json_text(
    live_server: LiveServer, fleet: Fleet, rows: list[dict[str, str]]
) -> None:
    async with open_stream(live_server.url, fleet.owner_token, ROWS) as stream:
        assert await heard(stream) == {"tasks": {"totalCount": 3, "nodes": rows}}
        complete = await stream.hear()
        assert complete is not None
        assert complete.name == "complete"


async def test_an_event_with_rows_in_it_is_one_json_text(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql, rows: list[dict[str, str]]
) -> None:
    tasks = "ccInstance { project { tasks { nodes { name } } } }"
    event = f"subscription {{ ccInstanceStatusChanged {{ {tasks} }} }}"
    async with open_stream(live_server.url, fleet.owner_token, event) as stream:
        await sql.set_status(UUID(str(fleet.instance_id)), "RUNNING")
        data = await heard(stream)
    assert isinstance(data, dict)
    names = [
        node["name"] for node in data["ccInstanceStatusChanged"]["ccInstance"]["project"]["tasks"]["nodes"]
    ]
    assert sorted(names) == [row["name"] for row in rows]


async def test_an_entry_with_every_separator_is_one_json_text(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql
) -> None:
    async with open_stream(
        live_server.url, fleet.owner_token, "subscription { logAppended { message } }"
    ) as stream:
        await sql.connection.execute(
            "INSERT INTO cc_logs (cc_instance_id, log_level, category, message)"
            " VALUES ($1, 'info', 'system', $2)",
            fleet.instance_id,
            BREAKS,
        )
        assert await heard(stream) == {"logAppended": {"message": BREAKS}}


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("unused", [10**29, 0.1, nested(300), {"a": [1, None]}])
async def test_a_variable_that_a_subscription_has_not_is_left_alone(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql, unused: object
) -> None:
    query = "subscription { ccInstanceStatusChanged { status } }"
    async with (
        open_stream(live_server.url, fleet.owner_token, query, {"unused": unused}) as stream,
        logged_in(live_server.websocket_url, fleet.owner_token) as socket,
    ):
        payload = {"query": query, "variables": {"unused": unused}}
        await socket.say(id="1", type="subscribe", payload=payload)
        await socket.say(type="ping")
        assert await socket.hear() == {"type": "pong"}
        await sql.set_status(fleet.instance_id, "RUNNING")
        expected = {"ccInstanceStatusChanged": {"status": "RUNNING"}}
        assert await stream.next() == expected
        assert await socket.next() == expected
