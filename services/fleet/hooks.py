"""Reads a hook, which Claude Code sends at once. It has no time of its own; its arrival is its time."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from models.enums import CcLogCategory, LogLevel
from services.fleet.activities import ACTIVITIES
from services.fleet.facts import Kind, Reading, Witness
from services.fleet.keys import digest, permission_name
from services.fleet.outcomes import failed, is_failure, succeeded
from services.fleet.precedence import micros
from services.fleet.telling import AGENT_TOOLS, QUESTION_TOOLS, Telling, about, server_of
from services.fleet.tokens import context_used
from services.fleet.values import (
    Object,
    cut,
    flag,
    line,
    mapping,
    milliseconds,
    moment,
    objects,
    payload,
    plain_text,
    text,
    whole,
)

Reader = Callable[[Telling, Object, datetime], None]

_DELIVERY: Final = "delivery_id"
"""What the machine calls a hook that it sends, also where it sends it twice."""

_COMMON: Final = frozenset(
    ["session_id", "transcript_path", "cwd", "hook_event_name", "prompt_id", "permission_mode", "effort"]
) | {_DELIVERY}


def read_hook(body: Mapping[str, Any], received_at: datetime) -> Reading:
    """The facts of one hook."""
    reading = Reading()
    if "hook" in body and "hook_event_name" not in body:  # from a spool, with the time of its own
        spooled = mapping(body, "hook")
        received_at = min(moment(body.get("at")) or received_at, received_at)
        body = spooled
    name, session = text(body, "hook_event_name"), text(body, "session_id")
    if name is None or session is None:
        reading.unreadable = 1
        reading.problems.append("A hook without `hook_event_name` or `session_id` belongs to no session.")
        return reading
    telling = Telling(reading, Witness.HOOK, received_at, session, text(body, "agent_id") or "")
    if name == "SubagentStop" and body.get("agent_type") == "":
        # Not a subagent: Claude Code itself has asked the model, as for a summary.
        telling.about_session(received_at, seen=micros(received_at))
        return reading
    telling.seen(received_at)
    telling.directory(received_at, body.get("cwd"))
    telling.about_session(
        received_at, mode=line(body.get("permission_mode")), remote=line(body.get("git_remote"), 500)
    )
    if telling.agent:
        telling.about_instance(received_at, agent_type=line(body.get("agent_type")))
    _READERS.get(name, _other)(telling, body, received_at)
    event, detail = _event(name, body)
    telling.event(received_at, event, detail)
    return reading


def _event(name: str, hook: Object) -> tuple[str, object]:
    """The name in the table of activities, and what it is about."""
    tool = text(hook, "tool_name")
    variant, detail = "", None if tool is None else about(tool, hook.get("tool_input"))
    match name:
        case "SessionStart":
            variant, detail = text(hook, "source") or "", None
        case "PreToolUse" | "PermissionRequest" if tool in QUESTION_TOOLS:
            variant = "question"
        case "PostToolUseFailure" if flag(hook.get("is_interrupt")):
            variant, detail = "interrupt", "interrupted"
        case "PostToolUse" | "PostToolUseFailure" | "PostToolBatch":
            detail = None
        case "Notification":
            variant, detail = _notification(hook), hook.get("message")
        case "Stop" | "SubagentStop" if working := _background(hook):
            variant, detail = "background", working
        case "StopFailure":
            detail = text(hook, "error") or text(hook, "error_details") or text(hook, "error_type")
        case "PreCompact" | "PostCompact":
            variant, detail = text(hook, "trigger") or "", "compacting" if name == "PreCompact" else None
        case "Elicitation":
            detail = hook.get("message") or hook.get("mcp_server_name")
        case "SessionEnd":
            detail = None
        case _:
            pass
    told = f"hook {name}"
    return f"{told}/{variant}" if f"{told}/{variant}" in ACTIVITIES else told, detail


def _notification(hook: Object) -> str:
    kind = text(hook, "notification_type")
    if kind is not None:
        return kind
    message = text(hook, "message") or ""  # earlier versions have the sentence alone
    if "permission" in message:
        return "permission_prompt"
    return "idle_prompt" if "waiting for your input" in message else ""


def _background(hook: Object) -> str | None:
    """A list of the tasks that still run after a turn; None where none does."""
    ended = ("completed", "failed", "killed", "stopped", "cancelled")
    running = [task for task in objects(hook, "background_tasks") if text(task, "status") not in ended]
    if not running:
        return None
    named = (
        line(text(task, "description") or text(task, "command") or text(task, "type"), 60) for task in running
    )
    return ", ".join(name for name in named if name) or f"{len(running)} tasks"


def _session_start(telling: Telling, hook: Object, at: datetime) -> None:
    telling.about_instance(
        at,
        model=line(text(hook, "model") or text(hook, "model", "id")),
        context_used_percent=context_used(
            text(hook, "model"), {"input_tokens": whole(hook.get("context_tokens")) or 0}
        ),
        restarted=micros(at),
        process_id=_process(hook),
    )
    telling.about_session(at, title=line(hook.get("session_title"), 100))
    if text(hook, "source") == "fork":
        telling.forked(at)
    _log(telling, hook, at, f"The session starts ({line(text(hook, 'source')) or 'startup'}).")


def _process(hook: Object) -> str | None:
    process = whole(hook.get("pid") or hook.get("process_id"))
    return str(process) if process else None


def _session_end(telling: Telling, hook: Object, at: datetime) -> None:
    _log(telling, hook, at, f"The session ends ({line(text(hook, 'reason')) or 'other'}).")


def _user_prompt(telling: Telling, hook: Object, at: datetime) -> None:
    prompt = text(hook, "prompt")
    if prompt is not None:
        telling.prompt(at, text(hook, "prompt_id"), prompt, hook.get("permission_mode"))
    telling.about_session(at, title=line(hook.get("session_title"), 100))


def _pre_tool(telling: Telling, hook: Object, at: datetime) -> None:
    tool, use = text(hook, "tool_name"), text(hook, "tool_use_id")
    if tool is not None and use is not None:
        telling.tool_begun(at, use, tool, hook.get("tool_input"), text(hook, "mcp_server", "name"))


def _used(telling: Telling, hook: Object, at: datetime, took: int | None) -> str | None:
    """The id of a tool use that has ended; what is told of it again counts least."""
    use, given = text(hook, "tool_use_id"), hook.get("tool_input")
    if use is not None:
        telling.tell(
            Kind.TOOL,
            use,
            at,
            Witness.BATCH,
            agent=telling.agent,
            tool_name=line(text(hook, "tool_name")),
            server_name=line(text(hook, "mcp_server", "name")) or server_of(text(hook, "tool_name") or ""),
            arguments=None if given is None else payload(given),
            started_at=micros(at) - 1000 * (took or 0),
        )
    return use


def _post_tool(telling: Telling, hook: Object, at: datetime) -> None:
    response, took = hook.get("tool_response"), milliseconds(hook.get("duration_ms"))
    use = _used(telling, hook, at, took)
    if use is None:
        return
    telling.tool_ended(at, use, succeeded(response), took)
    if isinstance(response, Mapping):
        if text(hook, "tool_name") in AGENT_TOOLS:
            described = {"description": text(hook, "tool_input", "description"), **response}
            telling.agent_answered(at, use, described, Witness.HOOK)
        telling.worktree(at, response)


def _post_tool_failure(telling: Telling, hook: Object, at: datetime) -> None:
    took = milliseconds(hook.get("duration_ms"))
    use = _used(telling, hook, at, took)
    if use is not None:
        telling.tool_ended(at, use, failed(hook.get("error")), took)


def _tool_batch(telling: Telling, hook: Object, at: datetime) -> None:
    """Read the calls of one message together: the only hook after a call that was denied."""
    for call in objects(hook, "tool_calls"):
        use, response = text(call, "tool_use_id"), call.get("tool_response")
        if use is None:
            continue
        telling.tell(
            Kind.TOOL,
            use,
            at,
            Witness.BATCH,
            agent=telling.agent,
            tool_name=line(text(call, "tool_name")),
            arguments=payload(call["tool_input"]) if call.get("tool_input") is not None else None,
        )
        said = plain_text(response)
        outcome = failed(said) if is_failure(said) else succeeded(response)
        telling.tool_ended(at, use, outcome, witness=Witness.BATCH)


def _permission_request(telling: Telling, hook: Object, at: datetime) -> None:
    tool = text(hook, "tool_name") or "?"
    telling.tell(
        Kind.REQUEST,
        permission_name(hook, at),
        at,
        agent=telling.agent,
        tool_name=line(tool),
        tool_input=payload(hook["tool_input"]) if hook.get("tool_input") is not None else None,
        suggestions=payload(hook["permission_suggestions"])
        if hook.get("permission_suggestions") is not None
        else None,
        asked_at=micros(at),
    )


def _permission_denied(telling: Telling, hook: Object, at: datetime) -> None:
    use = text(hook, "tool_use_id")
    if use is None:
        return
    tool = text(hook, "tool_name")
    if tool is not None:
        telling.tool_begun(at, use, tool, hook.get("tool_input"))
    outcome = failed(
        text(hook, "reason") or text(hook, "message") or "The tool may not be used.", denied=True
    )
    telling.tool_ended(at, use, outcome)


def _notified(telling: Telling, hook: Object, at: datetime) -> None:
    message = text(hook, "message") or text(hook, "title") or "A notification."
    _log(telling, hook, at, message)


def _stop(telling: Telling, hook: Object, at: datetime) -> None:
    telling.about_instance(at, last_message=_last_message(hook))


def _last_message(hook: Object) -> str | None:
    message = text(hook, "last_assistant_message") or plain_text(hook.get("last_assistant_message"))
    return None if message is None else cut(message)


def _stop_failure(telling: Telling, hook: Object, at: datetime) -> None:
    said = text(hook, "error_details") or text(hook, "last_assistant_message") or text(hook, "error")
    _log(telling, hook, at, said or "The turn failed.", LogLevel.ERROR)


def _subagent_start(telling: Telling, hook: Object, at: datetime) -> None:
    telling.about_instance(at, description=line(hook.get("description")))


def _subagent_stop(telling: Telling, hook: Object, at: datetime) -> None:
    answer = _last_message(hook)
    telling.about_instance(at, last_message=answer)
    if _background(hook) is None:
        telling.about_instance(at, answer=answer, answered=micros(at))


def _task(telling: Telling, hook: Object, at: datetime) -> None:
    task = text(hook, "task_id") or (str(hook["task_id"]) if whole(hook.get("task_id")) is not None else None)
    if task is None:
        return
    done = text(hook, "hook_event_name") == "TaskCompleted"
    telling.tell(
        Kind.TASK,
        task,
        at,
        agent=telling.agent,
        name=line(hook.get("task_subject"), 500),
        description=cut(hook["task_description"]) if text(hook, "task_description") else None,
        status="completed" if done else None,
        created=micros(at),
        ended=micros(at) if done else None,
    )


def _compaction(telling: Telling, hook: Object, at: datetime) -> None:
    begins = text(hook, "hook_event_name") == "PreCompact"
    said = "The conversation is being compacted" if begins else "The conversation has been compacted"
    _log(telling, hook, at, f"{said} ({line(text(hook, 'trigger')) or 'auto'}).")


def _worktree_removed(telling: Telling, hook: Object, at: datetime) -> None:
    path = text(hook, "worktree_path")
    if path is not None:
        telling.tell(
            Kind.WORKTREE,
            path.replace("\\", "/").rstrip("/"),
            at,
            agent=telling.agent,
            path=cut(path.rstrip("/\\"), 500),
            name=line(path.rstrip("/\\").replace("\\", "/").rpartition("/")[2]),
            removed=micros(at),
        )
    _log(telling, hook, at, "The worktree is removed.", category=CcLogCategory.GIT)


def _plain(telling: Telling, hook: Object, at: datetime) -> None:
    """An event that changes nothing but what the instance does."""


def _other(telling: Telling, hook: Object, at: datetime) -> None:
    """An event that has no row of its own: an entry of the log with all that it told."""
    name = line(text(hook, "hook_event_name"))
    level = LogLevel.INFO if f"hook {name}" in ACTIVITIES else LogLevel.DEBUG
    _log(telling, hook, at, f"{name}.", level)


def _log(
    telling: Telling,
    hook: Object,
    at: datetime,
    message: str,
    level: LogLevel = LogLevel.INFO,
    category: CcLogCategory = CcLogCategory.SYSTEM,
) -> None:
    name = text(hook, "hook_event_name")
    more = {key: value for key, value in hook.items() if key not in _COMMON}
    details = {"event": name, **more}
    known = text(hook, _DELIVERY) or f"{at.timestamp():.6f}"
    telling.log(
        f"hook {name} {digest(payload(details))} {line(known, 100)}",
        at,
        message,
        level=level,
        category=category,
        details=details,
    )


_READERS: Final[Mapping[str, Reader]] = {
    "SessionStart": _session_start,
    "SessionEnd": _session_end,
    "UserPromptSubmit": _user_prompt,
    "UserPromptExpansion": _plain,
    "PreToolUse": _pre_tool,
    "PostToolUse": _post_tool,
    "PostToolUseFailure": _post_tool_failure,
    "PostToolBatch": _tool_batch,
    "PermissionRequest": _permission_request,
    "PermissionDenied": _permission_denied,
    "Notification": _notified,
    "Stop": _stop,
    "StopFailure": _stop_failure,
    "SubagentStart": _subagent_start,
    "SubagentStop": _subagent_stop,
    "TaskCreated": _task,
    "TaskCompleted": _task,
    "PreCompact": _compaction,
    "PostCompact": _compaction,
    "WorktreeRemove": _worktree_removed,
}
"""By event; what is not here becomes an entry of the log."""
