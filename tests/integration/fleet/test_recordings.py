"""What a real Claude Code has told becomes the rows of the documents."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import pytest

from models.enums import IngestSource
from services.core.database import Database
from tests.integration.fleet.digesting import TABLES, digested, person, rows
from tests.support.claude_code import exports, hooks, records, transcripts

FILES = UUID("675a5df1-b14c-47bf-bf0c-c32eb5de59dc")
FLEET = UUID("fd79a5b7-4737-498a-ac88-e9d74e3e0e49")
MCP = UUID("c22f526e-d2aa-434e-873b-26beb5968004")
TROUBLE = UUID("f92e21bf-973e-43f5-90da-7bd358900bec")
LIMIT = UUID("4752b207-b793-4327-b235-d419da34df0c")
BACKGROUND = UUID("01f1e935-9db5-41ef-b395-e1141d959f94")
WORKTREE = UUID("99f38523-8d34-4b7b-b366-edaf3c45170f")
SESSIONS = {FILES, FLEET, MCP, TROUBLE, LIMIT, BACKGROUND, WORKTREE}

COUNTER = uuid5(FLEET, "a983d2253967633d5")
READER = uuid5(FLEET, "a6c6cc944d42e90c7")

SECRET = "wJalrXUtnFEMIexampleK7MDENGbPxRfiCYEXAMPLEKEY"

ANSWERED = [*range(1, 20), *range(21, 25), *range(32, 37)]
"""The requests to which the scripted API has answered; the others failed."""


async def told_all(database: Database) -> None:
    """Digest all recordings as one person."""
    told = await digested(database, await person(database), records())
    assert (told.unreadable, told.problems) == (0, ())


def called() -> dict[str, tuple[UUID, str]]:
    """By the id of each tool use, as hooks tell: its instance and its name."""
    found = {}
    for _, hook in hooks():
        if hook["hook_event_name"] == "PreToolUse":
            session = UUID(hook["session_id"])
            instance = uuid5(session, hook["agent_id"]) if "agent_id" in hook else session
            found[hook["tool_use_id"]] = (instance, hook["tool_name"])
    return found


def by_id(found: list[dict[str, Any]]) -> dict[UUID, dict[str, Any]]:
    """Rows by their keys."""
    return {row["id"]: row for row in found}


async def test_every_session_is_there_once_and_has_ended(database: Database) -> None:
    await told_all(database)

    found = {row["session_id"]: row for row in await rows(database, "sessions")}
    assert found.keys() == SESSIONS
    assert {row["status"] for row in found.values()} == {"stopped"}
    assert found[FILES]["name"] == "[script:files] Tidy up the notes."
    assert found[FILES]["claude_session_id"] == str(FILES)
    assert found[WORKTREE]["working_directory"] == "/home/dev/fleet-demo/.claude/worktrees/feature-a"
    assert found[FILES]["total_tokens_used"] == sum(100 + n + 40 + n + 900 + 50 for n in range(1, 9))

    instances = by_id(await rows(database, "cc_instances"))
    assert {key for key, row in instances.items() if row["type"] == "PARENT"} == SESSIONS
    for row in instances.values():
        assert (row["status"], row["activity"]) == ("STOPPED", "GONE")
        assert row["created_at"] <= row["started_at"] < row["terminated_at"] == row["activity_since"]


async def test_a_resumed_session_is_one_session(database: Database) -> None:
    await told_all(database)

    (row,) = await rows(database, "cc_instances", f"id = '{FILES}'")
    (first, second) = [at for at, hook in hooks() if hook["session_id"] == str(FILES) if is_end(hook)]
    assert row["terminated_at"] == second > first
    assert row["last_message"] == "Done."
    prompts = await rows(database, "cc_logs", f"cc_instance_id = '{FILES}' AND category = 'task'")
    assert {row["message"] for row in prompts} == {
        "[script:files] Tidy up the notes.",
        "[script:more] Go on.",
    }


def is_end(hook: dict[str, Any]) -> bool:
    """Whether a hook tells the end of a session."""
    return bool(hook["hook_event_name"] == "SessionEnd")


async def test_every_tool_call_is_there_once_with_status_times_and_error(database: Database) -> None:
    await told_all(database)

    expected = called()
    found = by_id(await rows(database, "mcp_tool_calls"))
    assert found.keys() == {uuid5(session_of(instance), use) for use, (instance, _) in expected.items()}
    for use, (instance, name) in expected.items():
        row = found[uuid5(session_of(instance), use)]
        assert (row["cc_instance_id"], row["tool_name"]) == (instance, name)
        assert row["started_at"] <= row["completed_at"]
        if row["status"] == "completed":
            assert row["error_details"] is None
            assert row["result"] is not None
        else:
            assert row["error_details"]["message"]
            assert row["result"] is None
    failed = {row["tool_name"]: row["error_details"] for row in found.values() if row["status"] == "failed"}
    assert failed["mcp__everything__get-sum"]["message"].startswith("MCP error -32602")
    assert [row["server_name"] for row in found.values() if row["cc_instance_id"] == MCP] == [
        "everything"
    ] * 4
    exit_three = found[uuid5(TROUBLE, "toolu_000021_0")]
    assert (exit_three["status"], exit_three["execution_time_ms"]) == ("failed", 1035)
    assert exit_three["error_details"] == {"message": "Exit code 3"}


def session_of(instance: UUID) -> UUID:
    """The session of an instance."""
    return FLEET if instance in (COUNTER, READER) else instance


async def test_denied_tools_have_failed_with_the_reason(database: Database) -> None:
    await told_all(database)

    found = by_id(await rows(database, "mcp_tool_calls"))
    for use, told in (
        ("toolu_000022_0", "Claude requested permissions to use WebFetch, but you haven't granted it yet."),
        (
            "toolu_000023_0",
            "Claude requested permissions to write to /etc/not-allowed, but you haven't granted it yet.",
        ),
    ):
        row = found[uuid5(TROUBLE, use)]
        assert (row["status"], row["execution_time_ms"]) == ("failed", None)
        assert row["error_details"] == {"message": told, "denied": True, "decided_by": "config"}
    requests = await rows(database, "cc_permission_requests")
    assert sorted(row["tool_name"] for row in requests) == ["WebFetch", "Write"]
    for row in requests:
        assert (row["cc_instance_id"], row["session_id"], row["decision"]) == (TROUBLE, TROUBLE, "deny")
        assert row["answered_by"] is None
        assert row["asked_at"] <= row["answered_at"]
        assert row["message"].startswith("Claude requested permissions to")


async def test_subagents_are_children_with_their_prompts_and_answers(database: Database) -> None:
    await told_all(database)

    instances = by_id(await rows(database, "cc_instances"))
    assert {key for key, row in instances.items() if row["type"] == "CHILD"} == {COUNTER, READER}
    assert (instances[COUNTER]["name"], instances[READER]["name"]) == ("Count the tests", "Read the notes")
    messages = {row["child_instance_id"]: row for row in await rows(database, "ultrathink_messages")}
    for child, prompt, answer in (
        (COUNTER, "[script:helper-a] Count the tests.", "There is 1 file."),
        (READER, "[script:helper-b] Read the notes.", "Read."),
    ):
        row = messages[child]
        assert instances[child]["parent_instance_id"] == row["parent_instance_id"] == FLEET
        assert (row["instruction_type"], row["status"]) == ("task_assignment", "completed")
        assert (row["instruction_content"], row["response_content"]) == (prompt, answer)
        assert row["sent_at"] <= row["acknowledged_at"] < row["completed_at"]
    calls = await rows(database, "mcp_tool_calls", f"cc_instance_id IN ('{COUNTER}', '{READER}')")
    assert sorted(row["tool_name"] for row in calls) == ["Bash", "Read"]


@pytest.mark.parametrize(
    "of_source",
    [
        lambda record: True,
        lambda record: record.source is IngestSource.TRANSCRIPT,
        lambda record: record.source is IngestSource.LOGS,
        lambda record: record.source is IngestSource.TRACES,
    ],
    ids=["all", "transcripts", "logs", "traces"],
)
async def test_usage_is_what_the_model_has_told(database: Database, of_source: Callable[[Any], bool]) -> None:
    who = await person(database)
    await digested(database, who, [record for record in records() if of_source(record)])

    found = {row["request_id"]: row for row in await rows(database, "cc_usage")}
    assert found.keys() == {f"req_{n:06}" for n in ANSWERED}
    for n in ANSWERED:
        row = found[f"req_{n:06}"]
        assert (row["input_tokens"], row["output_tokens"]) == (100 + n, 40 + n)
        assert (row["cache_read_tokens"], row["cache_creation_tokens"]) == (900, 50)
        child = COUNTER if n in (11, 13) else READER if n in (10, 12) else None
        assert row["cc_instance_id"] == (child or row["session_id"])
        assert row["asked_by"] == ("main" if child is None else "subagent")
    assert sum(row["input_tokens"] for row in found.values()) == sum(100 + n for n in ANSWERED)
    assert sum(row["output_tokens"] for row in found.values()) == sum(40 + n for n in ANSWERED)


async def test_costs_are_those_that_telemetry_has_told(database: Database) -> None:
    await told_all(database)

    found = {row["request_id"]: row for row in await rows(database, "cc_usage")}
    assert (found["req_000001"]["cost_micro_usd"], found["req_000036"]["cost_micro_usd"]) == (1654, 2494)
    assert not any(row["cost_is_estimated"] for row in found.values())
    assert (found["req_000001"]["duration_ms"], found["req_000001"]["time_to_first_token_ms"]) == (31, 14)


async def test_files_that_were_read_written_and_edited_are_operations(database: Database) -> None:
    await told_all(database)

    found = {
        (row["session_id"], row["operation_type"], row["file_path"], row["success"])
        for row in await rows(database, "file_operations")
    }
    notes = "/home/dev/fleet-demo/notes.md"
    assert found == {
        (FILES, "create", notes, True),
        (FILES, "read", notes, True),
        (FILES, "update", notes, True),
        (FILES, "read", "/home/dev/fleet-demo/missing.txt", False),
        (FLEET, "read", notes, True),
        (TROUBLE, "update", "/etc/not-allowed", False),
    }
    assert len(await rows(database, "file_operations")) == 6


async def test_the_worktree_is_one_of_the_project_of_its_main_checkout(database: Database) -> None:
    await told_all(database)

    (project,) = await rows(database, "projects")
    assert (project["name"], project["local_path"]) == ("fleet-demo", "/home/dev/fleet-demo")
    (worktree,) = await rows(database, "git_worktrees")
    assert worktree["project_id"] == project["project_id"]
    assert worktree["cc_instance_id"] == WORKTREE
    assert (worktree["worktree_name"], worktree["base_branch"], worktree["current_branch"]) == (
        "feature-a",
        "master",
        "worktree-feature-a",
    )
    (instance,) = await rows(database, "cc_instances", f"id = '{WORKTREE}'")
    assert instance["worktree_path"] == worktree["worktree_path"]
    assert {row["project_id"] for row in await rows(database, "cc_instances")} == {project["project_id"]}


async def test_errors_of_the_model_are_entries_of_the_log(database: Database) -> None:
    await told_all(database)

    errors = await rows(database, "cc_logs", "log_level = 'error'")
    assert {(row["cc_instance_id"], row["message"]) for row in errors} == {
        (TROUBLE, "529 Overloaded"),
        (LIMIT, "401 invalid x-api-key"),
    }
    assert len(errors) == 8
    assert [row["message"] for row in await rows(database, "cc_logs", "category = 'mcp'")] == [
        "MCP server everything: connected",
        "MCP server everything: disconnected",
    ]


async def test_a_planted_key_is_masked_in_every_table(database: Database) -> None:
    assert any(SECRET in str(hook) for _, hook in hooks())
    assert any(SECRET in str(body) for *_, body in exports())
    assert any(SECRET in str(body) for body in transcripts())
    await told_all(database)

    for table in (*TABLES, "change_events", "system_logs"):
        for row in await rows(database, table):
            assert SECRET not in str(row), table
    (written,) = [
        row
        for row in await rows(database, "mcp_tool_calls")
        if row["tool_name"] == "Write" and row["status"] == "completed"
    ]
    assert "AWS_SECRET_ACCESS_KEY=[masked]" in written["arguments"]["content"]


AGREED = ("tool_name", "cc_instance_id", "status")
"""What every source says the same of a tool call that has ended."""


@pytest.mark.parametrize(
    "source", [IngestSource.HOOK, IngestSource.TRANSCRIPT, IngestSource.LOGS], ids=lambda source: source.value
)
async def test_each_recording_alone_gives_the_same_tool_calls(
    database: Database, source: IngestSource
) -> None:
    who = await person(database)
    await digested(database, who, [record for record in records() if record.source is source])
    alone = by_id(await rows(database, "mcp_tool_calls"))
    assert {row["session_id"] for row in await rows(database, "sessions")} == SESSIONS
    await digested(database, who, records())
    together = by_id(await rows(database, "mcp_tool_calls"))

    assert alone.keys() == together.keys()
    for key, row in alone.items():
        assert [row[name] for name in AGREED] == [together[key][name] for name in AGREED]
        assert abs(seconds(row["started_at"], together[key]["started_at"])) < 1
        if source is not IngestSource.LOGS:
            assert row["arguments"] == together[key]["arguments"]
            assert (row["error_details"] or {}).get("message") == (together[key]["error_details"] or {}).get(
                "message"
            )


def seconds(one: datetime, other: datetime) -> float:
    """How far apart two times are."""
    return (one - other).total_seconds()
