"""The recorded traffic of three MCP servers, filed whole, whatever way it arrives."""

import asyncio
import itertools
import json
import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from services.core.database import Database
from services.core.errors import BadInput, DomainError, Forbidden, NotFound
from services.core.principal import Principal
from services.mcp.importing import import_file
from services.mcp.recording import RecordedMessages, record
from tests.integration.writing.asking import ORIGIN, Caller
from tests.integration.writing.conftest import Scene
from tests.support.acting import action
from tests.support.factories import make_instance

RECORDING = Path(__file__).parents[2] / "data" / "mcp-traffic.jsonl"


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RECORDING.read_text().splitlines()]


async def send(
    database: Database, principal: Principal, instance: UUID, items: Sequence[object]
) -> RecordedMessages:
    return await record(action(database, principal), instance, items)


async def rows(database: Database, table: str, instance: UUID, order: str) -> list[dict[str, Any]]:
    """The instance's rows without the columns that name the instance itself."""
    async with database.writer.connect() as connection:
        result = await connection.execute(
            text(f"SELECT * FROM {table} WHERE cc_instance_id = :instance ORDER BY {order}"),
            {"instance": instance},
        )
        own = {"id", "message_id", "cc_instance_id"}
        return [{name: row[name] for name in row if name not in own} for row in result.mappings()]


async def messages(database: Database, instance: UUID) -> list[dict[str, Any]]:
    return await rows(database, "mcp_messages", instance, "created_at, rpc_id")


async def tool_calls(database: Database, instance: UUID) -> list[dict[str, Any]]:
    return await rows(database, "mcp_tool_calls", instance, "started_at")


async def another_instance(database: Database, scene: Scene) -> UUID:
    async with database.writer.begin() as connection:
        instance: UUID = (await make_instance(connection, project_id=scene.project.project_id)).id
        return instance


async def test_every_line_of_the_recording_becomes_a_row_with_its_content(
    database: Database, scene: Scene, lines: list[dict[str, Any]]
) -> None:
    recorded = await send(database, scene.owner, scene.instance_id, lines)

    stored = await messages(database, scene.instance_id)
    assert recorded.recorded == len(recorded.message_ids) == len(stored) == len(lines)
    requests: dict[tuple[str, int], dict[str, Any]] = {}
    for line, row in zip(lines, stored, strict=True):
        message = line["message"]
        assert row["created_at"] == datetime.fromisoformat(line["at"])
        assert (row["server_name"], row["direction"]) == (line["server"], line["direction"])
        assert row["params"] == message.get("params")
        assert row["result"] == message.get("result")
        assert row["error"] == message.get("error")
        assert row["rpc_id"] == (str(message["id"]) if "id" in message else None)
        if "method" in message:
            assert row["message_type"] == ("request" if "id" in message else "notification")
            assert row["method"] == message["method"]
            requests[line["server"], message.get("id")] = line
        else:
            request = requests[line["server"], message["id"]]
            assert row["message_type"] == "response"
            assert row["method"] == request["message"]["method"]
            elapsed = datetime.fromisoformat(line["at"]) - datetime.fromisoformat(request["at"])
            assert row["processing_time_ms"] == round(elapsed.total_seconds() * 1000)


async def test_every_tool_call_of_the_recording_is_ended_as_its_answer_says(
    database: Database, scene: Scene, lines: list[dict[str, Any]]
) -> None:
    await send(database, scene.owner, scene.instance_id, lines)

    calls = await tool_calls(database, scene.instance_id)
    assert Counter(call["status"] for call in calls) == {"completed": 13, "failed": 3}
    failed = [call for call in calls if call["status"] == "failed"]
    assert [call["tool_name"] for call in failed] == ["git_checkout", "no_such_tool", "convert_time"]
    assert failed[0]["error_details"]["message"].startswith("Error executing tool git_checkout")
    assert failed[1]["error_details"] == {"code": -32602, "message": "Unknown tool: no_such_tool"}
    for call in calls:
        assert call["completed_at"] > call["started_at"]
        assert call["execution_time_ms"] is not None


