"""What is JSON-RPC is kept as it is; what is too long keeps what pairs it; calls that are left open end."""

import json
from typing import Any

import pytest

from app.proxy.calls import OpenCalls
from app.proxy.frames import CLIENT, SERVER
from app.proxy.lines import HEAD, TAIL, Line
from app.proxy.messages import LEFT_OUT, read


def long_line(message: dict[str, Any]) -> Line:
    """A message as a line that was too long to be kept."""
    text = json.dumps(message).encode()
    return Line(len(text), text[:HEAD], text[-TAIL:])


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}\r', [1]),
        (b' [{"jsonrpc":"2.0","id":"a","result":{}},{"jsonrpc":"2.0","id":1.5,"result":{}}]', ["a", 1.5]),
        ('{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"は"}}'.encode(), [None]),
        (b'{"jsonrpc":"2.0","method":"x","params":{"n":12345678901234567890.12345678901234567890}}', [None]),
    ],
)
def test_a_message_is_kept_as_it_is_written(text: bytes, ids: list[object]) -> None:
    found = read(Line(len(text), text))
    assert found is not None
    assert found[0] == text.strip()
    assert [message.get("id") for message in found[1]] == ids


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"\r", b"Server started", b"{", b"[]", b"7", b'"text"', b"[7]", b'{"id":1}', b"\xff\xfe"),
        *(b'{"jsonrpc":"2.0","method":"x","params":{"n":NaN}}', b"[" * 100_000, b'{"jsonrpc":"1.0","id":1}'),
    ],
)
def test_what_is_no_message_is_left_out(text: bytes) -> None:
    assert read(Line(len(text), text)) is None


LONG = "x" * 2_000_000


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ({"jsonrpc": "2.0", "id": 7, "result": {"text": LONG}}, {"id": 7}),
        ({"result": {"text": LONG}, "jsonrpc": "2.0", "id": 'a\\"}'}, {"id": 'a\\"}'}),
        ({"result": {"text": LONG}, "id": -3, "jsonrpc": "2.0"}, {"id": -3}),
        ({"id": 1, "error": {"code": -1, "message": LONG}, "jsonrpc": "2.0"}, {"id": 1}),
        (
            {
                "jsonrpc": "2.0",
                "id": 2,
                "method": "tools/call",
                "params": {"name": "写す", "arguments": LONG},
            },
            {"id": 2, "method": "tools/call", "name": "写す"},
        ),
        (
            {"method": "notifications/x", "params": {"text": LONG}, "jsonrpc": "2.0"},
            {"method": "notifications/x"},
        ),
    ],
)
def test_a_message_that_is_too_long_keeps_what_it_is(message: dict[str, Any], kept: dict[str, Any]) -> None:
    line = long_line(message)
    found = read(line)
    assert found is not None
    [told] = found[1]
    assert json.loads(found[0]) == told
    assert {name: told[name] for name in ("id", "method") if name in told} == {
        name: value for name, value in kept.items() if name != "name"
    }
    assert set(told) & {"result", "error"} == set(message) & {"result", "error"}
    if "error" not in told:
        body = told["params"] if "method" in told else told["result"]
        assert body["_meta"] == {LEFT_OUT: {"bytes": line.size}}
        assert body.get("name") == kept.get("name")


USE = {"claudecode/toolUseId": "toolu_01"}


@pytest.mark.parametrize(
    ("params", "tool_use"),
    [
        ({"name": "a", "arguments": {"t": LONG}, "_meta": {**USE, "progressToken": 4}}, USE),
        ({"name": "a", "arguments": {"t": LONG}, "_meta": {"progressToken": 4}}, {}),
        ({"name": "a", "arguments": {"t": LONG, "_meta": USE}}, {}),
        ({"name": "a", "arguments": {"t": LONG, "u": {"_meta": USE}}}, {}),
        ({"name": "a", "arguments": {"t": LONG + json.dumps({"_meta": USE})}}, {}),
        ({"name": "a", "arguments": {"t": LONG}, "_meta": {"claudecode/toolUseId": 5}}, {}),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_call_that_is_too_long_keeps_which_use_of_a_tool_it_is(
    params: dict[str, Any], tool_use: dict[str, str], *, first: bool
) -> None:
    before = {"jsonrpc": "2.0", "id": 4} if first else {}
    line = long_line({**before, "method": "tools/call", "params": params, "jsonrpc": "2.0", "id": 4})
    found = read(line)
    assert found is not None
    assert found[1][0]["params"]["_meta"] == {LEFT_OUT: {"bytes": line.size}, **tool_use}


@pytest.mark.parametrize(
    "text", [b"x" * 2_000_000, b'{"a":' + b'"' + b"x" * 2_000_000, b'{"jsonrpc" ' * 200_000]
)
def test_what_is_too_long_and_no_message_is_left_out(text: bytes) -> None:
    assert read(Line(len(text), text[:HEAD], text[-TAIL:])) is None


def call(identity: object, method: str = "tools/call") -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identity, "method": method, "params": {"name": "x"}}


def test_calls_without_an_answer_end_with_the_connection() -> None:
    calls = OpenCalls()
    for message in (call(1), call("1"), call(2.0), call(3), call(None), call(4, "subscriptions/listen")):
        calls.note(CLIENT, message)
    calls.note(SERVER, call(1))
    calls.note(SERVER, {"jsonrpc": "2.0", "id": 2, "result": {}})
    calls.note(CLIENT, {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 3}})
    calls.note(CLIENT, {"jsonrpc": "2.0", "id": 1, "result": {}})
    ended = [(side, message["params"]["requestId"]) for side, message in calls.ended()]
    assert ended == [(CLIENT, 1), (CLIENT, "1")]
    assert [*calls.ended()] == []


def test_a_call_that_asks_for_more_is_open_until_its_last_round_is_answered() -> None:
    def asks(identity: object, state: str) -> dict[str, Any]:
        return {
            "jsonrpc": "2.0",
            "id": identity,
            "result": {"resultType": "input_required", "requestState": state},
        }

    def goes_on(identity: object, state: str) -> dict[str, Any]:
        params = {"name": "x", "inputResponses": {}, "requestState": state}
        return {"jsonrpc": "2.0", "id": identity, "method": "tools/call", "params": params}

    calls = OpenCalls()
    for identity in (1, 2, 3):
        calls.note(CLIENT, call(identity))
        calls.note(SERVER, asks(identity, f"s{identity}"))
    calls.note(CLIENT, goes_on(4, "s2"))
    calls.note(CLIENT, goes_on(5, "s3"))
    calls.note(SERVER, {"jsonrpc": "2.0", "id": 4, "result": {"resultType": "complete"}})
    assert [message["params"]["requestId"] for _, message in calls.ended()] == [1, 5]
