"""Reads single lines of transcripts, by their type."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from models.enums import LogLevel
from services.fleet.facts import Spent, Witness
from services.fleet.outcomes import Outcome, failed, is_interruption, succeeded
from services.fleet.precedence import micros
from services.fleet.telling import QUESTION_TOOLS, Telling, about, is_notification
from services.fleet.tokens import context_used, tokens
from services.fleet.values import (
    Object,
    cut,
    flag,
    line,
    mapping,
    milliseconds,
    moment,
    plain_text,
    text,
    whole,
)

_LOCAL: Final = (
    "<command-name>",
    "<command-message>",
    "<local-command-",
    "<bash-",
    "Caveat: The messages below",
)
"""How messages begin that no person has written: commands of Claude Code's own, and their output."""

_NO_MODEL: Final = "<synthetic>"
_TURN_ENDS: Final = frozenset(
    ["end_turn", "stop_sequence", "max_tokens", "refusal", "model_context_window_exceeded"]
)
_END_LINES: Final = frozenset(["stop_hook_summary", "turn_duration", "away_summary"])
_QUIET: Final = frozenset(
    ["stop_hook_summary", "turn_duration", "away_summary", "local_command", "file_snapshot", "bridge_status"]
)
"""Lines of the system that are no entry of the log."""

_BROKEN_OFF: Final = frozenset(["interrupted", "cancelled"])
"""Kinds of denials by which nothing was denied: the call had begun, and its end is not known."""

_LEVELS: Final[Mapping[str, LogLevel]] = {
    "error": LogLevel.ERROR,
    "warning": LogLevel.WARN,
    "warn": LogLevel.WARN,
    "debug": LogLevel.DEBUG,
}


def _user(telling: Telling, one: Object, at: datetime) -> None:
    message = mapping(one, "message") or one
    content = message.get("content")
    results = [block for block in _blocks(content) if block.get("type") == "tool_result"]
    for block in results:
        _tool_result(telling, one, block, at, alone=len(results) == 1)
    said = plain_text(content)
    if is_interruption(said):
        telling.event(at, "transcript interrupted", "interrupted")
        return
    if results or said is None:
        return
    # What a skill says to the subagent that it begins is no person's word, but its prompt all the same.
    begins = bool(telling.agent) and one.get("parentUuid") is None
    if flag(one.get("isCompactSummary")) or said.startswith(_LOCAL):
        return
    if flag(one.get("isMeta")) and not begins:
        return
    if is_notification(said):
        telling.agent_notified(at, said)
    elif telling.agent:
        if begins:
            telling.about_instance(at, prompt=cut(said))
    else:
        telling.prompt(at, text(one, "promptId") or _fallback(one), said, one.get("permissionMode"))
        telling.about_session(at, mode=line(one.get("permissionMode")))
    telling.event(at, "transcript prompt", said)


def _blocks(content: object) -> list[Object]:
    """The blocks of a message's content that are objects."""
    return [block for block in content if isinstance(block, Mapping)] if isinstance(content, list) else []


def _fallback(one: Object) -> str | None:
    uuid = text(one, "uuid")
    return None if uuid is None else f"line {uuid}"


def _tool_result(telling: Telling, one: Object, block: Object, at: datetime, *, alone: bool) -> None:
    use = text(block, "tool_use_id")
    if use is None:
        return
    result = one.get("toolUseResult") if alone else None
    content = block.get("content")
    said = plain_text(content)
    is_error = flag(block.get("is_error")) is True
    kind = text(one, "toolDenialKind") if alone else None
    broken_off = kind in _BROKEN_OFF
    decision = mapping(one, "permissionDecision") if alone else {}
    denied = (kind is not None and not broken_off) or text(decision, "decision") == "reject"
    if is_error or denied:
        outcome = failed(
            said or (result if isinstance(result, str) else None),
            denied=True if denied else None,
            interrupted=True if broken_off else None,
            decided_by=line(text(decision, "source")) if denied else None,
        )
    elif result is None:  # then only what the model was shown is there
        outcome = Outcome()
        telling.tool_ended(at, use, succeeded(content), witness=Witness.BATCH)
    else:
        outcome = succeeded(result)
    if not isinstance(result, Mapping):
        telling.tool_ended(at, use, outcome)
    else:
        took = milliseconds(result.get("durationMs"))
        telling.tool_ended(
            at, use, outcome, milliseconds(result.get("totalDurationMs")) if took is None else took
        )
        telling.worktree(at, result)
        telling.agent_answered(at, use, result, Witness.CALLER)
    # Where one of several calls is cancelled, the turn goes on.
    interrupted = outcome.error is not None and "interrupted" in outcome.error and kind != "cancelled"
    telling.event(at, "transcript interrupted" if interrupted else "transcript tool_result")


