"""Content that no client writes is digested, or told; neighbours are stored."""

import copy
import random
from typing import Any

import pytest

from models.enums import IngestSource
from services.core.database import Database
from services.fleet.records import RawRecord
from tests.integration.fleet.digesting import digested, person, rows
from tests.support.claude_code import records
from tests.support.claude_lines import BEGAN, Conversation
from tests.unit.services.fleet.test_any_content import mutated


@pytest.mark.parametrize("seed", range(6))
async def test_recordings_in_which_anything_is_otherwise_are_digested(database: Database, seed: int) -> None:
    who = await person(database)
    chance = random.Random(seed)
    told = [
        RawRecord(record.id, record.source, record.received_at, mutated(copy.deepcopy(record.body), chance))
        for record in records()
    ]

    await digested(database, who, told)
    await digested(database, who, told)

    assert await rows(database, "sessions")


async def test_neighbours_of_what_cannot_be_read_are_stored(database: Database) -> None:
    who = await person(database)
    told = Conversation()
    bad = [
        RawRecord(90, IngestSource.HOOK, BEGAN, {}),
        RawRecord(91, IngestSource.HOOK, BEGAN, {"session_id": 7, "hook_event_name": []}),
        RawRecord(
            92, IngestSource.TRANSCRIPT, BEGAN, {"file": "x.jsonl", "lines": ["{", 3, {"type": "user"}]}
        ),
        RawRecord(93, IngestSource.LOGS, BEGAN, {"resourceLogs": [{"scopeLogs": [{"logRecords": [{}]}]}]}),
        RawRecord(94, IngestSource.TRACES, BEGAN, {"resourceSpans": [{"scopeSpans": [{"spans": [{}]}]}]}),
        RawRecord(95, IngestSource.PROCESSES, BEGAN, {"alive": [{}], "gone": 7}),
    ]
    told.hook("UserPromptSubmit", prompt="Do it.", prompt_id="p1")

    found = await digested(database, who, [*bad, *told.records])

    assert found.unreadable == 7
    assert {problem.record_id for problem in found.problems} == {90, 91, 93}
    assert [row["session_id"] for row in await rows(database, "sessions")] == [told.key]


async def test_a_clock_that_is_ahead_is_told(database: Database) -> None:
    who = await person(database)
    told = Conversation()
    record = told.lines({"type": "user", "message": {"role": "user", "content": "Do it."}})
    early = RawRecord(1, record.source, BEGAN.replace(hour=2), record.body)

    (problem,) = (await digested(database, who, [early])).problems

    assert "seconds ahead of the server's" in problem.message


async def test_figures_that_no_column_holds_are_bounded(database: Database) -> None:
    who = await person(database)
    told = Conversation()
    use: dict[str, Any] = {"tool_name": "Bash", "tool_use_id": "t1", "tool_input": {"command": "x"}}
    told.hook("PostToolUse", **use, tool_response={"n": 2**80}, duration_ms=2**50)
    told.hook("SessionStart", source="startup", model="m" * 5_000, context_tokens=2**60)
    told.hook("Notification", message="n" * 100_000, notification_type="x" * 9_000)

    assert (await digested(database, who, told.records)).problems == ()

    (call,) = await rows(database, "mcp_tool_calls")
    assert call["execution_time_ms"] == 2**31 - 1
    (instance,) = await rows(database, "cc_instances")
    assert len(instance["model"]) <= 200
    assert instance["context_used_percent"] == 100
