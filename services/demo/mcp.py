"""Demo MCP traffic: what an official client and the git, time, memory and terminal servers say to each other.

A conversation is drawn from the instance's own stream of chance, so the tables mcp_messages and
mcp_tool_calls are two readings of the same traffic, and neither has to be kept in memory.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from services.demo.instances import InstanceRow, Wave
from services.demo.json_text import json_text
from services.demo.seeded_random import Chance
from services.demo.words import Phrase

CALLS_PER_INSTANCE = 15
MESSAGES_PER_INSTANCE = 5 + 2 * CALLS_PER_INSTANCE
PROTOCOL_VERSION = "2025-11-25"
SERVER_NAME = "workbench"
"""One server that offers the tools of git, time, memory and terminal, so that ids are counted once."""


class McpMessageRow(NamedTuple):
    """A row of mcp_messages."""

    id: UUID
    cc_instance_id: UUID
    message_type: str
    method: str
    params: str | None
    result: str | None
    error: str | None
    processing_time_ms: int | None
    rpc_id: str | None
    server_name: str
    direction: str
    created_at: datetime


class McpToolCallRow(NamedTuple):
    """A row of mcp_tool_calls; `message_id` is the request."""

    id: UUID
    message_id: UUID
    cc_instance_id: UUID
    tool_name: str
    arguments: str
    status: str
    started_at: datetime
    completed_at: datetime | None
    execution_time_ms: int | None
    result: str | None
    error_details: str | None


class Exchange(NamedTuple):
    """A request with its answer. Without `rpc_id` it is a notification, without `took` still unanswered."""

    request_id: UUID
    response_id: UUID
    rpc_id: str | None
    method: str
    params: dict[str, Any] | None
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    at: datetime
    took: timedelta | None


class Tool(NamedTuple):
    """A tool of an MCP server: how it is called, and what it answers."""

    name: str
    arguments: Callable[[Wave, Chance], dict[str, Any]]
    answer: Callable[[Wave, Chance], str]
    failure: str


_COMMIT = Phrase("{name}", "{name}を実装")

_CHILD_TOOLS = (
    Tool(
        "git_status",
        lambda wave, chance: {"repo_path": wave.project.directory},
        lambda wave, chance: (
            f"Repository status:\nOn branch main\nmodified: {chance.pick(wave.project.files)}"
        ),
        "Error executing tool git_status: not a git repository",
    ),
    Tool(
        "git_add",
        lambda wave, chance: {
            "repo_path": wave.project.directory,
            "files": chance.some(wave.project.files, 2),
        },
        lambda wave, chance: "Files staged successfully",
        "Error executing tool git_add: pathspec did not match any files",
    ),
    Tool(
        "git_commit",
        lambda wave, chance: {
            "repo_path": wave.project.directory,
            "message": _COMMIT.say(wave.project.language, name=chance.pick(wave.steps).name),
        },
        lambda wave, chance: f"Changes committed successfully with hash {chance.hexadecimal(40)}",
        "Error executing tool git_commit: nothing to commit",
    ),
    Tool(
        "git_checkout",
        lambda wave, chance: {
            "repo_path": wave.project.directory,
            "branch_name": f"task/{chance.pick(wave.steps).id.hex[-8:]}",
        },
        lambda wave, chance: "Switched to branch",
        "Error executing tool git_checkout: the ref did not resolve to an object",
    ),
    Tool(
        "get_current_time",
        lambda wave, chance: {"timezone": "Asia/Tokyo"},
        lambda wave, chance: json_text({"timezone": "Asia/Tokyo", "is_dst": False}),
        "Error executing tool get_current_time: invalid timezone",
    ),
    Tool(
        "search_nodes",
        lambda wave, chance: {"query": wave.project.subject.name.say(wave.project.language)},
        lambda wave, chance: json_text({"entities": [{"name": wave.project.name, "entityType": "project"}]}),
        "Error executing tool search_nodes: the graph could not be read",
    ),
    Tool(
        "update_task_status",
        lambda wave, chance: {"task_id": str(chance.pick(wave.steps).id), "progress": chance.between(5, 95)},
        lambda wave, chance: "Task updated",
        "Error executing tool update_task_status: the task belongs to another instance",
    ),
)
_PARENT_TOOLS = (
    Tool(
        "get_available_tasks",
        lambda wave, chance: {"project_id": str(wave.project.uuid), "limit": 5},
        lambda wave, chance: json_text([{"id": str(task.id), "name": task.name} for task in wave.steps]),
        "Error executing tool get_available_tasks: the project is paused",
    ),
    Tool(
        "create_child_cc",
        lambda wave, chance: {
            "task_id": str(chance.pick(wave.steps).id),
            "instruction": chance.pick(wave.steps).instruction,
        },
        lambda wave, chance: json_text({"instance": chance.pick(wave.instances).name}),
        "Error executing tool create_child_cc: max_parallel_cc is reached",
    ),
    _CHILD_TOOLS[-1],
)


def conversation(wave: Wave, instance: InstanceRow, seed: int, until: datetime) -> Iterator[Exchange]:
    """All exchanges of an instance over its life; a running one still waits for its last answer."""
    chance = Chance(seed, "mcp", instance.id)
    begun = instance.started_at
    hello = {
        "protocolVersion": PROTOCOL_VERSION,
        "capabilities": {},
        "clientInfo": {"name": "claude-code", "version": "2.1.0"},
    }
    welcome = {
        "protocolVersion": PROTOCOL_VERSION,
        "capabilities": {"tools": {"listChanged": False}},
        "serverInfo": {"name": SERVER_NAME, "version": "1.0.0"},
    }
    tools = _CHILD_TOOLS if instance.parent_instance_id else _PARENT_TOOLS
    listed = {"tools": [{"name": tool.name, "inputSchema": {"type": "object"}} for tool in tools]}
    yield _exchange("1", "initialize", hello, {"result": welcome}, begun, chance)
    ready = begun + timedelta(seconds=2)
    yield _exchange(None, "notifications/initialized", None, {}, ready, chance)
    yield _exchange("2", "tools/list", None, {"result": listed}, ready + timedelta(milliseconds=40), chance)
    first = ready + timedelta(seconds=5)
    gap = ((instance.terminated_at or until) - first) / CALLS_PER_INSTANCE
    for place in range(CALLS_PER_INSTANCE):
        tool = chance.pick(tools)
        at = first + gap * (place + 0.9 * chance.random())
        params, answer = _call(tool, wave, chance)
        running = instance.status == "RUNNING" and place == CALLS_PER_INSTANCE - 1
        yield _exchange(str(3 + place), "tools/call", params, None if running else answer, at, chance)


def _call(tool: Tool, wave: Wave, chance: Chance) -> tuple[dict[str, Any], dict[str, Any]]:
    """The params of tools/call, and its answer: a result, perhaps with isError, or an error."""
    if chance.happens(0.01):
        unknown = f"{tool.name}_v2"
        error = {"code": -32602, "message": f"Unknown tool: {unknown}"}
        return {"name": unknown, "arguments": {}}, {"error": error}
    failed = chance.happens(0.04)
    text = tool.failure if failed else tool.answer(wave, chance)
    result = {"content": [{"type": "text", "text": text}], "isError": failed}
    return {"name": tool.name, "arguments": tool.arguments(wave, chance)}, {"result": result}


def _exchange(
    rpc_id: str | None,
    method: str,
    params: dict[str, Any] | None,
    answer: dict[str, Any] | None,
    at: datetime,
    chance: Chance,
) -> Exchange:
    took = None if rpc_id is None or answer is None else chance.minutes(0.0001, 0.03)
    return Exchange(
        request_id=chance.uuid(at),
        response_id=chance.uuid(at + (took or timedelta(0))),
        rpc_id=rpc_id,
        method=method,
        params=params,
        result=(answer or {}).get("result"),
        error=(answer or {}).get("error"),
        at=at,
        took=took,
    )


def mcp_messages(waves: list[Wave], seed: int, until: datetime) -> Iterator[McpMessageRow]:
    """Every exchange as the messages that it consists of."""
    for instance, exchange in _exchanges(waves, seed, until):
        yield McpMessageRow(
            id=exchange.request_id,
            cc_instance_id=instance.id,
            message_type="request" if exchange.rpc_id else "notification",
            method=exchange.method,
            params=json_text(exchange.params) if exchange.params else None,
            result=None,
            error=None,
            processing_time_ms=None,
            rpc_id=exchange.rpc_id,
            server_name=SERVER_NAME,
            direction="client",
            created_at=exchange.at,
        )
        if exchange.took is not None:
            yield McpMessageRow(
                id=exchange.response_id,
                cc_instance_id=instance.id,
                message_type="response",
                method=exchange.method,
                params=None,
                result=json_text(exchange.result) if exchange.result else None,
                error=json_text(exchange.error) if exchange.error else None,
                processing_time_ms=_milliseconds(exchange.took),
                rpc_id=exchange.rpc_id,
                server_name=SERVER_NAME,
                direction="server",
                created_at=exchange.at + exchange.took,
            )


def mcp_tool_calls(waves: list[Wave], seed: int, until: datetime) -> Iterator[McpToolCallRow]:
    """Every tools/call as recordMcpMessages would file it: an error or a result with isError is a failure."""
    for instance, exchange in _exchanges(waves, seed, until):
        if exchange.method != "tools/call" or exchange.params is None:
            continue
        result, failed = exchange.result, exchange.error is not None
        if result is not None:
            failed = bool(result["isError"])
        details = exchange.error or (result if failed else None)
        answered = exchange.took is not None
        yield McpToolCallRow(
            id=Chance(seed, "tool_call", exchange.request_id).uuid(exchange.at),
            message_id=exchange.request_id,
            cc_instance_id=instance.id,
            tool_name=exchange.params["name"],
            arguments=json_text(exchange.params["arguments"]),
            status=("failed" if failed else "completed") if answered else "running",
            started_at=exchange.at,
            completed_at=exchange.at + exchange.took if exchange.took is not None else None,
            execution_time_ms=_milliseconds(exchange.took) if exchange.took is not None else None,
            result=json_text(result) if result else None,
            error_details=json_text(details) if details else None,
        )


def _exchanges(waves: list[Wave], seed: int, until: datetime) -> Iterator[tuple[InstanceRow, Exchange]]:
    for wave in waves:
        for instance in wave.instances:
            for exchange in conversation(wave, instance, seed, until):
                yield instance, exchange


def _milliseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)