def _assistant(telling: Telling, one: Object, at: datetime) -> None:
    message = mapping(one, "message")
    model = text(message, "model")
    said = plain_text(message.get("content"))
    if flag(one.get("isApiErrorMessage")) or model == _NO_MODEL:
        if said is not None and flag(one.get("isApiErrorMessage")):
            uuid = text(one, "uuid")
            telling.log(
                f"api failure {uuid or micros(at)}",
                at,
                said,
                level=LogLevel.ERROR,
                details=_error_details(one),
            )
            telling.event(at, "transcript api_failure", said)
        return
    _spent(telling, one, message, at)
    calls = [
        block
        for block in _blocks(message.get("content"))
        if block.get("type") in ("tool_use", "server_tool_use")
    ]
    for block in calls:
        use, name = text(block, "id"), text(block, "name")
        if use is not None and name is not None:
            telling.tool_begun(at, use, name, block.get("input"))
            asks = "/question" if name in QUESTION_TOOLS else ""
            telling.event(at, f"transcript tool_use{asks}", about(name, block.get("input")))
    for block in _blocks(message.get("content")):
        # Of tools that the model's API uses itself, the result stands in the same message.
        use, kind = text(block, "tool_use_id"), text(block, "type") or ""
        if use is not None and kind.endswith("_tool_result"):
            error = text(block, "content", "error_code")
            telling.tool_ended(at, use, succeeded(block.get("content")) if error is None else failed(error))
    ends = text(message, "stop_reason") in _TURN_ENDS
    if said is not None:
        shown = cut(said)
        telling.about_instance(at, last_message=shown)
        if telling.agent and ends:
            telling.about_instance(at, answer=shown, answered=micros(at))
    if not calls:
        end = "agent_end" if telling.agent else "turn_end"
        telling.event(at, f"transcript {end if ends and said is not None else 'reply'}")


def _error_details(one: Object) -> dict[str, object]:
    return {"event": "api_failure", "error": one.get("error"), "request_id": line(one.get("requestId"))}


def _spent(telling: Telling, one: Object, message: Object, at: datetime) -> None:
    """Read the tokens that a request used.

    A message of several blocks has a line for each, all with what was used so far.
    """
    usage, model = mapping(message, "usage"), text(message, "model")
    request = text(one, "requestId") or text(message, "id")
    counts = tokens(usage)
    if model is not None:
        telling.about_instance(
            at,
            model=line(model),
            context_used_percent=context_used(model, counts),
        )
    if request is None or not counts:
        return
    telling.spent(
        Spent(
            telling.session,
            telling.agent,
            request,
            at,
            model=model,
            asked_by="subagent" if telling.agent else "main",
            counts=counts,
        )
    )


def _system(telling: Telling, one: Object, at: datetime) -> None:
    subtype = text(one, "subtype") or ""
    uuid = text(one, "uuid")
    if subtype in _END_LINES:
        if not telling.agent:
            telling.event(at, "transcript turn_end")
        return
    if subtype == "api_error":
        _api_error(telling, one, at)
        return
    if subtype.endswith("compact_boundary"):
        trigger = text(one, "compactMetadata", "trigger") or text(one, "trigger") or "auto"
        telling.event(at, "transcript compacted/manual" if trigger == "manual" else "transcript compacted")
        telling.log(
            f"compacted {uuid or micros(at)}",
            at,
            f"The conversation has been compacted ({line(trigger)}).",
            details={"event": subtype, **mapping(one, "compactMetadata")},
        )
        return
    said = plain_text(one.get("content")) or text(one, "message")
    if uuid is None or subtype in _QUIET or (said is None and subtype in ("", "init")):
        return
    telling.log(
        f"system {uuid}",
        at,
        said or subtype,
        level=_LEVELS.get(text(one, "level") or "", LogLevel.INFO),
        details={"event": subtype or "system", "level": one.get("level")},
    )


