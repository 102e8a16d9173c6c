"""Tool calls of MCP 2026-07-28: of several rounds, beside streams, progress and requests of the server."""

import itertools
from typing import Any

import pytest

from services.core.database import Database
from tests.integration.writing.conftest import Scene
from tests.integration.writing.test_recording import another_instance, messages, send, tool_calls

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "claude-code", "version": "2.1.328"},
    "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
}


def sent(second: float, direction: str, **message: Any) -> dict[str, Any]:
    """A message as a recorder wraps it."""
    at = f"2026-01-31T12:00:{second:09.6f}Z"
    return {"at": at, "server": "shop", "direction": direction, "message": {"jsonrpc": "2.0", **message}}


def call(second: float, identity: object, tool: str = "order", **params: Any) -> dict[str, Any]:
    params = {"name": tool, "arguments": {"item": "本"}, "_meta": META, **params}
    return sent(second, "client", id=identity, method="tools/call", params=params)


def asks(second: float, identity: object, state: str | None = "s1") -> dict[str, Any]:
    """The answer that asks for more."""
    question = {"message": "Sure?", "requestedSchema": {"type": "object", "properties": {}}}
    result: dict[str, Any] = {
        "resultType": "input_required",
        "inputRequests": {"sure": {"method": "elicitation/create", "params": question}},
    }
    if state is not None:
        result["requestState"] = state
    return sent(second, "server", id=identity, result=result)


def goes_on(second: float, identity: object, state: str | None = "s1", **params: Any) -> dict[str, Any]:
    """The request that brings the answer."""
    given = {} if state is None else {"requestState": state}
    return call(
        second, identity, inputResponses={"sure": {"action": "accept", "content": {}}}, **given, **params
    )


def done(second: float, identity: object, text: str = "ordered") -> dict[str, Any]:
    result = {"resultType": "complete", "content": [{"type": "text", "text": text}]}
    return sent(second, "server", id=identity, result=result)


def cancelled(second: float, identity: object) -> dict[str, Any]:
    params = {"requestId": identity, "reason": "late"}
    return sent(second, "client", method="notifications/cancelled", params=params)


def states(calls: list[dict[str, Any]]) -> list[tuple[str, str, int | None]]:
    return [(call["tool_name"], call["status"], call["execution_time_ms"]) for call in calls]


ROUNDS = [call(1, 1), asks(2, 1), goes_on(5, 2), done(6, 2)]


@pytest.mark.parametrize("order", [*itertools.permutations(range(4))])
async def test_a_call_of_two_rounds_is_one_whatever_arrives_first(
    database: Database, scene: Scene, order: tuple[int, ...]
) -> None:
    for position in (*order, order[0]):
        await send(database, scene.owner, scene.instance_id, [ROUNDS[position]])
    [row] = await tool_calls(database, scene.instance_id)
    assert (row["status"], row["execution_time_ms"]) == ("completed", 5_000)
    assert row["result"]["content"] == [{"type": "text", "text": "ordered"}]
    assert (row["completed_at"] - row["started_at"]).total_seconds() == 5
    assert len(await messages(database, scene.instance_id)) == 4


async def test_a_call_that_asks_is_open_until_it_is_answered(database: Database, scene: Scene) -> None:
    await send(database, scene.owner, scene.instance_id, ROUNDS[:2])
    [row] = await tool_calls(database, scene.instance_id)
    assert (row["status"], row["completed_at"], row["result"]) == ("running", None, None)
    await send(database, scene.owner, scene.instance_id, ROUNDS[2:3])
    [row] = await tool_calls(database, scene.instance_id)
    assert (row["status"], row["completed_at"], row["result"]) == ("running", None, None)
    await send(database, scene.owner, scene.instance_id, ROUNDS[3:])
    [row] = await tool_calls(database, scene.instance_id)
    assert row["status"] == "completed"


async def test_three_rounds_and_their_failure_are_one_call(database: Database, scene: Scene) -> None:
    error = sent(9, "server", id="c", error={"code": -32602, "message": "Invalid or expired requestState"})
    given = [call(1, "a"), asks(2, "a"), goes_on(3, "b"), asks(4, "b", "s2"), goes_on(5, "c", "s2"), error]
    await send(database, scene.owner, scene.instance_id, given)
    calls = await tool_calls(database, scene.instance_id)
    assert states(calls) == [("order", "failed", 8_000)]
    assert calls[0]["error_details"] == error["message"]["error"]