async def test_a_call_without_an_answer_is_running_until_the_answer_arrives(
    database: Database, scene: Scene, lines: list[dict[str, Any]]
) -> None:
    request = next(line for line in lines if line["message"].get("method") == "tools/call")
    position = lines.index(request)

    await send(database, scene.owner, scene.instance_id, [request])
    (open_call,) = await tool_calls(database, scene.instance_id)
    await send(database, scene.owner, scene.instance_id, [lines[position + 1]])
    (ended_call,) = await tool_calls(database, scene.instance_id)

    assert (open_call["status"], open_call["completed_at"]) == ("running", None)
    assert (ended_call["status"], ended_call["result"]) == (
        "completed",
        lines[position + 1]["message"]["result"],
    )


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 1, 0), (1, 0, 2)])
async def test_a_cancelled_call_has_failed_with_the_reason_unless_it_was_answered(
    database: Database, scene: Scene, order: tuple[int, ...]
) -> None:
    def sent(second: int, direction: str, **message: Any) -> dict[str, Any]:
        at = f"2026-01-31T12:00:0{second}Z"
        return {"at": at, "server": "git", "direction": direction, "message": {"jsonrpc": "2.0", **message}}

    tool = {"method": "tools/call", "params": {"name": "git_log", "arguments": {}}}
    given = [
        sent(1, "client", id=7, **tool),
        sent(2, "client", id=8, **tool),
        sent(
            3,
            "client",
            method="notifications/cancelled",
            params={"requestId": 7, "reason": "too slow"},
        ),
    ]

    for position in (*order, 0):  # the first one is repeated
        await send(database, scene.owner, scene.instance_id, [given[position]])
    cancelled, running = await tool_calls(database, scene.instance_id)

    assert (cancelled["status"], cancelled["error_details"]) == (
        "failed",
        {"message": "Cancelled", "reason": "too slow"},
    )
    assert (cancelled["completed_at"] - cancelled["started_at"]).total_seconds() == 2
    assert (running["status"], running["completed_at"]) == ("running", None)
    await send(database, scene.owner, scene.instance_id, [sent(2, "server", id=7, result={"content": []})])
    answered, _ = await tool_calls(database, scene.instance_id)
    assert (answered["status"], answered["error_details"]) == ("completed", None)


async def test_any_order_in_several_calls_with_repetitions_makes_the_same_rows(
    database: Database, scene: Scene, lines: list[dict[str, Any]]
) -> None:
    await send(database, scene.owner, scene.instance_id, lines)
    shuffled = random.Random(7).sample(lines, len(lines))
    other = await another_instance(database, scene)

    for start in range(0, len(shuffled), 5):
        await send(database, scene.owner, other, shuffled[start : start + 8])

    assert await messages(database, other) == await messages(database, scene.instance_id)
    assert await tool_calls(database, other) == await tool_calls(database, scene.instance_id)


async def test_overlapping_calls_at_the_same_moment_make_the_same_rows(
    database: Database, scene: Scene, lines: list[dict[str, Any]]
) -> None:
    await send(database, scene.owner, scene.instance_id, lines)
    other = await another_instance(database, scene)

    async def send_shuffled(seed: int) -> None:
        shuffled = random.Random(seed).sample(lines, len(lines))
        for start in range(0, len(shuffled), 15):
            await send(database, scene.owner, other, shuffled[start : start + 20])

    await asyncio.gather(*(send_shuffled(seed) for seed in range(4)))

    assert await messages(database, other) == await messages(database, scene.instance_id)
    assert await tool_calls(database, other) == await tool_calls(database, scene.instance_id)


async def test_bare_messages_of_three_servers_find_their_requests_and_are_known_again(
    database: Database, scene: Scene, lines: list[dict[str, Any]]
) -> None:
    bare = [line["message"] for line in lines]

    first = await send(database, scene.owner, scene.instance_id, bare)
    second = await send(database, scene.owner, scene.instance_id, bare)

    stored = await messages(database, scene.instance_id)
    assert (first.recorded, second.recorded, len(stored)) == (len(lines), 0, len(lines))
    assert first.message_ids == second.message_ids
    assert all(row["method"] for row in stored)
    assert len(await tool_calls(database, scene.instance_id)) == 16


async def test_a_bare_answer_that_arrives_before_its_request_still_ends_the_call(
    database: Database, scene: Scene
) -> None:
    answer = {"jsonrpc": "2.0", "id": "a", "result": {"content": [], "isError": True}}
    request = {"jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": {"name": "git_log"}}

    await send(database, scene.owner, scene.instance_id, [answer])
    await send(database, scene.owner, scene.instance_id, [request])

    (call,) = await tool_calls(database, scene.instance_id)
    assert (call["tool_name"], call["arguments"], call["status"]) == ("git_log", {}, "failed")


