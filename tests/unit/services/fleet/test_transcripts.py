"""Transcripts of other versions: what a line has decides what it is."""

from datetime import UTC, datetime
from typing import Any

import pytest

from models.enums import IngestSource
from services.fleet.entities import Entity, gathered
from services.fleet.facts import Kind, Reading
from services.fleet.reading import read
from services.fleet.records import RawRecord

NOW = datetime(2026, 3, 1, 12, 5, tzinfo=UTC)
SESSION = "0198c2f0-1111-4222-8333-444455556666"
FILE = f"-home-dev-app/{SESSION}.jsonl"


def line(kind: str, at: str = "2026-03-01T12:00:00.000Z", **more: Any) -> dict[str, Any]:
    """A line as all versions write them."""
    return {
        "type": kind,
        "uuid": more.pop("uuid", "11111111-1111-4111-8111-111111111111"),
        "timestamp": at,
        "sessionId": SESSION,
        "cwd": "/home/dev/app",
        "version": "2.1.4",
        **more,
    }


def user(content: object, **more: Any) -> dict[str, Any]:
    """A line of a person, or of a tool's result."""
    return line("user", message={"role": "user", "content": content}, **more)


def assistant(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A line of the model."""
    message = {
        "id": more.pop("id", "msg_1"),
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": list(blocks),
        "stop_reason": more.pop("stop_reason", None),
        "usage": more.pop("usage", {"input_tokens": 3, "output_tokens": 7}),
    }
    return line("assistant", message=message, **more)


def use(tool_id: str, name: str, **arguments: Any) -> dict[str, Any]:
    """A block in which the model uses a tool."""
    return {"type": "tool_use", "id": tool_id, "name": name, "input": arguments}


def result(tool_id: str, content: object, **more: Any) -> dict[str, Any]:
    """A block with what came of it."""
    return {"type": "tool_result", "tool_use_id": tool_id, "content": content, **more}


def reading(*lines: object, file: str = FILE) -> Reading:
    """What is read of some lines."""
    return read(RawRecord(1, IngestSource.TRANSCRIPT, NOW, {"file": file, "offset": 0, "lines": list(lines)}))


def told(*lines: object, file: str = FILE) -> dict[tuple[Kind, str], Entity]:
    """The same joined, of the one session."""
    found = reading(*lines, file=file)
    assert (found.unreadable, found.problems) == (0, [])
    return gathered(found.facts)[SESSION]


def test_a_request_without_an_id_is_known_by_its_message() -> None:
    found = reading(
        assistant({"type": "text", "text": "one"}, id="msg_7"),
        assistant({"type": "text", "text": "two"}, id="msg_7", usage={"input_tokens": 3, "output_tokens": 9}),
    )

    assert [(one.request_id, one.counts["output_tokens"]) for one in found.spent] == [
        ("msg_7", 7),
        ("msg_7", 9),
    ]


def test_usage_of_both_lifetimes_of_the_cache_is_told() -> None:
    usage = {
        "input_tokens": 1,
        "output_tokens": 2,
        "cache_read_input_tokens": 3,
        "cache_creation_input_tokens": 9,
        "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 5},
    }

    (one,) = reading(assistant({"type": "text", "text": "x"}, requestId="req_1", usage=usage)).spent

    assert one.counts == {
        "input_tokens": 1,
        "output_tokens": 2,
        "cache_read_tokens": 3,
        "cache_creation_tokens": 9,
        "cache_creation_5m_tokens": 4,
        "cache_creation_1h_tokens": 5,
    }


@pytest.mark.parametrize(
    ("content", "tool_use_result", "expected"),
    [
        ("a text", None, "a text"),
        ([{"type": "text", "text": "a block"}], None, [{"type": "text", "text": "a block"}]),
        ("shown", {"stdout": "out", "stderr": ""}, {"stdout": "out", "stderr": ""}),
        ("shown", [{"type": "text", "text": "x"}], [{"type": "text", "text": "x"}]),
        ("shown", "a text of its own", "a text of its own"),
        ([{"type": "image", "source": {"type": "base64", "data": "iVBOR" * 100, "media_type": "image/png"}}],
         None, [{"type": "image", "source": {"type": "base64", "media_type": "image/png"}}]),
        (None, {"filePath": "/a", "originalFile": "x" * 9}, {"filePath": "/a"}),
    ],
)  # fmt: skip
def test_results_of_all_shapes_are_taken(content: object, tool_use_result: object, expected: object) -> None:
    more = {} if tool_use_result is None else {"toolUseResult": tool_use_result}

    tool = told(assistant(use("t1", "Bash", command="ls")), user([result("t1", content)], **more))[
        Kind.TOOL, "t1"
    ]

    assert (tool.values["tool_name"], tool.values["status"]) == ("Bash", "completed")
    assert tool.values["result"] == expected
    assert tool.values["error_details"] is None


def test_errors_denials_and_interruptions_are_failures() -> None:
    found = told(
        user([result("t1", "Exit code 1", is_error=True)], toolUseResult="Error: Exit code 1"),
        user([result("t2", "The user doesn't want to proceed with this tool use.", is_error=True)]),
        user([result("t3", "[Request interrupted by user for tool use]", is_error=True)]),
        user([result("t4", "no", is_error=True)], toolDenialKind="user-rejected"),
    )

    errors = {
        name: entity.values["error_details"] for (kind, name), entity in found.items() if kind is Kind.TOOL
    }
    assert errors["t1"] == {"message": "Exit code 1"}
    assert errors["t2"]["denied"] is True
    assert errors["t3"]["interrupted"] is True
    assert errors["t4"] == {"message": "no", "denied": True}


def test_tools_that_the_model_s_api_uses_itself_are_calls() -> None:
    found = told(
        assistant(
            {"type": "server_tool_use", "id": "srv1", "name": "web_search", "input": {"query": "x"}},
            {"type": "web_search_tool_result", "tool_use_id": "srv1", "content": [{"title": "X"}]},
            {"type": "server_tool_use", "id": "srv2", "name": "web_search", "input": {"query": "y"}},
            {
                "type": "web_search_tool_result",
                "tool_use_id": "srv2",
                "content": {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"},
            },
        )
    )

    first, second = found[Kind.TOOL, "srv1"].values, found[Kind.TOOL, "srv2"].values
    assert (first["tool_name"], first["status"], first["result"]) == (
        "web_search",
        "completed",
        [{"title": "X"}],
    )
    assert (second["status"], second["error_details"]) == ("failed", {"message": "max_uses_exceeded"})


def test_results_of_parallel_calls_in_one_line_keep_their_own_content() -> None:
    found = told(
        user([result("t1", "one"), result("t2", "two", is_error=True)], toolUseResult={"stdout": "of which?"})
    )

    assert found[Kind.TOOL, "t1"].values["result"] == "one"
    assert found[Kind.TOOL, "t2"].values["error_details"] == {"message": "two"}


def test_a_subagent_in_the_file_of_its_session_is_an_instance_of_its_own() -> None:
    found = told(
        assistant(use("t1", "Task", prompt="Count.", description="Count"), uuid="a1"),
        user("Count.", uuid="s1", parentUuid=None, isSidechain=True),
        assistant(use("t2", "Bash", command="ls"), uuid="s2", parentUuid="s1", isSidechain=True, id="msg_2"),
        user([result("t2", "3")], uuid="s3", parentUuid="s2", isSidechain=True),
        assistant(
            {"type": "text", "text": "Three."},
            uuid="s4",
            parentUuid="s3",
            isSidechain=True,
            id="msg_3",
            stop_reason="end_turn",
        ),
    )

    child = found[Kind.INSTANCE, "sidechain-s1"]
    assert (child.values["prompt"], child.values["answer"]) == ("Count.", "Three.")
    assert found[Kind.TOOL, "t2"].values["agent"] == "sidechain-s1"
    assert found[Kind.TOOL, "t1"].values["agent"] == ""


def test_lines_of_an_agent_file_belong_to_the_agent_also_without_its_id() -> None:
    for file in (
        f"-home-dev-app/{SESSION}/subagents/agent-abc123.jsonl",
        "-home-dev-app/agent-abc123.jsonl",
        f"C:\\Users\\dev\\{SESSION}\\subagents\\agent-abc123.jsonl",
    ):
        found = told(user("Count.", isSidechain=True, parentUuid=None), file=file)
        assert found[Kind.INSTANCE, "abc123"].values["prompt"] == "Count."


def test_what_a_caller_is_told_names_its_subagent() -> None:
    answer = {
        "status": "completed",
        "prompt": "Count.",
        "agentId": "abc123",
        "content": [{"type": "text", "text": "Three."}],
        "totalDurationMs": 1200,
    }
    launched = {"isAsync": True, "status": "async_launched", "agentId": "def456", "prompt": "Watch."}

    found = told(
        user([result("t1", [{"type": "text", "text": "Three."}])], toolUseResult=answer),
        user([result("t2", "launched")], toolUseResult=launched),
    )

    child = found[Kind.INSTANCE, "abc123"].values
    assert (child["caller_tool"], child["prompt"], child["answer"]) == ("t1", "Count.", "Three.")
    started = found[Kind.INSTANCE, "def456"].values
    assert (started["caller_tool"], started["prompt"]) == ("t2", "Watch.")
    assert "answer" not in started
    assert found[Kind.TOOL, "t1"].values["execution_time_ms"] == 1200


def test_progress_of_a_subagent_names_the_call_that_began_it() -> None:
    progress = line(
        "progress",
        parentToolUseID="t1",
        toolUseID="agent_msg_1",
        data={"type": "agent_progress", "agentId": "abc123", "prompt": "Count."},
    )

    child = told(progress)[Kind.INSTANCE, "abc123"].values
    assert (child["caller_tool"], child["prompt"]) == ("t1", "Count.")


def test_compactions_errors_and_notes_of_the_system_are_entries_of_the_log() -> None:
    found = told(
        line(
            "system",
            subtype="compact_boundary",
            uuid="c1",
            content="Conversation compacted",
            compactMetadata={"trigger": "manual", "preTokens": 150_000},
        ),
        line(
            "system",
            subtype="api_error",
            uuid="e1",
            level="error",
            cause={"code": "ECONNRESET"},
            error={"cause": {}},
            retryAttempt=2,
            maxRetries=10,
        ),
        line("system", subtype="informational", uuid="i1", content="Something.", level="warning"),
        line("system", subtype="turn_duration", uuid="d1", durationMs=5),
    )

    logs = {name: entity.values for (kind, name), entity in found.items() if kind is Kind.LOG}
    assert logs["compacted c1"]["message"] == "The conversation has been compacted (manual)."
    assert logs["compacted c1"]["details"]["preTokens"] == 150_000
    assert (logs["api error e1"]["message"], logs["api error e1"]["log_level"]) == ("ECONNRESET", "error")
    assert (logs["system i1"]["message"], logs["system i1"]["log_level"]) == ("Something.", "warn")
    assert len(logs) == 3


def test_what_no_person_wrote_is_no_prompt() -> None:
    found = told(
        user("<command-name>/clear</command-name>", uuid="u1"),
        user("<local-command-stdout>x</local-command-stdout>", uuid="u2"),
        user("This session is being continued…", uuid="u3", isCompactSummary=True),
        user("Caveat: The messages below were generated…", uuid="u4", isMeta=True),
        user([{"type": "text", "text": "A real one."}, {"type": "image", "source": {}}], uuid="u5"),
    )

    logs = [entity.values["message"] for (kind, _), entity in found.items() if kind is Kind.LOG]
    assert logs == ["A real one."]
    assert found[Kind.SESSION, ""].values["prompt"] == "A real one."


def test_titles_name_the_session() -> None:
    found = told(
        user("Do it."),
        {"type": "summary", "summary": "Doing it", "leafUuid": "x"},
        {"type": "custom-title", "customTitle": "My work", "sessionId": SESSION},
        {"type": "ai-title", "aiTitle": "Doing it well", "sessionId": SESSION},
    )

    values = found[Kind.SESSION, ""].values
    assert values["custom_title"] == "My work"
    assert values["title"] in ("Doing it", "Doing it well")


def test_lines_without_a_row_of_their_own_are_taken() -> None:
    found = reading(
        {"type": "file-history-snapshot", "messageId": "x", "snapshot": {}, "isSnapshotUpdate": False},
        {
            "type": "queue-operation",
            "operation": "enqueue",
            "timestamp": "2026-03-01T12:00:00Z",
            "content": "x",
        },
        {"type": "permission-mode", "permissionMode": "plan", "sessionId": SESSION},
        {"type": "brand-new", "sessionId": SESSION, "whatever": [1, {"a": None}]},
        {"sessionId": SESSION},
        {},
    )

    assert (found.unreadable, found.problems) == (0, [])


@pytest.mark.parametrize("mark", ["forkedFrom", "requestSessionId"])
def test_what_a_fork_repeats_says_of_which_session_it_is(mark: str) -> None:
    origin = "0198c2f0-9999-4222-8333-444455556666"
    told = {"sessionId": origin, "messageUuid": "x"} if mark == "forkedFrom" else origin
    copied = assistant(use("t1", "Bash", command="ls"), requestId="req_1", **{mark: told})

    found = reading(copied, user("New."))

    of_copy = {
        fact.id: fact.values.get("origin") for fact in found.facts if fact.kind in (Kind.TOOL, Kind.SPENT)
    }
    assert of_copy == {"t1": origin, "req_1": origin}
    assert [fact.id for fact in found.facts if fact.kind is Kind.KIN] == [origin]
    assert any(fact.values.get("forked") for fact in found.facts)
    assert not any("origin" in fact.values for fact in found.facts if fact.kind is Kind.LOG)


def test_a_line_that_is_no_json_is_counted_and_takes_nothing_with_it() -> None:
    found = reading('{"type": "user", "mess', user("Do it."), 7, None, [])

    assert found.unreadable == 4
    assert any(fact.values.get("prompt") == "Do it." for fact in found.facts)


def test_a_message_of_the_client_itself_uses_nothing() -> None:
    found = reading(
        line(
            "assistant",
            isApiErrorMessage=True,
            message={
                "id": "x",
                "model": "<synthetic>",
                "role": "assistant",
                "content": [{"type": "text", "text": "API Error: 500"}],
                "usage": {"input_tokens": 0, "output_tokens": 0},
            },
        )
    )

    assert found.spent == []
    assert any(fact.values.get("message") == "API Error: 500" for fact in found.facts)