async def test_calls_side_by_side_are_told_apart_by_state_and_tool(database: Database, scene: Scene) -> None:
    given = [
        *(
            call(1, 1),
            asks(2, 1, "one"),
            call(3, 2),
            asks(4, 2, "two"),
            call(5, 3, "other"),
            asks(6, 3, None),
        ),
        *(goes_on(7, 4, "one"), goes_on(8, 5, "two"), goes_on(9, 6, None, name="other")),
        *(done(10, 5), done(12, 4), done(14, 6)),
    ]
    await send(database, scene.owner, scene.instance_id, given)
    calls = await tool_calls(database, scene.instance_id)
    assert states(calls) == [
        ("order", "completed", 11_000),
        ("order", "completed", 7_000),
        ("other", "completed", 9_000),
    ]


@pytest.mark.parametrize(
    "given",
    [
        [call(1, 1), asks(2, 1), cancelled(4, 1)],
        [call(1, 1), asks(2, 1), goes_on(3, 2), cancelled(4, 2)],
        [call(1, 1), cancelled(4, 1)],
    ],
    ids=["while it is asked", "in the second round", "in the first round"],
)
async def test_a_call_that_is_cancelled_in_any_round_has_failed(
    database: Database, scene: Scene, given: list[dict[str, Any]]
) -> None:
    for order in itertools.permutations(given):
        instance = await another_instance(database, scene)
        for message in order:
            await send(database, scene.owner, instance, [message])
        [row] = await tool_calls(database, instance)
        assert (row["status"], row["error_details"]) == ("failed", {"message": "Cancelled", "reason": "late"})
        assert (row["completed_at"] - row["started_at"]).total_seconds() == 3


async def test_a_round_whose_first_one_was_not_recorded_is_a_call_itself(
    database: Database, scene: Scene
) -> None:
    await send(database, scene.owner, scene.instance_id, [goes_on(5, 2), done(6, 2)])
    assert states(await tool_calls(database, scene.instance_id)) == [("order", "completed", 1_000)]


async def test_an_id_that_is_used_again_begins_another_call(database: Database, scene: Scene) -> None:
    later = [call(21, 1), asks(22, 1), goes_on(25, 2), done(27, 2)]
    await send(database, scene.owner, scene.instance_id, [*later, *ROUNDS, call(30, 3)])
    assert states(await tool_calls(database, scene.instance_id)) == [
        ("order", "completed", 5_000),
        ("order", "completed", 6_000),
        ("order", "running", None),
    ]


async def test_streams_progress_and_requests_of_the_server_are_no_calls(
    database: Database, scene: Scene
) -> None:
    listen = {"notifications": {"toolsListChanged": True}, "_meta": META}
    progress = {"progressToken": 1, "progress": 1, "total": 2}
    given = [
        sent(1, "client", id="s", method="subscriptions/listen", params=listen),
        sent(2, "server", method="notifications/subscriptions/acknowledged", params={}),
        call(3, 1, _meta={**META, "progressToken": 1}),
        sent(4, "server", method="notifications/progress", params=progress),
        sent(5, "server", id=1, method="elicitation/create", params={"message": "Sure?"}),
        sent(6, "client", id=1, result={"action": "accept"}),
        sent(7, "server", method="notifications/cancelled", params={"requestId": 1}),
        done(8, 1),
        sent(9, "server", id=None, error={"code": -32700, "message": "Parse error"}),
        cancelled(10, "s"),
    ]
    await send(database, scene.owner, scene.instance_id, given)
    assert states(await tool_calls(database, scene.instance_id)) == [("order", "completed", 5_000)]
    assert len(await messages(database, scene.instance_id)) == len(given)


@pytest.mark.parametrize("identities", [(1, "1"), (1, 2.5), ("a", "b")])
async def test_ids_of_any_kind_in_a_batch_find_their_answers(
    database: Database, scene: Scene, identities: tuple[Any, Any]
) -> None:
    asked = [call(1, identity)["message"] for identity in identities]
    answered = [done(2, identity, str(identity))["message"] for identity in reversed(identities)]
    batches = [
        {"at": "2026-01-31T12:00:01Z", "server": "shop", "direction": "client", "message": asked},
        {"at": "2026-01-31T12:00:02Z", "server": "shop", "direction": "server", "message": answered},
    ]
    await send(database, scene.owner, scene.instance_id, batches)
    calls = await tool_calls(database, scene.instance_id)
    assert states(calls) == [("order", "completed", 1_000)] * 2
    assert {row["result"]["content"][0]["text"] for row in calls} == {
        str(identity) for identity in identities
    }