async def test_after_a_reconnect_the_same_ids_are_new_requests(database: Database, scene: Scene) -> None:
    def exchange(minute: int, name: str) -> list[dict[str, Any]]:
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name}}
        answer = {"jsonrpc": "2.0", "id": 1, "result": {"content": []}}
        return [
            {"at": f"2026-01-01T00:{minute:02}:00Z", "server": "git", "direction": "client", "message": call},
            {
                "at": f"2026-01-01T00:{minute:02}:01Z",
                "server": "git",
                "direction": "server",
                "message": answer,
            },
        ]

    late_call, late_answer = exchange(9, "git_show")
    early_call, early_answer = exchange(1, "git_log")

    await send(database, scene.owner, scene.instance_id, [late_answer, early_call])
    await send(database, scene.owner, scene.instance_id, [late_call, early_answer])

    calls = await tool_calls(database, scene.instance_id)
    assert [(call["tool_name"], call["execution_time_ms"]) for call in calls] == [
        ("git_log", 1000),
        ("git_show", 1000),
    ]


async def test_one_bad_message_keeps_the_whole_call_out(
    database: Database, scene: Scene, lines: list[dict[str, Any]]
) -> None:
    with pytest.raises(BadInput) as refusal:
        await send(database, scene.owner, scene.instance_id, [*lines, {"jsonrpc": "1.0"}])

    assert refusal.value.field == "input.messages.59.jsonrpc"
    assert await messages(database, scene.instance_id) == []


async def test_secrets_do_not_reach_the_database(database: Database, scene: Scene) -> None:
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "login", "arguments": {"password": "hunter2"}},
    }

    await send(database, scene.owner, scene.instance_id, [call])

    assert "hunter2" not in repr(await messages(database, scene.instance_id))
    assert "hunter2" not in repr(await tool_calls(database, scene.instance_id))


async def test_owner_editor_and_administrator_record_and_nobody_else(
    database: Database, scene: Scene, lines: list[dict[str, Any]]
) -> None:
    refusals: list[tuple[Principal, type[DomainError]]] = [
        (scene.viewer, Forbidden),
        (scene.stranger, NotFound),
    ]
    for principal, expected in refusals:
        with pytest.raises(expected) as refusal:
            await send(database, principal, scene.instance_id, lines)
        assert refusal.value.field == "input.ccInstanceId"
    assert await messages(database, scene.instance_id) == []

    for number, principal in enumerate((scene.owner, scene.editor, scene.administrator)):
        assert (await send(database, principal, scene.instance_id, lines[number : number + 1])).recorded == 1


async def test_a_file_is_imported_with_progress_and_a_second_time_changes_nothing(
    database: Database, scene: Scene, lines: list[dict[str, Any]]
) -> None:
    told: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        told.append((done, total))

    first = await import_file(database, scene.owner, scene.instance_id, RECORDING, progress)
    second = await import_file(database, scene.owner, scene.instance_id, RECORDING)

    assert (first.messages, first.recorded) == (len(lines), len(lines))
    assert (second.messages, second.recorded) == (len(lines), 0)
    assert told == [(RECORDING.stat().st_size, RECORDING.stat().st_size)]
    assert len(await messages(database, scene.instance_id)) == len(lines)


@pytest.mark.parametrize(
    ("bad_line", "field"), [("{", "line 62"), ('{"jsonrpc": "2.0", "method": 5}', "line 62, method")]
)
async def test_a_file_with_a_bad_line_is_refused_whole_with_the_number_of_the_line(
    database: Database, scene: Scene, tmp_path: Path, bad_line: str, field: str
) -> None:
    path = tmp_path / "traffic.jsonl"
    path.write_text(f"{RECORDING.read_text()}\n\n{bad_line}\n")

    with pytest.raises(BadInput) as refusal:
        await import_file(database, scene.owner, scene.instance_id, path)

    assert refusal.value.field == field
    assert await messages(database, scene.instance_id) == []


RECORD = """
mutation ($input: RecordMcpMessagesInput!) {
  recordMcpMessages(input: $input) {
    recorded
    repeated
    ccInstance { id project { name owner { username } } }
    mcpMessages { rpcId messageType method toolCalls { nodes { toolName status } } }
  }
}
"""


async def test_the_mutation_gives_the_messages_in_their_order_with_their_instance_and_owner(
    caller: Caller, scene: Scene, lines: list[dict[str, Any]]
) -> None:
    given = {"ccInstanceId": scene.instance_id, "messages": lines}

    first = (await caller.data(scene.editor, RECORD, input=given))["recordMcpMessages"]
    second = (await caller.data(scene.editor, RECORD, input=given))["recordMcpMessages"]

    assert (first["recorded"], first["repeated"]) == (len(lines), 0)
    assert (second["recorded"], second["repeated"]) == (0, len(lines))
    assert first["mcpMessages"] == second["mcpMessages"]
    assert first["ccInstance"] == {
        "id": str(scene.instance_id),
        "project": {"name": scene.project.name, "owner": {"username": scene.owner.username}},
    }
    calls = [message for message in first["mcpMessages"] if message["toolCalls"]["nodes"]]
    assert len(calls) == 16
    assert calls[0]["method"] == "tools/call"
    assert calls[0]["toolCalls"]["nodes"] == [{"toolName": "git_status", "status": "COMPLETED"}]


