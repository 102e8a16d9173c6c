"""A call of which a session tells and whose MCP messages are recorded is one row, whatever comes first."""

import asyncio
import json
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from services.core.database import Database
from services.core.errors import NotFound
from services.core.principal import Principal
from services.fleet import keys
from services.fleet.records import RawRecord
from services.ingest.metadata import message_without_content
from services.mcp.recording import record
from tests.integration.fleet.digesting import clear, digested, everything, person, rows
from tests.integration.fleet.test_any_order import differences, in_parts
from tests.support.acting import action
from tests.support.claude_code import records
from tests.support.claude_lines import BEGAN, Conversation
from tests.support.factories import make_instance, make_mcp_tool_call, make_project

MCP = UUID("c22f526e-d2aa-434e-873b-26beb5968004")
TRAFFIC = Path(__file__).parents[2] / "data" / "claude-code" / "mcp-everything.jsonl"
TOOL_USE = "claudecode/toolUseId"

Item = dict[str, Any]


def traffic() -> list[Item]:
    """What the proxy of the recorded session has seen."""
    return [json.loads(line) for line in TRAFFIC.read_text().splitlines()]


def session_told() -> list[RawRecord]:
    """What its session has told, by hooks, transcript and telemetry."""
    return [record for record in records() if str(MCP) in json.dumps(record.body)]


def message(at: datetime, direction: str, server: str = "files", **members: Any) -> Item:
    """A message as a proxy hands it in."""
    sent = {"jsonrpc": "2.0", **members}
    return {"at": at.isoformat(), "server": server, "direction": direction, "message": sent}


def request(at: datetime, identity: object, use: str | None, tool: str = "read", **params: Any) -> Item:
    meta = {} if use is None else {"_meta": {TOOL_USE: use, "progressToken": 1}}
    params = {"name": tool, "arguments": {"path": "a"}, **meta, **params}
    return message(at, "client", id=identity, method="tools/call", params=params)


def response(at: datetime, identity: object, said: str = "A", *, failed: bool = False) -> Item:
    result = {"content": [{"type": "text", "text": said}], "isError": failed}
    return message(at, "server", id=identity, result=result)


async def recorded(database: Database, who: Principal, instance: UUID, *items: Item) -> None:
    await record(action(database, who), instance, items)


async def calls(database: Database) -> list[dict[str, Any]]:
    found = await rows(database, "mcp_tool_calls")
    return sorted(found, key=lambda row: (row["started_at"], row["id"]))


async def tell(database: Database, who: Principal, instance: UUID, parts: Sequence[Sequence[Any]]) -> None:
    """Tell all of it in this order; messages whose instance is not there yet come again, as a proxy's do."""
    waiting: list[Sequence[Item]] = []
    for part in parts:
        if isinstance(part[0], RawRecord):
            await digested(database, who, part)
        else:
            waiting.append(part)
        try:
            while waiting:
                await recorded(database, who, instance, *waiting[0])
                waiting.pop(0)
        except NotFound:
            continue
    assert not waiting


