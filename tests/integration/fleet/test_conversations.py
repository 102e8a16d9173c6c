"""What no recording has: deep trees, tasks, permissions that are given, processes that are killed."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.core.database import Database, WriteConnection
from services.fleet import keys
from services.instances.heartbeats import mark_gone
from tests.integration.fleet.digesting import digested, person, rows
from tests.support.claude_lines import Conversation


async def one(database: Database, table: str, condition: str = "true") -> dict[str, Any]:
    """The only row."""
    (row,) = await rows(database, table, condition)
    return row


def agent_of(told: Conversation, agent: str) -> UUID:
    return keys.instance(told.key, agent)


async def test_subagents_of_subagents_are_a_tree(database: Database) -> None:
    who = await person(database)
    told = Conversation()
    told.hook("UserPromptSubmit", prompt="Go deep.", prompt_id="p")
    chain = [("", "one"), ("one", "two"), ("two", "three")]
    for caller, agent in chain:
        around: dict[str, Any] = {"agent_id": caller} if caller else {}
        told.hook(
            "PreToolUse",
            tool_name="Agent",
            tool_use_id=f"use-{agent}",
            tool_input={"prompt": f"Be {agent}.", "description": f"Agent {agent}"},
            **around,
        )
        told.hook("SubagentStart", agent_id=agent, agent_type="general-purpose")
    for caller, agent in reversed(chain):
        around = {"agent_id": caller} if caller else {}
        told.hook("SubagentStop", agent_id=agent, last_assistant_message=f"I was {agent}.")
        told.hook(
            "PostToolUse",
            tool_name="Agent",
            tool_use_id=f"use-{agent}",
            tool_input={"prompt": f"Be {agent}.", "description": f"Agent {agent}"},
            tool_response={"status": "completed", "agentId": agent, "prompt": f"Be {agent}.", "content": []},
            **around,
        )

    await digested(database, who, told.records)

    found = {row["id"]: row for row in await rows(database, "cc_instances")}
    assert len(found) == 4
    messages = {row["child_instance_id"]: row for row in await rows(database, "ultrathink_messages")}
    for caller, agent in chain:
        child, parent = agent_of(told, agent), agent_of(told, caller)
        assert found[child]["parent_instance_id"] == parent
        assert found[child]["name"] == f"Agent {agent}"
        row = messages[child]
        assert (row["instruction_content"], row["response_content"]) == (f"Be {agent}.", f"I was {agent}.")
        assert (row["parent_instance_id"], row["status"]) == (parent, "completed")


async def test_a_prompt_is_found_in_the_call_where_the_agent_does_not_tell_it(database: Database) -> None:
    who = await person(database)
    told = Conversation()
    meta = told.lines({"type": "user", "message": {"role": "user", "content": "Go."}})
    meta.body.clear()
    meta.body.update(
        {
            "file": f"x/{told.session}/subagents/agent-abc.meta.json",
            "meta": {"agentType": "Explore", "description": "Look", "toolUseId": "use-1"},
        }
    )
    await digested(database, who, [meta])
    assert await rows(database, "ultrathink_messages") == []

    call: dict[str, Any] = {
        "tool_name": "Agent",
        "tool_use_id": "use-1",
        "tool_input": {"prompt": "ultrathink: look."},
    }
    await digested(database, who, [told.hook("PreToolUse", **call)])

    row = await one(database, "ultrathink_messages")
    assert row["child_instance_id"] == agent_of(told, "abc")
    assert (row["instruction_content"], row["keyword_detected"]) == ("ultrathink: look.", True)


async def test_agents_that_would_stand_above_themselves_stay_below_the_main_instance(
    database: Database,
) -> None:
    who = await person(database)
    told = Conversation()
    for agent, other in (("a", "b"), ("b", "a")):
        told.hook("SubagentStart", agent_id=agent)
        told.hook(
            "PostToolUse",
            agent_id=agent,
            tool_name="Agent",
            tool_use_id=f"use-{other}",
            tool_input={},
            tool_response={"status": "completed", "agentId": other},
        )

    await digested(database, who, told.records)

    parents = {row["id"]: row["parent_instance_id"] for row in await rows(database, "cc_instances")}
    assert parents[agent_of(told, "a")] == parents[agent_of(told, "b")] == told.key


async def test_tasks_of_the_list_are_tasks_of_the_project(database: Database) -> None:
    who = await person(database)
    told = Conversation()
    told.tool("TaskCreate", {"subject": "Write it", "description": "All of it"}, {"task": {"id": "1"}})
    told.tool("TaskCreate", {"subject": "Try it"}, "Task #2 created successfully: Try it")
    told.tool("TaskUpdate", {"taskId": "1", "status": "in_progress"})
    told.tool("TaskUpdate", {"taskId": "1", "status": "completed"})
    told.tool("TaskUpdate", {"taskId": "2", "status": "deleted"})
    told.hook("TaskCreated", task_id="3", task_subject="Read it")
    told.hook("TaskCompleted", task_id="3", task_subject="Read it")

    await digested(database, who, told.records)
    before = {table: await rows(database, table) for table in ("tasks", "task_logs")}
    for record in reversed(told.records):
        await digested(database, who, [record])

    assert {table: await rows(database, table) for table in before} == before
    found = {row["name"]: row for row in before["tasks"]}
    assert {name: row["status"] for name, row in found.items()} == {
        "Write it": "COMPLETED",
        "Try it": "FAILED",
        "Read it": "COMPLETED",
    }
    project = await one(database, "projects")
    written = found["Write it"]
    assert (written["project_id"], written["assigned_to"]) == (project["project_id"], told.key)
    assert written["created_at"] < written["started_at"] < written["completed_at"]
    assert written["description"] == "All of it"
    assert len(before["task_logs"]) == 7


async def test_the_older_list_of_things_to_do_is_tasks_too(database: Database) -> None:
    who = await person(database)
    told = Conversation()
    for first, second in (("in_progress", "pending"), ("completed", "in_progress")):
        todos = [{"content": "One", "status": first}, {"content": "Two", "status": second}]
        told.tool("TodoWrite", {"todos": todos})

    await digested(database, who, told.records)

    assert {row["name"]: row["status"] for row in await rows(database, "tasks")} == {
        "One": "COMPLETED",
        "Two": "RUNNING",
    }


async def test_a_permission_that_was_given_in_the_terminal_is_allowed(database: Database) -> None:
    who = await person(database)
    told = Conversation()
    call: dict[str, Any] = {"tool_name": "Bash", "tool_input": {"command": "rm x"}}
    told.hook("PreToolUse", tool_use_id="t1", **call)
    asked = told.hook("PermissionRequest", **call)
    await digested(database, who, told.records)

    waiting = await one(database, "cc_permission_requests")
    assert (waiting["decision"], waiting["answered_at"]) == (None, None)
    instance = await one(database, "cc_instances")
    assert (instance["activity"], instance["activity_detail"]) == ("WAITING_PERMISSION", "Bash: rm x")
    assert instance["activity_since"] == asked.received_at
    assert waiting["id"] == keys.permission_request(told.key, asked.body, asked.received_at)

    done = told.hook("PostToolUse", after=7, tool_use_id="t1", tool_response="", duration_ms=2_000, **call)
    await digested(database, who, [done])

    row = await one(database, "cc_permission_requests")
    assert (row["decision"], row["waited_ms"], row["answered_by"]) == ("allow", 5_000, None)
    assert (await one(database, "cc_instances"))["activity"] == "WORKING"


async def test_a_permission_that_nobody_answered_has_lapsed(database: Database) -> None:
    who = await person(database)
    told = Conversation()
    told.hook("PermissionRequest", tool_name="Bash", tool_input={"command": "rm x"})
    told.hook("SessionEnd", reason="other")

    await digested(database, who, told.records)

    row = await one(database, "cc_permission_requests")
    assert (row["decision"], row["answered_at"]) == ("lapsed", told.now)


async def test_a_killed_process_is_found_and_its_calls_and_agents_end(database: Database) -> None:
    who = await person(database)
    told = Conversation()
    told.processes(alive=[4242])
    told.hook("UserPromptSubmit", prompt="Do it.", prompt_id="p")
    told.hook("SubagentStart", agent_id="abc")
    told.hook("PreToolUse", tool_name="Bash", tool_use_id="t1", tool_input={"command": "sleep 99"})
    await digested(database, who, told.records)
    main = await one(database, "cc_instances", "type = 'PARENT'")
    assert (main["activity"], main["status"], main["process_id"]) == ("WORKING", "RUNNING", "4242")

    await digested(database, who, [told.processes(gone=[4242], after=30)])

    for row in await rows(database, "cc_instances"):
        assert (row["activity"], row["status"]) == ("GONE", "STOPPED")
    main = await one(database, "cc_instances", "type = 'PARENT'")
    assert main["terminated_at"] == told.now
    call = await one(database, "mcp_tool_calls")
    assert (call["status"], call["error_details"]["interrupted"]) == ("failed", True)
    assert (await one(database, "sessions"))["status"] == "stopped"


async def test_an_idle_session_stays_well(database: Database) -> None:
    who = await person(database)
    told = Conversation()
    told.hook("UserPromptSubmit", prompt="Do it.", prompt_id="p")
    stopped = told.hook("Stop", last_assistant_message="Done.")
    told.hook("Notification", after=60, notification_type="idle_prompt", message="Waiting")
    told.processes(alive=[1], after=3 * 86_400)

    await digested(database, who, told.records)

    row = await one(database, "cc_instances")
    assert (row["activity"], row["status"], row["last_message"]) == ("IDLE", "RUNNING", "Done.")
    assert row["activity_since"] == stopped.received_at
    assert row["last_heartbeat"] == told.now


async def test_a_turn_that_failed_is_an_error_until_the_next(database: Database) -> None:
    who = await person(database)
    told = Conversation()
    told.hook("UserPromptSubmit", prompt="Do it.", prompt_id="p")
    told.hook("StopFailure", error="authentication_failed", error_details="401 invalid x-api-key")
    await digested(database, who, told.records)
    row = await one(database, "cc_instances")
    assert (row["activity"], row["status"], row["activity_detail"]) == (
        "IDLE",
        "ERROR",
        "authentication_failed",
    )
    assert (await one(database, "sessions"))["status"] == "error"

    await digested(database, who, [told.hook("UserPromptSubmit", prompt="Again.", prompt_id="p2")])

    row = await one(database, "cc_instances")
    assert (row["activity"], row["status"]) == ("WORKING", "RUNNING")


async def test_a_worktree_that_is_removed_is_cleaned_up(database: Database) -> None:
    who = await person(database)
    told = Conversation(cwd="/srv/app/.claude/worktrees/feature-b")
    told.hook("SessionStart", source="startup")
    removed = told.hook("WorktreeRemove", worktree_path="/srv/app/.claude/worktrees/feature-b")

    await digested(database, who, told.records)

    row = await one(database, "git_worktrees")
    assert (row["worktree_name"], row["base_branch"]) == ("feature-b", "HEAD")
    assert row["cleanup_completed_at"] == removed.received_at


async def test_an_event_that_nobody_has_foreseen_is_kept_as_it_is(database: Database) -> None:
    who = await person(database)
    told = Conversation()
    told.hook("BrandNew", something={"new": [1, 2]}, password="hunter2hunter2")

    await digested(database, who, told.records)

    row = await one(database, "cc_logs")
    assert (row["message"], row["log_level"]) == ("BrandNew.", "debug")
    assert row["details"] == {"event": "BrandNew", "something": {"new": [1, 2]}, "password": "[masked]"}


async def test_a_transcript_that_is_read_months_later_is_history(database: Database) -> None:
    who = await person(database)
    told = Conversation()
    record = told.lines(
        {"type": "user", "promptId": "p", "message": {"role": "user", "content": "Do it."}},
        {"type": "assistant", "message": {"id": "m", "model": "claude-sonnet-4-5", "role": "assistant",
         "content": [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}]}},
    )  # fmt: skip
    late = type(record)(1, record.source, told.now.replace(year=2027), record.body)

    await digested(database, who, [late])

    row = await one(database, "cc_instances")
    assert (row["activity"], row["status"], row["terminated_at"]) == ("GONE", "STOPPED", told.now)
    assert (await one(database, "mcp_tool_calls"))["status"] in ("running", "failed")


async def test_who_was_at_work_and_says_nothing_more_is_gone(database: Database) -> None:
    who = await person(database)
    working, idle, waiting, busy = (Conversation() for _ in range(4))
    working.hook("UserPromptSubmit", prompt="Do it.", prompt_id="p")
    working.hook("SubagentStart", agent_id="abc")
    working.hook("PreToolUse", tool_name="Bash", tool_use_id="t1", tool_input={"command": "sleep 99"})
    idle.hook("Stop")
    waiting.hook("PermissionRequest", tool_name="Bash", tool_input={})
    busy.hook("UserPromptSubmit", prompt="Do it.", prompt_id="p")
    busy.hook("PreToolUse", after=2 * 3600, tool_name="Bash", tool_use_id="t9", tool_input={})
    for told in (working, idle, waiting, busy):
        await digested(database, who, told.records)

    async with database.writer.begin() as connection:
        last = busy.now - timedelta(hours=1)
        marked = await mark_gone(WriteConnection(connection), datetime.now(UTC) - last)

    assert set(marked) == {working.key, agent_of(working, "abc")}
    states = {row["id"]: (row["activity"], row["status"]) for row in await rows(database, "cc_instances")}
    assert states[working.key] == states[agent_of(working, "abc")] == ("GONE", "STOPPED")
    (ended,) = await rows(database, "sessions", "status = 'stopped'")
    assert ended["session_id"] == working.key
    assert states[idle.key] == ("IDLE", "RUNNING")
    assert states[waiting.key] == ("WAITING_PERMISSION", "RUNNING")
    assert states[busy.key] == ("WORKING", "RUNNING")
    call = await one(database, "mcp_tool_calls", f"cc_instance_id = '{working.key}'")
    assert (call["status"], call["error_details"]["interrupted"]) == ("failed", True)

    # What was told before does not bring it back, and what is told later does.
    await digested(database, who, working.records)
    assert (await one(database, "cc_instances", f"id = '{working.key}'"))["activity"] == "GONE"
    working.now = datetime.now(UTC)
    await digested(
        database, who, [working.hook("PostToolUse", tool_name="Bash", tool_use_id="t1", tool_input={})]
    )
    row = await one(database, "cc_instances", f"id = '{working.key}'")
    assert (row["activity"], row["status"], row["terminated_at"]) == ("WORKING", "RUNNING", None)
    call = await one(database, "mcp_tool_calls", f"cc_instance_id = '{working.key}'")
    assert (call["status"], call["error_details"]) == ("completed", None)


@pytest.mark.parametrize("event", ["SessionStart", "SessionEnd", "Notification", "PreCompact", "StopFailure"])
async def test_a_hook_that_was_sent_twice_is_one_entry_of_the_log(database: Database, event: str) -> None:
    """The answer to the first was lost, so the spool has sent it again, with a time of its own."""
    who = await person(database)
    told = Conversation()
    for name in ("hook.1.2", "hook.1.2", "hook.3.4"):
        told.hook(event, message="What was said.", delivery_id=name)
    for record in told.records:
        await digested(database, who, [record])
        await digested(database, who, told.records)

    found = await rows(database, "cc_logs")

    assert len(found) == 2
    assert "delivery_id" not in str(found)


@pytest.mark.parametrize("seed", range(6))
async def test_what_is_said_while_claude_works_is_a_prompt_of_its_own(database: Database, seed: int) -> None:
    """Hooks give it the id of the prompt at which Claude works; in the transcript it is no line of a user."""
    who = await person(database)
    told = Conversation()
    said = ["Look around.", "Hurry up.", "Thanks."]
    for text in said:
        told.hook("UserPromptSubmit", prompt=text, prompt_id="p")
    told.lines({"type": "user", "promptId": "p", "message": {"role": "user", "content": said[0]}})
    for text in said[1:]:
        queued = {"type": "queued_command", "prompt": text, "commandMode": "prompt"}
        told.lines({"type": "attachment", "attachment": queued})
    notification = "<task-notification>\n<task-id>b</task-id>\n</task-notification>"
    queued = {"type": "queued_command", "prompt": notification, "commandMode": "task-notification"}
    told.lines({"type": "attachment", "attachment": queued})
    records = list(told.records)
    random.Random(seed).shuffle(records)

    for record in records:
        await digested(database, who, [record])

    prompts = await rows(database, "cc_logs", "category = 'task'")
    assert [row["message"] for row in sorted(prompts, key=lambda row: row["created_at"])] == said
    assert (await one(database, "sessions"))["name"] == said[0]


async def test_what_claude_code_asks_the_model_for_itself_is_no_subagent(database: Database) -> None:
    """The end of a compaction is told as that of a subagent without a type."""
    who = await person(database)
    told = Conversation()
    told.hook("PreCompact", trigger="manual")
    told.hook("SubagentStop", agent_id="compaction", agent_type="", last_assistant_message="A summary.")
    told.hook("SubagentStop", agent_id="helper", agent_type="Explore", last_assistant_message="Found.")

    await digested(database, who, told.records)

    instances = await rows(database, "cc_instances")
    assert {row["id"] for row in instances} == {told.key, agent_of(told, "helper")}


@pytest.mark.parametrize(
    ("kind", "flag", "activity"),
    [
        ("interrupted", "interrupted", "IDLE"),
        ("cancelled", "interrupted", "WORKING"),
        ("user-rejected", "denied", "WORKING"),
        ("permission-rule", "denied", "WORKING"),
    ],
)
async def test_a_call_that_was_broken_off_was_not_denied(
    database: Database, kind: str, flag: str, activity: str
) -> None:
    """A session that is resumed after a kill tells of the calls that had no end."""
    who = await person(database)
    told = Conversation()
    told.lines(
        {"type": "user", "promptId": "p", "message": {"role": "user", "content": "Go."}},
        {
            "type": "assistant",
            "message": {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "u", "name": "Bash", "input": {"command": "make"}}],
            },
        },
        {
            "type": "user",
            "promptId": "p",
            "message": {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "u", "is_error": True, "content": "No result."}
                ],
            },
            "toolUseResult": "No result.",
            "toolDenialKind": kind,
        },
    )

    await digested(database, who, told.records)

    call = await one(database, "mcp_tool_calls")
    assert (call["status"], call["error_details"]) == ("failed", {"message": "No result.", flag: True})
    assert (await one(database, "cc_instances"))["activity"] == activity


@pytest.mark.parametrize("told_by", ["hooks", "transcripts", "both"])
async def test_a_skill_that_runs_in_a_subagent_has_instructed_it(database: Database, told_by: str) -> None:
    who = await person(database)
    told = Conversation()
    result = {
        "success": True,
        "commandName": "review",
        "status": "forked",
        "agentId": "abc",
        "result": "Fine.",
    }
    use = {"type": "tool_use", "id": "u", "name": "Skill", "input": {"skill": "review"}}
    instruction = {"role": "user", "content": "Base directory for this skill: /x\n\nReview it."}
    answer = {"role": "assistant", "stop_reason": "end_turn", "content": [{"type": "text", "text": "Fine."}]}
    if told_by != "transcripts":
        told.hook("PreToolUse", tool_name="Skill", tool_use_id="u", tool_input={"skill": "review"})
        told.hook("SubagentStart", agent_id="abc", agent_type="general-purpose")
        told.hook(
            "SubagentStop", agent_id="abc", agent_type="general-purpose", last_assistant_message="Fine."
        )
        told.hook("PostToolUse", tool_name="Skill", tool_use_id="u", tool_input={}, tool_response=result)
    if told_by != "hooks":
        told.lines({"type": "assistant", "message": {"role": "assistant", "content": [use]}})
        told.lines(
            {"type": "user", "agentId": "abc", "isMeta": True, "parentUuid": None, "message": instruction},
            {
                "type": "user",
                "agentId": "abc",
                "isMeta": True,
                "parentUuid": "x",
                "message": {"content": "No."},
            },
            {"type": "assistant", "agentId": "abc", "message": answer},
        )
        ended = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "u", "content": "Fine."}]}
        told.lines({"type": "user", "message": ended, "toolUseResult": result})

    await digested(database, who, told.records)

    [child] = await rows(database, "cc_instances", "type = 'CHILD'")
    assert (child["id"], child["parent_instance_id"], child["name"]) == (
        agent_of(told, "abc"),
        told.key,
        "review",
    )
    if told_by != "hooks":  # which do not tell what the skill says
        message = await one(database, "ultrathink_messages")
        assert (message["instruction_content"], message["response_content"], message["status"]) == (
            instruction["content"],
            "Fine.",
            "completed",
        )