def _api_error(telling: Telling, one: Object, at: datetime) -> None:
    error = mapping(one, "error")
    said = (
        text(error, "formatted")
        or text(error, "message")
        or text(error, "error", "error", "message")
        or text(one, "cause", "message")
        or text(one, "cause", "code")
        or "The request to the model failed."
    )
    attempt, most = whole(one.get("retryAttempt")), whole(one.get("maxRetries"))
    tries = f" (try {attempt} of {most})" if attempt is not None and most is not None else ""
    telling.event(at, "transcript api_error", f"{said}{tries}")
    request = text(error, "requestId") or text(error, "requestID") or text(one, "requestId")
    telling.log(
        f"api error {request or text(one, 'uuid') or micros(at)}",
        at,
        said,
        level=LogLevel.ERROR,
        details={
            "event": "api_error",
            "status": whole(error.get("status")),
            "attempt": attempt,
            "request_id": line(request),
        },
    )


def _worktree_state(telling: Telling, one: Object, at: datetime) -> None:
    telling.worktree(None, mapping(one, "worktreeSession"))


def _custom_title(telling: Telling, one: Object, at: datetime) -> None:
    telling.about_session(at, custom_title=line(text(one, "customTitle") or text(one, "title"), 100))


def _title(telling: Telling, one: Object, at: datetime) -> None:
    told = text(one, "aiTitle") or text(one, "title") or text(one, "summary") or text(one, "agentName")
    telling.about_session(at, title=line(told, 100))


def _progress(telling: Telling, one: Object, at: datetime) -> None:
    """Read a subagent's caller, which some versions write into the caller's file: by its tool call."""
    data = mapping(one, "data")
    agent = text(data, "agentId")
    caller = text(one, "parentToolUseID") or text(one, "parentToolUseId")
    if agent is None:
        return
    prompt = text(data, "prompt")
    telling.about_instance(
        at,
        agent,
        Witness.CALLER,
        caller_tool=caller,
        prompt=None if prompt is None else cut(prompt),
        started=micros(at),
        seen=micros(min(at, telling.received_at)),
    )
    _copied(telling, mapping(data, "message"), agent, at)


def _copied(telling: Telling, one: Object, agent: str, at: datetime) -> None:
    """A line of a subagent's transcript that is repeated in its caller's; the subagent's own may be gone."""
    kind = text(one, "type")
    is_result = kind == "user" and plain_text(mapping(one, "message").get("content")) is None
    if kind != "assistant" and not is_result:  # what else there is, is the prompt
        return
    of_agent = Telling(telling.reading, telling.witness, telling.received_at, telling.session, agent)
    of_agent.of_line(text(one, "uuid") or telling.line, telling.origin)
    reader = _user if is_result else _assistant
    reader(of_agent, one, moment(one.get("timestamp")) or at)


def _queued(telling: Telling, one: Object, at: datetime) -> None:
    """Read a text that Claude Code was given while it works; a person's prompt has another line."""
    said = text(one, "content")
    if said is not None and is_notification(said):
        telling.agent_notified(at, said)


def _attachment(telling: Telling, one: Object, at: datetime) -> None:
    attachment = mapping(one, "attachment")
    if text(attachment, "type") == "model":
        telling.about_instance(at, model=line(text(attachment, "identity", "modelId")))
    elif text(attachment, "type") == "queued_command":
        said, uuid = plain_text(attachment.get("prompt")), text(one, "uuid")
        if said is not None and uuid is not None and text(attachment, "commandMode") in (None, "prompt"):
            telling.further_prompt(at, f"line {uuid}", said)


READERS: Final[Mapping[str, Callable[[Telling, Object, datetime], None]]] = {
    "user": _user,
    "assistant": _assistant,
    "system": _system,
    "worktree-state": _worktree_state,
    "custom-title": _custom_title,
    "ai-title": _title,
    "title": _title,
    "summary": _title,
    "agent-name": _title,
    "progress": _progress,
    "attachment": _attachment,
    "queue-operation": _queued,
}
"""By the type of a line."""
