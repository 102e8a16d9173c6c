"""What counts as a JSON-RPC 2.0 message, how it is filed, and when two are the same."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from services.core.errors import BadInput
from services.mcp.messages import MAX_MESSAGES, read_messages

INSTANCE = UUID("0197a000-0000-7000-8000-000000000001")
OTHER_INSTANCE = UUID("0197a000-0000-7000-8000-000000000002")
REQUEST = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "git_log"}}
ERROR = {"code": -32601, "message": "Method not found"}


def wrap(message: object, at: str = "2026-11-21T19:26:28.068234Z", server: str = "git") -> dict[str, object]:
    return {"at": at, "server": server, "direction": "client", "message": message}


@pytest.mark.parametrize(
    ("message", "message_type"),
    [
        (REQUEST, "request"),
        ({"jsonrpc": "2.0", "id": None, "method": "ping"}, "request"),
        ({"jsonrpc": "2.0", "method": "notifications/initialized"}, "notification"),
        ({"jsonrpc": "2.0", "id": 1, "result": {}}, "response"),
        ({"jsonrpc": "2.0", "id": 1, "result": None}, "response"),
        ({"jsonrpc": "2.0", "id": None, "error": ERROR}, "response"),
    ],
)
def test_the_members_of_a_message_decide_its_type(message: dict[str, object], message_type: str) -> None:
    assert read_messages(INSTANCE, [message])[0].type == message_type


def test_a_code_is_a_whole_number_however_it_is_written() -> None:
    found = [
        read_messages(INSTANCE, [wrap({"jsonrpc": "2.0", "id": 1, "error": {**ERROR, "code": code}})])[0]
        for code in (-32601, -32601.0)
    ]
    assert [orjson.loads(message.error or "") for message in found] == [ERROR, ERROR]

    for code in (-32601.5, 1e300, True, "-32601", None):
        with pytest.raises(BadInput):
            read_messages(INSTANCE, [{"jsonrpc": "2.0", "id": 1, "error": {**ERROR, "code": code}}])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"jsonrpc": "1.0"}, "jsonrpc"),
        ({"jsonrpc": None}, "jsonrpc"),
        ({"result": 1}, "method"),
        ({"method": 7}, "method"),
        ({"method": ""}, "method"),
        ({"method": "m" * 256}, "method"),
        ({"id": True}, "id"),
        ({"id": [1]}, "id"),
        ({"id": "x" * 300}, "id"),
        ({"params": "git_log"}, "params"),
        ({"params": {"a": "\x00"}}, "params"),
        ({"params": {"a": "\ud800"}}, "params"),
        ({"params": {"a": 10**400}}, "params"),
        ({"method": "\ud800"}, "method"),
    ],
)
def test_what_is_not_json_rpc_is_refused_with_its_place(change: dict[str, object], field: str) -> None:
    with pytest.raises(BadInput) as refusal:
        read_messages(INSTANCE, [REQUEST, REQUEST | change])

    assert refusal.value.field == f"input.messages.1.{field}"


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ("text", ""),
        (None, ""),
        ([], ""),
        ([REQUEST, 5], ".1"),
        ({"jsonrpc": "2.0"}, ""),
        ({"jsonrpc": "2.0", "id": 1}, ""),
        ({"jsonrpc": "2.0", "result": {}}, ".id"),
        ({"jsonrpc": "2.0", "id": 1, "result": {}, "error": ERROR}, ""),
        ({"jsonrpc": "2.0", "id": 1, "error": "broken"}, ".error"),
        ({"jsonrpc": "2.0", "id": 1, "error": {"code": "1", "message": "m"}}, ".error"),
        (wrap(REQUEST, at="yesterday"), ".at"),
        (wrap(REQUEST, at="2026-11-21T19:26:28"), ".at"),
        (wrap(REQUEST, at="1969-12-31T23:59:59Z"), ".at"),
        (wrap(REQUEST, at="9999-12-31T23:59:59-14:00"), ".at"),
        (wrap(REQUEST, server="s" * 256), ".server"),
        (wrap(REQUEST) | {"direction": "both"}, ".direction"),
        (wrap(REQUEST) | {"session": 1}, ".session"),
        (wrap({"method": "ping"}), ".message.jsonrpc"),
        (wrap([REQUEST, {}]), ".message.1.jsonrpc"),
    ],
)
def test_an_item_of_the_wrong_shape_is_refused_with_its_place(item: object, field: str) -> None:
    with pytest.raises(BadInput) as refusal:
        read_messages(INSTANCE, [item])

    assert refusal.value.field == f"input.messages.0{field}"


def test_values_nested_too_deeply_are_refused() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]

    with pytest.raises(BadInput, match="nested too deeply"):
        read_messages(INSTANCE, [REQUEST | {"params": nested}])


def test_a_call_without_messages_and_one_with_too_many_are_refused() -> None:
    with pytest.raises(BadInput, match="at least one"):
        read_messages(INSTANCE, [])
    with pytest.raises(BadInput, match="in parts"):
        read_messages(INSTANCE, [[REQUEST] * MAX_MESSAGES, REQUEST])


def test_an_escaped_backslash_before_u0000_is_text_and_not_nul() -> None:
    message = read_messages(INSTANCE, [REQUEST | {"params": {"a": "\\u0000"}}])[0]

    assert message.params == '{"a":"\\\\u0000"}'


def test_the_ids_one_and_text_one_stay_apart() -> None:
    ids = [
        message.rpc_id for message in read_messages(INSTANCE, [REQUEST | {"id": 1}, REQUEST | {"id": "1"}])
    ]

    assert ids == ["1", '"1"']


def test_a_batch_becomes_its_messages_with_the_time_of_the_batch() -> None:
    first, second = read_messages(INSTANCE, [wrap([REQUEST, REQUEST | {"id": 2}])])

    assert (first.rpc_id, second.rpc_id) == ("1", "2")
    assert first.at == second.at == datetime(2026, 11, 21, 19, 26, 28, 68234, tzinfo=UTC)


def test_null_params_count_as_none() -> None:
    assert read_messages(INSTANCE, [REQUEST | {"params": None}])[0].params is None


def test_secrets_are_masked_in_params_result_and_error() -> None:
    secret = {"password": "hunter2"}
    messages = read_messages(
        INSTANCE,
        [
            REQUEST | {"params": secret},
            {"jsonrpc": "2.0", "id": 1, "result": secret},
            {"jsonrpc": "2.0", "id": 1, "error": {**ERROR, "data": secret}},
        ],
    )

    assert all("hunter2" not in repr(message) for message in messages)


def test_secrets_are_masked_in_method_server_and_id_and_ids_that_differ_still_do() -> None:
    token = "ghp_" + "a1B2" * 9
    first, second = read_messages(
        INSTANCE,
        [
            wrap({"jsonrpc": "2.0", "id": f"{token}{end}", "method": f"tools/{token}"}, server=f"s {token}")
            for end in "12"
        ],
    )

    assert token not in repr((first, second))
    assert first.rpc_id != second.rpc_id


def test_the_same_recorded_message_has_the_same_id_whatever_the_order_of_its_members() -> None:
    turned = dict(reversed(REQUEST.items()))

    assert {m.id for m in read_messages(INSTANCE, [wrap(REQUEST), wrap(turned), wrap(REQUEST)])} == {
        read_messages(INSTANCE, [wrap(REQUEST, at="2026-11-21T20:26:28.068234+01:00")])[0].id
    }


def test_time_server_direction_instance_and_content_each_make_another_message() -> None:
    items: list[object] = [
        wrap(REQUEST),
        wrap(REQUEST, at="2026-11-21T19:26:28.068235Z"),
        wrap(REQUEST, server="time"),
        wrap(REQUEST) | {"direction": "server"},
        wrap(REQUEST | {"id": "1"}),
        REQUEST,
    ]
    ids = [message.id for message in read_messages(INSTANCE, items)]

    assert len({*ids, *(message.id for message in read_messages(OTHER_INSTANCE, items))}) == 2 * len(items)


def test_an_id_sorts_by_the_time_of_its_message() -> None:
    early, late = read_messages(INSTANCE, [wrap(REQUEST, at="2020-01-01T00:00:00Z"), wrap(REQUEST)])

    assert early.id < late.id
    assert early.id.version == late.id.version == 7


def test_equal_messages_without_a_time_are_counted_within_a_call_and_known_again_in_the_next() -> None:
    first = [message.id for message in read_messages(INSTANCE, [REQUEST, REQUEST, REQUEST])]
    second = [message.id for message in read_messages(INSTANCE, [REQUEST, REQUEST, REQUEST])]

    assert len(set(first)) == 3
    assert first == second
