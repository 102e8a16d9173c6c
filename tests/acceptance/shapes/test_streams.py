"""Events and live queries about rows with odd values: in the promised shape, with what SQL says is there."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg
import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, get_named_type

from gql.planner.catalog import TableType
from gql.subscriptions.fields import STREAMS
from tests.acceptance.shapes.conftest import SCHEMA
from tests.integration.reading.conftest import CATALOG
from tests.support.differences import Differences
from tests.support.graphql_ws import logged_in
from tests.support.plain.texts import Texts, Told, exact, fields, identity, written
from tests.support.serving import LiveServer
from tests.support.shapes import Shapes, everything
from tests.support.sse import open_stream
from tests.support.stored import stored

SOON = 15.0
"""Seconds: an event that has not come by then does not come."""
AT_ONCE = 5
"""So many rows are changed before their events are read; those of all would be too long to wait."""

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Hear: TypeAlias = Callable[[], Awaitable[Any]]
"""Gives the next response, with all digits of its numbers."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream that tells of a table's rows, and what changes the rows whose keys are $1."""

    field: str
    type_name: str
    change: str
    arguments: str = ""


def _other(table: str, column: str, one: str, other: str | None) -> str:
    new = f"'{other}'" if other else "NULL"
    return (
        f"UPDATE {table} SET {column} = CASE {column} WHEN '{one}' THEN {new} ELSE '{one}' END"
        " WHERE id::text = ANY($1::text[]) RETURNING id::text"
    )


def _copies(table: str, changed: str = "") -> str:
    """New rows with the values of old ones."""
    columns = [
        column.name
        for column in CATALOG.types[_type_of(table)].columns.values()
        if column.name != "id" and column.name not in changed
    ]
    listed = ", ".join(columns)
    more = f", {changed}" if changed else ""
    nothing = ", NULL" * (changed.count(",") + 1) if changed else ""
    return (
        f"INSERT INTO {table} ({listed}{more}) SELECT {listed}{nothing} FROM {table}"
        " WHERE id::text = ANY($1::text[]) RETURNING id::text"
    )


def _type_of(table: str) -> str:
    return next(found.name for found in stored(CATALOG) if found.table == table)


TOLD = (
    Stream(
        "ccInstanceStatusChanged",
        "CcInstance",
        # One that is gone has stopped, and stays so.
        _other("cc_instances", "status", "IDLE", "RUNNING").replace(
            "RETURNING", "AND activity IS DISTINCT FROM 'GONE' RETURNING"
        ),
    ),
    Stream("ccInstanceActivityChanged", "CcInstance", _other("cc_instances", "activity", "IDLE", "RETRYING")),
    Stream(
        "ccPermissionRequestChanged",
        "CcPermissionRequest",
        _other("cc_permission_requests", "tool_name", "Bash", "Write"),
    ),
    Stream(
        "taskChanged",
        "Task",
        "UPDATE tasks SET priority = priority % 10 + 1 WHERE id::text = ANY($1::text[]) RETURNING id::text",
    ),
    Stream("sessionStatusChanged", "Session", _other("sessions", "status", "running", None)),
    Stream(
        "ultrathinkMessageChanged",
        "UltrathinkMessage",
        _other("ultrathink_messages", "status", "sent", "failed"),
    ),
    Stream("mcpToolCallChanged", "McpToolCall", _other("mcp_tool_calls", "status", "failed", "pending")),
    Stream(
        "notificationChanged",
        "NotificationHistoryEntry",
        "UPDATE notification_history SET status = CASE status WHEN 'sent' THEN 'failed' ELSE 'sent' END,"
        " user_id = (SELECT id FROM users WHERE username = 'administrator')"
        " WHERE id::text = ANY($1::text[]) RETURNING id::text",
    ),
    Stream(
        "websocketNotifications",
        "WebsocketNotification",
        _copies("websocket_notifications", "socket_id, project_id"),
    ),
    Stream("logAppended", "CcLog", _copies("cc_logs"), "(tables: [CC_LOGS])"),
    Stream("logAppended", "TaskLog", _copies("task_logs"), "(tables: [TASK_LOGS])"),
    Stream("logAppended", "SystemLog", _copies("system_logs"), "(tables: [SYSTEM_LOGS])"),
)


def test_every_stream_is_tried() -> None:
    assert {told.field for told in TOLD} == STREAMS.keys() - {"changes"}


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    """Plain SQL beside the API."""
    opened = await asyncpg.connect(database_url, server_settings={"timezone": "UTC"})
    yield opened
    await opened.close()


