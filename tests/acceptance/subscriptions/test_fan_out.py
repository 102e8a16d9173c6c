"""One event to many sockets: what is done once, in which order it arrives, and who is too slow."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle
from typing import Any

import pytest

from app.uvicorn_ext import frames
from gql.subscriptions.rendering import EventRenderer
from tests.acceptance.subscriptions.conftest import Fleet, PlainSql
from tests.support.graphql_ws import Socket, logged_in
from tests.support.serving import LiveServer
from tests.support.statements import Statements
from tests.support.waiting import until

STATUS = "subscription { ccInstanceStatusChanged { cursor status ccInstance { name project { name } } } }"
NOTICES = (
    "subscription ($after: String) { websocketNotifications(after: $after)"
    " { cursor eventName websocketNotification { payload } } }"
)


@asynccontextmanager
async def audience(server: LiveServer, token: str, count: int, query: str) -> AsyncIterator[list[Socket]]:
    """Sockets that all ask for the same."""
    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(logged_in(server.websocket_url, token)) for _ in range(count)
        ]
        for socket in opened:
            await socket.subscribe(query)
        yield opened


def count_calls(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[None]:
    """A list that grows with every call of a function, which works on as it did."""
    calls: list[None] = []
    original = getattr(owner, name)

    def counted(*arguments: Any) -> Any:
        calls.append(None)
        return original(*arguments)

    monkeypatch.setattr(owner, name, counted)
    return calls


async def test_an_event_is_judged_loaded_and_encoded_once_for_all_who_asked_alike(
    live_server: LiveServer,
    fleet: Fleet,
    sql: PlainSql,
    statements: Statements,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoded = count_calls(monkeypatch, EventRenderer, "_response")
    framed = count_calls(monkeypatch, frames, "_header")
    async with audience(live_server, fleet.owner_token, 20, STATUS) as opened:
        statements.clear()
        await sql.set_status(fleet.instance_id, "RUNNING")
        heard = [await socket.next() for socket in opened]
    assert heard == [heard[0]] * 20
    about_instances = [text for text in statements if "cc_instances" in text]
    assert ["change_events" in text for text in about_instances] == [
        False,
        False,
    ]  # who may see it, and its row
    assert len(encoded) == len(framed) == 1


async def test_clients_with_ids_of_their_own_share_the_load_and_the_encoding(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = count_calls(monkeypatch, EventRenderer, "_response")
    async with AsyncExitStack() as stack:
        opened = {
            f"operation {number}": await stack.enter_async_context(
                logged_in(live_server.websocket_url, fleet.owner_token)
            )
            for number in range(5)
        }
        for id_, socket in opened.items():
            await socket.subscribe(STATUS, id_=id_)
        await sql.set_status(fleet.instance_id, "RUNNING")
        for id_, socket in opened.items():
            assert (await socket.next(id_))["ccInstanceStatusChanged"]["status"] == "RUNNING"
    assert len(encoded) == 1


async def test_sockets_that_join_in_the_middle_hear_all_that_follows_once_and_in_order(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql
) -> None:
    done = asyncio.Event()

    async def write() -> None:
        for status in cycle(("RUNNING", "IDLE")):
            await sql.set_status(fleet.instance_id, status)
            await asyncio.sleep(0.01)
            if done.is_set():
                break
        await sql.set_status(fleet.instance_id, "ERROR")

    async def follow(socket: Socket, cursors: list[str]) -> list[str]:
        while True:
            event = (await socket.next())["ccInstanceStatusChanged"]
            cursors.append(event["cursor"])
            if event["status"] == "ERROR":
                assert await socket.silent(0.1)
                return cursors

    async with AsyncExitStack() as stack:

        async def socket() -> Socket:
            return await stack.enter_async_context(logged_in(live_server.websocket_url, fleet.owner_token))

        async def further_event() -> None:
            count = len(heard_first)
            await until(lambda: len(heard_first) > count)

        async def joined() -> "asyncio.Task[list[str]]":
            other = await socket()
            # An event may come before the answer to a ping, so the join itself is not waited for.
            await other.say(id="1", type="subscribe", payload={"query": STATUS})
            await further_event()  # those who join between two readings begin at the same place
            return asyncio.create_task(follow(other, []))

        heard_first: list[str] = []
        earliest = await socket()
        await earliest.subscribe(STATUS)
        first = asyncio.create_task(follow(earliest, heard_first))
        writing = asyncio.create_task(write())
        others = [await joined() for _ in range(20)]
        await further_event()
        done.set()
        await writing
        everything = await first
        heard = [await other for other in others]
    assert len(set(everything)) == len(everything)
    assert [cursors for cursors in heard if everything[-len(cursors) :] != cursors] == []
    assert len({len(cursors) for cursors in heard}) > 1, "all joined at the same event, which shows little"


async def test_the_operations_of_a_connection_get_the_events_of_a_transaction_each_in_order(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql
) -> None:
    statuses = ["RUNNING", "IDLE", "ERROR", "STOPPED"] * 10
    async with logged_in(live_server.websocket_url, fleet.owner_token) as socket:
        for id_ in ("a", "b"):
            await socket.subscribe(STATUS, id_=id_)
        async with sql.connection.transaction():
            for status in statuses:
                await sql.set_status(fleet.instance_id, status)
        heard: dict[str, list[str]] = {"a": [], "b": []}
        for _ in range(2 * len(statuses)):
            message = await socket.hear()
            heard[message["id"]].append(message["payload"]["data"]["ccInstanceStatusChanged"]["status"])
    assert heard == {"a": statuses, "b": statuses}


async def add_notices(sql: PlainSql, first: int, last: int, size: int) -> None:
    """Notifications to everybody, named by their numbers, with a text of `size` characters."""
    for number in range(first, last):
        await sql.connection.execute(
            "INSERT INTO websocket_notifications (event_type, event_name, payload, delivery_status)"
            " VALUES ('progress', $1, jsonb_build_object('text', repeat('é', $2)), 'sent')",
            str(number),
            size,
        )


@pytest.mark.parametrize("size", [10, 1_000, 100_000])
async def test_an_event_of_any_size_arrives_whole_at_every_socket(
    live_server: LiveServer, fleet: Fleet, sql: PlainSql, size: int
) -> None:
    async with audience(live_server, fleet.owner_token, 3, NOTICES) as opened:
        await add_notices(sql, 0, 2, size)
        for socket in opened:
            for number in range(2):
                event = (await socket.next())["websocketNotifications"]
                assert event["eventName"] == str(number)
                assert event["websocketNotification"] == {"payload": {"text": "é" * size}}