async def test_the_mutation_refuses_with_the_place_and_leaves_no_trace(
    caller: Caller, database: Database, scene: Scene, lines: list[dict[str, Any]]
) -> None:
    given = {"ccInstanceId": scene.instance_id, "messages": [*lines[:3], {"jsonrpc": "2.0"}]}

    assert await caller.refusal(scene.owner, RECORD, input=given) == ("BAD_USER_INPUT", "input.messages.3")
    assert await caller.refusal(None, RECORD, input=given) == ("UNAUTHENTICATED", None)
    given["messages"] = lines
    assert await caller.refusal(scene.stranger, RECORD, input=given) == ("NOT_FOUND", "input.ccInstanceId")

    assert await messages(database, scene.instance_id) == []
    async with database.writer.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM system_logs")) == 0


async def test_a_recording_can_be_traced_to_whoever_made_it(
    caller: Caller, database: Database, scene: Scene, lines: list[dict[str, Any]]
) -> None:
    await caller.data(scene.editor, RECORD, input={"ccInstanceId": scene.instance_id, "messages": lines})

    async with database.writer.connect() as connection:
        (entry,) = (await connection.execute(text("SELECT * FROM system_logs"))).mappings()
        actors = await connection.scalar(
            text("SELECT array_agg(DISTINCT actor_id) FROM change_events WHERE table_name = 'mcp_tool_calls'")
        )
    assert (entry["user_id"], entry["message"]) == (scene.editor.user_id, "recordMcpMessages")
    assert (entry["request_id"], str(entry["ip_address"])) == (ORIGIN.request_id, ORIGIN.ip_address)
    assert entry["details"] == {"ccInstanceId": str(scene.instance_id), "recorded": len(lines)}
    assert actors == [scene.editor.user_id]


def ping(number: int) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": "ping"}


FILES: dict[str, list[list[int] | int]] = {
    "batches that fit into no part": [6] * 1_000,
    "a batch past the limit of one call": [5_001],
    "a batch after nearly a part of single lines": [*[0] * 999, 4_500],
}


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("sizes", FILES.values(), ids=FILES)
async def test_a_file_is_divided_wherever_its_batches_end(
    database: Database, scene: Scene, tmp_path: Path, sizes: list[int], *, wrapped: bool
) -> None:
    numbers = itertools.count()
    path = tmp_path / "traffic.jsonl"
    with path.open("w") as file:
        for size in sizes:
            messages = [ping(next(numbers)) for _ in range(size)] if size else ping(next(numbers))
            file.write(json.dumps({"server": "git", "message": messages} if wrapped else messages) + "\n")
    total = next(numbers)
    before = len(await rows(database, "mcp_messages", scene.instance_id, "id"))

    first = await import_file(database, scene.owner, scene.instance_id, path)
    second = await import_file(database, scene.owner, scene.instance_id, path)

    assert (first.messages, first.recorded) == (total, total)
    assert (second.messages, second.recorded) == (total, 0)
    stored = await rows(database, "mcp_messages", scene.instance_id, "id")
    assert len(stored) - before == total


@pytest.mark.parametrize(
    ("line", "field", "sentence"),
    [
        (
            '{"jsonrpc":"2.0","method":"x","params":{"t":"cut \\ud83d"}}',
            "line 2, params",
            "half of a surrogate",
        ),
        ('{"jsonrpc":"2.0","method":"cut \\ud83d"}', "line 2, method", "half of a surrogate"),
        ('{"at":null,"\\ud83d":1,"message":{}}', "line 2, ?", "members at, server"),
        ('{"jsonrpc":"2.0","method":"x","params":{"t":NaN}}', "line 2", "not JSON"),
        (json.dumps([*map(ping, range(2_500)), {}]), "line 2, 2500.jsonrpc", '"jsonrpc"'),
        (json.dumps({"message": [*map(ping, range(1_200)), 7]}), "line 2, message.1200", "is an object"),
        ("[]", "line 2", "at least one message"),
    ],
)
async def test_a_line_that_is_refused_is_told_with_its_place_in_the_file(
    database: Database, scene: Scene, tmp_path: Path, line: str, field: str, sentence: str
) -> None:
    path = tmp_path / "traffic.jsonl"
    path.write_text(f"{json.dumps(ping(1))}\n{line}\n")

    with pytest.raises(BadInput, match=sentence) as refusal:
        await import_file(database, scene.owner, scene.instance_id, path)

    assert refusal.value.field == field
    assert await rows(database, "mcp_messages", scene.instance_id, "id") == []
