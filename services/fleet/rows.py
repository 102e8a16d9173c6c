"""The rows of tool calls, logs, worktrees and usage, of what was told of them."""

from typing import Any, Final

from models.enums import LogLevel, McpToolCallStatus, UsageAsker
from services.fleet.entities import HOME, Entity
from services.fleet.facts import Kind, Spent
from services.fleet.precedence import REPEATED
from services.fleet.sessions import Told, moment_of
from services.usage.recording import Usage

BESIDE: Final = frozenset([*REPEATED, HOME])
"""What is known of a thing that its row does not have."""

_TIMES: Final = ("started_at", "completed_at", "created_at")


def call_values(session: Told, entity: Entity) -> dict[str, Any]:
    """The columns of a tool call that this batch changes."""
    row = log_values(session, entity)
    if "execution_time_ms" in row:
        row["execution_time_ms"] = _bounded(row["execution_time_ms"])
    return row


def new_call(session: Told, values: dict[str, Any]) -> dict[str, Any]:
    """A tool call with what no source has told yet."""
    begun = values.get("started_at") or values.get("completed_at")
    started = begun or moment_of(session.entity(Kind.SESSION).values.get("started"))
    return {
        "cc_instance_id": values.get("cc_instance_id") or session.key,
        "tool_name": values.get("tool_name") or "?",
        "server_name": values.get("server_name"),
        "arguments": {} if values.get("arguments") is None else values["arguments"],
        "status": values.get("status") or McpToolCallStatus.RUNNING.value,
        "started_at": started or moment_of(0),
        "completed_at": values.get("completed_at"),
        "execution_time_ms": _bounded(values.get("execution_time_ms")),
        "result": values.get("result"),
        "error_details": values.get("error_details"),
    }


def _bounded(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else min(milliseconds, 2**31 - 1)


def log_values(session: Told, entity: Entity) -> dict[str, Any]:
    """The columns of a row that this batch changes."""
    row = {name: entity.values.get(name) for name in entity.changed if name not in BESIDE}
    if "agent" in row:
        row["cc_instance_id"] = session.instance(str(row.pop("agent") or ""))
    return {name: moment_of(value) if name in _TIMES else value for name, value in row.items()}


def new_log(session: Told, values: dict[str, Any]) -> dict[str, Any]:
    """An entry of the log that is new."""
    return {
        "cc_instance_id": values.get("cc_instance_id") or session.key,
        "log_level": values.get("log_level") or LogLevel.INFO.value,
        "category": values.get("category") or "system",
        "message": values.get("message") or "-",
        "details": values.get("details"),
        "trace_id": values.get("trace_id"),
        "span_id": values.get("span_id"),
        "created_at": values.get("created_at") or moment_of(0),
    }


def worktree_row(session: Told, entity: Entity) -> dict[str, Any]:
    """A worktree. The branch that it was made from is HEAD where no source tells."""
    values = entity.values
    path = str(values.get("path") or entity.name)
    begun = values.get("created") or session.entity(Kind.SESSION).values.get("started")
    return {
        "project_id": None if session.place is None else session.place.project_id,
        "cc_instance_id": session.instance(str(values.get("agent") or "")),
        "worktree_name": str(values.get("name") or path.rpartition("/")[2] or path),
        "worktree_path": path,
        "base_branch": str(values.get("base_branch") or "HEAD"),
        "current_branch": values.get("current_branch"),
        "last_commit_hash": values.get("commit"),
        "created_at": moment_of(begun) or moment_of(0),
        "cleanup_completed_at": moment_of(values.get("removed")),
    }


def usage(session: Told, one: Spent) -> Usage:
    """The usage of a request to a model."""
    return Usage(
        session_id=session.key,
        request_id=one.request_id,
        requested_at=one.at,
        cc_instance_id=session.instance(one.agent),
        model=one.model,
        asked_by=None if one.asked_by is None else UsageAsker(one.asked_by),
        cost_micro_usd=one.cost_micro_usd,
        duration_ms=one.duration_ms,
        time_to_first_token_ms=one.time_to_first_token_ms,
        **one.counts,
    )