async def test_an_event_about_any_row_tells_what_is_stored(
    live_server: LiveServer, administrator: str, connection: Connection
) -> None:
    differences, shapes = Differences(), Shapes(SCHEMA)
    for told in TOLD:
        table = CATALOG.types[told.type_name]
        keys = list(await Texts(connection, CATALOG).read(table))
        event, row = _event(told.field)
        kind: Any = SCHEMA.type_map[event]
        query = (
            f"subscription {{ {told.field}{told.arguments} {everything(SCHEMA, kind, 0, told.type_name)} }}"
        )
        async with _both(live_server, administrator, query) as hear:
            for start in range(0, len(keys), AT_ONCE):
                some = [str(key["id"]) for key in keys[start : start + AT_ONCE]]
                changed = await _change(connection, told.change, some)
                stored = {
                    str(each["id"]): each
                    for each in await Texts(connection, CATALOG).read(
                        table, "WHERE t.id::text = ANY($1::text[])", changed
                    )
                }
                if not await _events(differences, shapes, told, query, row, hear, stored):
                    break
    shapes.right()
    differences.none(400)


async def _change(connection: Connection, change: str, keys: list[str]) -> list[str]:
    """The keys of the rows that were changed or made; one that cannot get a later time is not changed."""
    changed = []
    for key in keys:
        with contextlib.suppress(asyncpg.DatetimeFieldOverflowError):
            changed += [record["id"] for record in await connection.fetch(change, [key])]
    return changed


async def _events(
    differences: Differences,
    shapes: Shapes,
    told: Stream,
    query: str,
    row: str,
    hear: dict[str, Hear],
    stored: dict[str, Told],
) -> bool:
    """Take an event for each row from each stream; False where one did not come."""
    for transport, next_event in hear.items():
        place = f"{told.field} {told.type_name} over {transport}"
        found: dict[str, Any] = {}
        try:
            for _ in stored:
                response = await next_event()
                assert "errors" not in response, response["errors"]
                shapes.check(query, response["data"])
                node = response["data"][told.field][row] or {}
                found[str(node.get("id"))] = node
        except (TimeoutError, AssertionError, ValueError) as error:
            left = [stored[key] for key in stored if key not in found]
            differences.check(place, query, {"rows": left[:1]}, holds=False, detail=f"{error!r}"[:700])
            return False
        for key, expected in stored.items():
            seen = {name: found.get(key, {}).get(name) for name in expected}
            differences.compare(place, query, {}, expected, seen)
    return True


@asynccontextmanager
async def _both(server: LiveServer, bearer: str, query: str) -> AsyncIterator[dict[str, Hear]]:
    """Subscribed over both transports; each gives the text of the next response."""
    async with AsyncExitStack() as stack:
        socket = await stack.enter_async_context(logged_in(server.websocket_url, bearer))
        await socket.subscribe(query)
        stream = await stack.enter_async_context(open_stream(server.url, bearer, query))

        async def from_socket() -> Any:
            message = exact(await socket.hear_text(SOON))
            assert message["type"] == "next", message
            return message["payload"]

        async def from_stream() -> Any:
            event = await stream.hear(SOON)
            assert event is not None, "the stream has ended"
            return exact(event.data)

        yield {"WebSocket": from_socket, "SSE": from_stream}


def _event(field: str) -> tuple[str, str]:
    """The type of a stream's events, and their field that is the row."""
    subscription = SCHEMA.subscription_type
    assert subscription is not None
    event = get_named_type(subscription.fields[field].type)
    assert isinstance(event, GraphQLObjectType)
    for name, found in event.fields.items():
        kind = get_named_type(found.type)
        if name != "actor" and isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            return event.name, name
    raise AssertionError(field)


async def test_a_live_query_tells_what_is_stored(
    live_server: LiveServer, administrator: str, connection: Connection
) -> None:
    differences, shapes = Differences(), Shapes(SCHEMA)
    async with logged_in(live_server.websocket_url, administrator) as socket:
        for number, table in enumerate(stored(CATALOG)):
            selection = f"{table.connection}(first: 500) {{ totalCount nodes {{ {fields(table)} }} }}"
            query = f"subscription {{ live {{ {selection} }} }}"
            before = await Texts(connection, CATALOG).rows(table)
            await socket.say(id=str(number), type="subscribe", payload={"query": query})
            message = exact(await socket.hear_text())
            await socket.say(id=str(number), type="complete")
            async with open_stream(live_server.url, administrator, query) as stream:
                event = await stream.hear()
                assert event is not None
            after = await Texts(connection, CATALOG).rows(table)
            for transport, text in (("WebSocket", written(message["payload"])), ("SSE", event.data)):
                place = f"live {table.connection} over {transport}"
                found = _rows(differences, shapes, table, place, query, text)
                # The server itself writes to some rows, such as the time at which a token was used.
                expected = {
                    key: row if found.get(key) == row else after.get(key) for key, row in before.items()
                }
                told = {key: found.get(key) for key in before}
                differences.compare(place, query, {}, expected, told)
    shapes.right()
    differences.none(60)


def _rows(
    differences: Differences, shapes: Shapes, table: TableType, place: str, query: str, text: str
) -> dict[str, Told]:
    """The rows of a result by their keys; none where it is no result."""
    try:
        response = exact(text)
    except ValueError as error:
        response = {"errors": f"{error}: {text[:300]}"}
    if "errors" in response:
        differences.check(place, query, {}, holds=False, detail=f"{response['errors']}")
        return {}
    shapes.check(query, response["data"])
    return {identity(table, node): node for node in response["data"]["live"][table.connection]["nodes"]}