def chunks(told: Sequence[Any], chance: random.Random) -> list[list[Any]]:
    found, start = [], 0
    while start < len(told):
        size = chance.randint(1, max(len(told) // 3, 1))
        found.append([*told[start : start + size]])
        start += size
    return found


async def all_rows(database: Database) -> dict[str, list[dict[str, Any]]]:
    found = await everything(database)
    return {**found, "mcp_messages": await rows(database, "mcp_messages")}


async def clear_all(database: Database) -> None:
    async with database.writer.begin() as connection:
        await connection.execute(text("DELETE FROM mcp_tool_calls"))
        await connection.execute(text("DELETE FROM mcp_messages"))
    await clear(database)


async def test_each_call_of_a_real_session_behind_a_proxy_is_one_row_of_what_both_know(
    database: Database,
) -> None:
    who = await person(database)
    await digested(database, who, session_told())
    alone = {row["id"]: row for row in await calls(database)}
    await recorded(database, who, MCP, *traffic())

    found = {row["id"]: row for row in await calls(database)}
    assert found.keys() == alone.keys()
    sent = {
        keys.tool_call(MCP, item["message"]["params"]["_meta"][TOOL_USE]): item
        for item in traffic()
        if item["message"].get("method") == "tools/call"
    }
    answered = {item["message"]["id"]: item for item in traffic() if "result" in item["message"]}
    assert len(sent) == 4
    for key, item in sent.items():
        row, told = found[key], alone[key]
        answer = answered.get(item["message"]["id"])
        assert row["message_id"] is not None
        assert row["started_at"] == datetime.fromisoformat(item["at"])
        assert row["server_name"] == item["server"] == "everything"
        for name in ("tool_name", "arguments", "status", "result", "error_details", "cc_instance_id"):
            assert row[name] == told[name]
        if answer is not None:
            ended = datetime.fromisoformat(answer["at"])
            assert row["completed_at"] == ended
            elapsed = (ended - row["started_at"]) / timedelta(milliseconds=1)
            assert row["execution_time_ms"] == round(elapsed)
    assert {key: row for key, row in found.items() if key not in sent} == {
        key: row for key, row in alone.items() if key not in sent
    }


@pytest.mark.parametrize("seed", range(10))
async def test_a_real_session_and_its_messages_in_any_order_and_parts_give_the_same_rows(
    database: Database, seed: int
) -> None:
    who = await person(database)
    await digested(database, who, session_told())
    await recorded(database, who, MCP, *traffic())
    expected = await all_rows(database)
    await clear_all(database)
    chance = random.Random(seed)
    told = in_parts(session_told(), chance)
    messages = traffic()
    told += chance.sample(told, len(told) // 2)
    messages += chance.sample(messages, len(messages) // 2)
    chance.shuffle(told)
    chance.shuffle(messages)
    parts = [*chunks(told, chance), *chunks(messages, chance)]
    chance.shuffle(parts)

    await tell(database, who, MCP, parts)

    assert "\n".join(differences(expected, await all_rows(database))) == ""


@pytest.mark.parametrize("seed", range(4))
async def test_told_and_recorded_at_once_they_give_the_same_rows(database: Database, seed: int) -> None:
    who = await person(database)
    told, messages = session_told(), traffic()
    await digested(database, who, told)
    await recorded(database, who, MCP, *messages)
    expected = await all_rows(database)
    await clear_all(database)
    chance = random.Random(seed)
    await digested(database, who, told[:1])  # the instance is there
    chance.shuffle(told)
    chance.shuffle(messages)
    parts: list[Sequence[Any]] = [*in_tens(told), *in_tens(messages)]
    chance.shuffle(parts)

    await asyncio.gather(*(tell(database, who, MCP, parts[start::4]) for start in range(4)))

    assert "\n".join(differences(expected, await all_rows(database))) == ""


def in_tens(told: Sequence[Any]) -> list[Sequence[Any]]:
    return [told[start : start + 10] for start in range(0, len(told), 10)]


def odd_traffic(begin: datetime) -> tuple[list[RawRecord], UUID, list[Item]]:
    """A session whose server starts anew, whose calls are sent again, cancelled, asked back and lost."""
    told = Conversation()

    def at(seconds: float) -> datetime:
        return begin + timedelta(seconds=seconds)

    told.hook("SessionStart", source="startup")
    for use in ("answered", "again", "cancelled", "asked", "lost"):
        told.tool("mcp__files__read", {"path": "a"}, tool_id=use)
    told.hook("PreToolUse", tool_name="mcp__files__read", tool_input={"path": "a"}, tool_use_id="open")
    told.hook(
        "PostToolUseFailure",
        tool_name="mcp__files__read",
        tool_input={"path": "a"},
        tool_use_id="failed",
        error="It broke.",
    )
    told.tool("mcp__files__read", {"path": "b"}, tool_id="unrecorded")
    told.tool("Bash", {"command": "ls"}, tool_id="own")
    asks = {"resultType": "input_required", "inputRequests": {}, "requestState": "s"}
    messages = [
        request(at(1.5), 1, "answered"),
        response(at(1.75), 1),
        # The server is started anew: its ids begin again, and one call is sent a second time.
        request(at(3.5), 2, "again"),
        request(at(3.75), 1, "again"),
        response(at(4.25), 1),
        request(at(5.5), 3, "cancelled"),
        message(at(5.75), "client", method="notifications/cancelled", params={"requestId": 3}),
        request(at(7.5), 4, "asked"),
        message(at(7.6), "server", id=4, result=asks),
        request(at(7.7), 5, "asked", requestState="s"),
        response(at(7.9), 5),
        request(at(9.5), 6, "lost"),
        request(at(11.5), 7, "open"),
        request(at(11.6), 8, "failed"),
        response(at(11.7), 8),
        request(at(20), 9, None),
        response(at(21), 9),
        request(at(22), 10, "of the record alone", tool="write"),
        response(at(23), 10, failed=True),
    ]
    return told.records, told.key, messages


@pytest.mark.parametrize("seed", range(25))
async def test_calls_sent_again_cancelled_asked_back_and_lost_are_the_same_rows_in_any_order(
    database: Database, seed: int
) -> None:
    who = await person(database)
    told, instance, messages = odd_traffic(BEGAN)
    await digested(database, who, told)
    await recorded(database, who, instance, *messages)
    expected = await all_rows(database)
    await clear_all(database)
    chance = random.Random(seed)
    parts = [
        *chunks(chance.sample(told, len(told)), chance),
        *chunks(chance.sample(messages, len(messages)), chance),
    ]
    chance.shuffle(parts)

    await tell(database, who, instance, parts)

    assert "\n".join(differences(expected, await all_rows(database))) == ""


async def test_of_each_call_the_session_says_what_and_the_messages_say_when(database: Database) -> None:
    who = await person(database)
    told, instance, messages = odd_traffic(BEGAN)
    await digested(database, who, told)
    alone = {row["id"]: row for row in await calls(database)}
    await recorded(database, who, instance, *messages)

    found = {row["id"]: row for row in await calls(database)}
    row = {
        use: found[keys.tool_call(instance, use)] for use in ("again", "asked", "cancelled", "lost", "open")
    }
    assert len(found) == len(alone) + 2  # one without an id of a tool use, one of which no session tells
    times = {use: (one["status"], one["execution_time_ms"]) for use, one in row.items()}
    assert times == {
        "again": ("completed", 500),
        "asked": ("completed", 400),
        "cancelled": ("completed", 900),  # the session knows better
        "lost": ("completed", 900),
        "open": ("running", None),
    }
    failed = found[keys.tool_call(instance, "failed")]
    assert (failed["status"], failed["error_details"]["message"]) == ("failed", "It broke.")
    assert failed["execution_time_ms"] == 100
    only = found[keys.tool_call(instance, "of the record alone")]
    assert (only["tool_name"], only["status"], only["error_details"]) == ("write", "failed", {"message": "A"})
    untouched = [keys.tool_call(instance, use) for use in ("unrecorded", "own")]
    assert [found[key] for key in untouched] == [alone[key] for key in untouched]


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_call_without_the_id_of_its_tool_use_is_not_guessed(
    database: Database, is_first: bool
) -> None:
    who = await person(database)
    told = Conversation()
    await digested(database, who, [told.hook("SessionStart", source="startup")])
    told.tool("mcp__files__read", {"path": "a"})
    messages = [request(BEGAN + timedelta(seconds=2), 1, None), response(BEGAN + timedelta(seconds=3), 1)]

    if is_first:
        await recorded(database, who, told.key, *messages)
    await digested(database, who, told.records)
    if not is_first:
        await recorded(database, who, told.key, *messages)

    found = await calls(database)
    assert sorted(row["tool_name"] for row in found) == ["mcp__files__read", "read"]
    assert [row["message_id"] is None for row in sorted(found, key=lambda row: row["tool_name"])] == [
        True,
        False,
    ]


async def test_a_call_of_a_subagent_stays_its_own_beside_the_message_of_the_session(
    database: Database,
) -> None:
    who = await person(database)
    told = Conversation()
    told.hook("SubagentStart", agent_id="a1", agent_type="Explore")
    use = told.tool("mcp__files__read", {"path": "a"}, agent_id="a1", agent_type="Explore")
    await digested(database, who, told.records[:1])
    at = BEGAN + timedelta(seconds=2.5)
    await recorded(database, who, told.key, request(at, 1, use), response(at, 1))

    await digested(database, who, told.records)

    [row] = await calls(database)
    assert row["cc_instance_id"] == keys.instance(told.key, "a1")
    assert row["message_instance_id"] == told.key
    assert (row["started_at"], row["tool_name"]) == (at, "mcp__files__read")


async def test_without_content_the_call_is_still_one(database: Database) -> None:
    who = await person(database)
    told = Conversation()
    use = told.tool("mcp__files__read", {"path": "a"})
    await digested(database, who, told.records)
    items = [request(BEGAN, 1, use), response(BEGAN + timedelta(seconds=1), 1)]

    await recorded(database, who, told.key, *map(message_without_content, items))

    [row] = await calls(database)
    assert row["message_id"] is not None
    [sent] = [row for row in await rows(database, "mcp_messages") if row["message_type"] == "request"]
    assert sent["params"] == {"name": "read", "_meta": {TOOL_USE: use}}


async def test_a_call_of_another_instance_under_that_key_is_left_alone(database: Database) -> None:
    victim, other = await person(database), await person(database)
    told = Conversation()
    await digested(database, other, [told.hook("SessionStart", source="startup")])
    async with database.writer.begin() as connection:
        project = await make_project(connection, owner_id=victim.user_id)
        instance = await make_instance(connection, project_id=project.project_id)
        key = keys.tool_call(told.key, "toolu_1")
        await make_mcp_tool_call(connection, id=key, cc_instance_id=instance.id, tool_name="theirs")
    before = await calls(database)

    await recorded(database, other, told.key, request(BEGAN, 1, "toolu_1"), response(BEGAN, 1))

    assert await calls(database) == before


async def test_a_permission_that_was_waited_for_is_settled_by_the_recorded_call(database: Database) -> None:
    who = await person(database)
    told = Conversation()
    asked: Item = {"tool_name": "mcp__files__read", "tool_input": {"path": "a"}}
    told.hook("PreToolUse", **asked, tool_use_id="toolu_1")
    told.hook("PermissionRequest", **asked)
    given = told.now + timedelta(minutes=5)
    await digested(database, who, told.records)
    await recorded(database, who, told.key, request(given, 1, "toolu_1"))
    await recorded(database, who, told.key, response(given + timedelta(seconds=2), 1))

    done = told.hook("PostToolUse", after=303, **asked, tool_response="A", tool_use_id="toolu_1")
    await digested(database, who, [done])

    [row] = await rows(database, "cc_permission_requests")
    assert (row["decision"], row["answered_at"]) == ("allow", given)


async def test_an_answer_after_the_end_of_the_process_still_counts(database: Database) -> None:
    who = await person(database)
    told = Conversation()
    told.hook("PreToolUse", tool_name="mcp__files__read", tool_input={}, tool_use_id="toolu_1")
    sent = told.now
    told.hook("SessionEnd", reason="other")
    await digested(database, who, told.records)
    [ended] = await calls(database)
    assert ended["error_details"]["interrupted"]

    await recorded(database, who, told.key, request(sent, 1, "toolu_1"))
    [still] = await calls(database)
    assert (still["status"], still["error_details"]) == ("failed", ended["error_details"])
    await recorded(database, who, told.key, response(sent + timedelta(milliseconds=20), 1))

    [row] = await calls(database)
    assert (row["status"], row["error_details"], row["execution_time_ms"]) == ("completed", None, 20)
