"""The hook behind all calls of a message alone tells of a call that Claude Code refused itself."""

from datetime import UTC, datetime
from typing import Any

import pytest

from models.enums import IngestSource
from services.fleet.entities import gathered
from services.fleet.facts import Kind
from services.fleet.reading import read
from services.fleet.records import RawRecord

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
NO_TOOL = "<tool_use_error>Error: No such tool available: mcp__files__none</tool_use_error>"


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (NO_TOOL, "failed"),
        ("a file that tells of <tool_use_error>", "completed"),
        ({"ok": True}, "completed"),
    ],
)
def test_a_call_that_was_refused_has_failed(response: Any, status: str) -> None:
    call = {"tool_name": "Read", "tool_input": {}, "tool_use_id": "toolu_1", "tool_response": response}
    session = "7f1c1b52-6c1e-4a57-9b06-5a8a3e0f9d77"
    hook = {"hook_event_name": "PostToolBatch", "session_id": session, "tool_calls": [call]}
    told = gathered(read(RawRecord(1, IngestSource.HOOK, AT, hook)).facts)[session]
    assert told[Kind.TOOL, "toolu_1"].values["status"] == status
