"""Subagents of which their caller tells: in the background, in a team, or with a transcript that is gone."""

from typing import Any

from services.core.database import Database
from services.fleet import keys
from tests.integration.fleet.digesting import digested, person, rows
from tests.support.claude_lines import Conversation

NOTIFICATION = """<task-notification>
<task-id>{task}</task-id>
<tool-use-id>use-{task}</tool-use-id>
<status>{status}</status>
<summary>{summary} "Look" {status}</summary>
<result>Found <b>three</b>
of them.</result>
</task-notification>
Full transcript available at: /tmp/tasks/{task}.output"""


def used(tool: str, use: str, **arguments: Any) -> dict[str, Any]:
    block = {"type": "tool_use", "id": use, "name": tool, "input": arguments}
    usage = {"input_tokens": 10, "output_tokens": 5}
    message = {
        "id": f"msg-{use}",
        "model": "claude-x",
        "role": "assistant",
        "content": [block],
        "usage": usage,
    }
    return {"type": "assistant", "message": message}


def result(use: str, content: object = "ok", **more: Any) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": use, "content": content}
    return {"type": "user", "message": {"role": "user", "content": [block]}, **more}


def said(text: str) -> dict[str, Any]:
    return {"type": "user", "message": {"role": "user", "content": text}}


def launched(agent: str) -> dict[str, Any]:
    answer = {"status": "async_launched", "agentId": agent, "description": "Look", "prompt": "Look at it."}
    return result(f"use-{agent}", toolUseResult=answer)


async def children(database: Database, told: Conversation) -> dict[Any, dict[str, Any]]:
    found = await rows(database, "cc_instances")
    return {row["id"]: row for row in found if row["id"] != told.key}


async def test_an_agent_in_the_background_has_ended_when_its_caller_is_told(database: Database) -> None:
    who = await person(database)
    told = Conversation()
    told.lines(
        used("Agent", "use-abc", prompt="Look at it."),
        launched("abc"),
        {"type": "queue-operation", "operation": "enqueue", "content": "Go on."},
    )
    await digested(database, who, told.records)
    (child,) = (await children(database, told)).values()
    assert (child["status"], child["activity"], child["name"]) == ("RUNNING", "WORKING", "Look")

    notification = NOTIFICATION.format(task="abc", status="completed", summary="Agent")
    command = NOTIFICATION.format(task="b12", status="completed", summary="Background command")
    told.lines(
        {"type": "queue-operation", "operation": "enqueue", "content": notification},
        said(notification),
        said(command),
    )
    await digested(database, who, told.records)

    ((key, child),) = (await children(database, told)).items()
    assert key == keys.instance(told.key, "abc")
    assert (child["status"], child["activity"]) == ("STOPPED", "GONE")
    (message,) = await rows(database, "ultrathink_messages")
    assert (message["status"], message["response_content"]) == ("completed", "Found <b>three</b>\nof them.")
    assert await rows(database, "cc_logs") == []


async def test_an_agent_in_the_background_that_failed_has_failed(database: Database) -> None:
    who = await person(database)
    told = Conversation()
    notification = NOTIFICATION.format(task="abc", status="failed", summary="Agent")
    told.lines(used("Agent", "use-abc", prompt="Look at it."), launched("abc"), said(notification))

    await digested(database, who, told.records)

    (message,) = await rows(database, "ultrathink_messages")
    assert message["status"] == "failed"


async def test_what_a_caller_repeats_of_an_agent_is_the_agent_s_where_its_transcript_is_gone(
    database: Database,
) -> None:
    who = await person(database)
    told = Conversation()

    def repeated(one: dict[str, Any]) -> dict[str, Any]:
        data = {"type": "agent_progress", "agentId": "abc", "prompt": "Look at it.", "message": one}
        return {"type": "progress", "parentToolUseID": "use-abc", "data": data}

    told.lines(
        used("Task", "use-abc", prompt="Look at it.", description="Look"),
        repeated(said("Look at it.")),
        repeated(used("Read", "use-1", file_path="/home/dev/app/a.py")),
        repeated(result("use-1")),
        repeated(used("Bash", "use-2", command="make")),
    )
    await digested(database, who, told.records)

    agent = keys.instance(told.key, "abc")
    calls = {row["tool_name"]: row for row in await rows(database, "mcp_tool_calls")}
    assert {name: row["cc_instance_id"] for name, row in calls.items()} == {
        "Task": told.key,
        "Read": agent,
        "Bash": agent,
    }
    assert (calls["Read"]["status"], calls["Bash"]["status"]) == ("completed", "running")
    assert len(await rows(database, "cc_usage", f"t.cc_instance_id = '{agent}'")) == 2
    (message,) = await rows(database, "ultrathink_messages")
    assert message["instruction_content"] == "Look at it."


async def test_with_the_process_everything_has_ended_that_was_under_way(database: Database) -> None:
    who = await person(database)
    told = Conversation()
    spawned = {"status": "teammate_spawned", "agent_id": "ann@team", "agent_type": "dev", "name": "ann"}
    told.lines(
        used("Task", "use-1", prompt="Join."),
        result("use-1", toolUseResult=spawned),
        {"type": "user", "agentId": "meta", "message": {"role": "user", "content": []}},
        used("Bash", "use-2", command="make"),
    )
    told.records[-1].body["lines"].append({**used("Bash", "use-3"), "sessionId": told.session})
    await digested(database, who, told.records)
    assert {row["status"] for row in (await children(database, told)).values()} == {"RUNNING"}

    await digested(database, who, [told.processes(gone=[17], after=0)])

    assert {row["status"] for row in await rows(database, "cc_instances")} == {"STOPPED"}
    names = {row["name"] for row in (await children(database, told)).values()}
    assert "ann" in names
    calls = {row["status"] for row in await rows(database, "mcp_tool_calls", "tool_name = 'Bash'")}
    assert calls == {"failed"}
