"""Reads OTLP requests in their JSON form: log records, metrics and spans of Claude Code.

Numbers come as texts at times, and attributes as a list of keys with typed values.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from models.enums import CcLogCategory, LogLevel
from services.fleet.facts import Kind, Reading, Spent, Witness
from services.fleet.keys import digest
from services.fleet.otlp import attributes_of, value_of
from services.fleet.outcomes import Outcome, failed
from services.fleet.precedence import micros
from services.fleet.telling import Telling, about
from services.fleet.tokens import context_used
from services.fleet.values import (
    UNREADABLE,
    Object,
    cut,
    flag,
    line,
    mapping,
    milliseconds,
    moment,
    nanoseconds,
    number,
    objects,
    payload,
    text,
    whole,
)

_PREFIX: Final = "claude_code."
_MCP_TOOL: Final = "mcp_tool"
"""What telemetry calls every tool of an MCP server."""


_QUIET: Final = frozenset(
    [
        "hook_registered",
        "hook_execution_start",
        "hook_execution_complete",
        "plugin_loaded",
        "managed_settings_resolved",
        "retention_sweep",
        "user_prompt",
        "assistant_response",
        "api_request",
        "api_request_body",
        "api_response_body",
        "tool_decision",
        "tool_result",
        "subagent_completed",
    ]
)
"""Events that are no entry of the log by themselves: what they tell stands in other rows, or is of no use."""

_COUNTS: Final = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_creation_tokens",
    "cache_creation_5m_tokens",
    "cache_creation_1h_tokens",
)
_MILLION: Final = 1_000_000


_Read = Callable[[Reading, Object, Object, datetime], None]
"""Reads one record, with the attributes of the resource around it."""


def read_logs(body: Mapping[str, Any], received_at: datetime) -> Reading:
    """The facts of a request of log records."""
    return _read(body, ("resourceLogs", "scopeLogs", "logRecords"), _log_record, received_at)


def read_metrics(body: Mapping[str, Any], received_at: datetime) -> Reading:
    """The facts of a request of metrics: that sessions live. Their sums name no request to a model."""
    return _read(body, ("resourceMetrics", "scopeMetrics", "metrics"), _metric, received_at)


def read_traces(body: Mapping[str, Any], received_at: datetime) -> Reading:
    """The facts of a request of spans."""
    return _read(body, ("resourceSpans", "scopeSpans", "spans"), _span, received_at)


def _read(
    body: Mapping[str, Any], levels: tuple[str, str, str], read: _Read, received_at: datetime
) -> Reading:
    """Read each record; one that cannot be read does not take its neighbours with it."""
    reading = Reading()
    for resource in objects(body, levels[0]):
        around = attributes_of(mapping(resource, "resource"))
        for scope in objects(resource, levels[1]):
            for record in objects(scope, levels[2]):
                try:
                    read(reading, record, around, received_at)
                except UNREADABLE as trouble:
                    reading.unreadable += 1
                    _say_once(reading, f"A record of telemetry could not be read ({type(trouble).__name__}).")
    return reading


def _session(reading: Reading, told: Object, around: Object) -> str | None:
    session = text(told, "session.id") or text(around, "session.id") or text(told, "gen_ai.conversation.id")
    if session is None:
        reading.unreadable += 1
        _say_once(reading, "Telemetry without the attribute `session.id` belongs to no session.")
    return session


def _say_once(reading: Reading, problem: str) -> None:
    if problem not in reading.problems:
        reading.problems.append(problem)


def _telling(
    reading: Reading, witness: Witness, told: Object, around: Object, at: datetime, received_at: datetime
) -> Telling | None:
    session = _session(reading, told, around)
    if session is None:
        return None
    telling = Telling(
        reading, witness, received_at, session, text(told, "agent_id") or text(told, "agent.id") or ""
    )
    telling.seen(at)
    telling.about_session(
        at,
        version=line(text(around, "service.version")),
        entrypoint=line(text(told, "app.entrypoint")),
        remote=line(text(told, "vcs.repository.url.full") or text(around, "vcs.repository.url.full"), 500),
    )
    if telling.agent:
        telling.about_instance(at, agent_type=line(text(told, "agent_type") or text(told, "agent.name")))
    return telling


def _log_record(reading: Reading, record: Object, around: Object, received_at: datetime) -> None:
    told = attributes_of(record)
    body = value_of(record.get("body"))
    name = text(told, "event.name") or text(record, "eventName") or (body if isinstance(body, str) else "")
    name = name.removeprefix(_PREFIX)
    at = (
        moment(told.get("event.timestamp"))
        or nanoseconds(record.get("timeUnixNano"))
        or nanoseconds(record.get("observedTimeUnixNano"))
        or received_at
    )
    telling = _telling(reading, Witness.LOGS, told, around, at, received_at)
    if telling is None:
        return
    reader = _EVENTS.get(name)
    if reader is not None:
        reader(telling, told, at, record)
    if name not in _QUIET:
        _entry(telling, name, told, at, record)
    telling.event(at, f"logs {name}", _detail(name, told))


def _detail(name: str, told: Object) -> str | None:
    match name:
        case "api_error" | "api_retries_exhausted":
            return text(told, "error") or text(told, "status_code")
        case "tool_decision":
            tool = text(told, "tool_name")
            return None if tool is None else about(_tool_name(told), _arguments(told))
        case _:
            return None


def _user_prompt(telling: Telling, told: Object, at: datetime, record: Object) -> None:
    prompt = text(told, "prompt_text") or text(told, "prompt")
    if prompt is not None and prompt != "<REDACTED>":
        telling.prompt(at, text(told, "prompt.id"), prompt)


def _api_request(telling: Telling, told: Object, at: datetime, record: Object) -> None:
    model, request = text(told, "model"), text(told, "request_id")
    counts = {name: count for name in _COUNTS if (count := whole(told.get(name)))}
    source = text(told, "query_source") or ""
    is_main = not telling.agent and source in ("", "sdk", "main", "repl_main_thread", "user")
    if is_main:
        telling.about_instance(at, context_used_percent=context_used(model, counts))
    if is_main or telling.agent:
        telling.about_instance(at, model=line(model))
    if request is None:
        _say_once(
            telling.reading, "Telemetry of a request to a model names no `request_id`; it is not counted."
        )
        return
    micro = whole(told.get("cost_usd_micros"))
    cost = number(told.get("cost_usd"))
    duration = milliseconds(told.get("duration_ms"))
    telling.spent(
        Spent(
            telling.session,
            telling.agent,
            request,
            at,
            model=model,
            asked_by=_asker(telling.agent, source),
            counts=counts,
            cost_micro_usd=micro if micro is not None else (None if cost is None else round(cost * _MILLION)),
            duration_ms=duration,
            time_to_first_token_ms=milliseconds(told.get("ttft_ms")),
        )
    )


def _asker(agent: str, source: str) -> str | None:
    """The part of Claude Code that has asked, by `query_source`."""
    if agent or source.startswith("agent") or source == "subagent":
        return "subagent"
    if source in ("sdk", "main", "user", "") or source.startswith("repl"):
        return "main"
    return "auxiliary"


def _assistant_response(telling: Telling, told: Object, at: datetime, record: Object) -> None:
    said = text(told, "response")
    if (
        said is not None
        and said != "<REDACTED>"
        and _asker(telling.agent, text(told, "query_source") or "") != "auxiliary"
    ):
        telling.about_instance(at, last_message=cut(said))


def _tool_name(told: Object) -> str:
    """The name of a tool as hooks and transcripts have it."""
    name = text(told, "tool_name") or "?"
    if name != _MCP_TOOL:
        return name
    parameters = _parsed(told.get("tool_parameters"))
    server = (
        text(parameters, "mcp_server_name") or text(told, "mcp_server.name") or text(told, "mcp_server_name")
    )
    tool = text(parameters, "mcp_tool_name") or text(told, "mcp_tool.name") or text(told, "mcp_tool_name")
    return f"mcp__{server}__{tool}" if server and tool else name


def _arguments(told: Object) -> Object | None:
    found = _parsed(told.get("tool_input"))
    return found or None


def _parsed(value: object) -> Object:
    """An object that was written as a text."""
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, str):
        return {}
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _tool_decision(telling: Telling, told: Object, at: datetime, record: Object) -> None:
    use = text(told, "tool_use_id")
    if use is None:
        return
    name = _tool_name(told)
    telling.tell(Kind.TOOL, use, at, agent=telling.agent, tool_name=None if name == _MCP_TOOL else line(name))
    if text(told, "decision") == "reject":
        source = line(text(told, "source")) or "unknown"
        telling.tool_ended(
            at,
            use,
            Outcome(
                error={"message": f"The tool was denied ({source}).", "denied": True, "decided_by": source}
            ),
        )


def _tool_result(telling: Telling, told: Object, at: datetime, record: Object) -> None:
    use = text(told, "tool_use_id")
    if use is None:
        return
    name, arguments = _tool_name(told), _arguments(told)
    took = milliseconds(told.get("duration_ms"))
    telling.tell(
        Kind.TOOL,
        use,
        at,
        agent=telling.agent,
        tool_name=None if name == _MCP_TOOL else line(name),
        server_name=line(text(_parsed(told.get("tool_parameters")), "mcp_server_name")),
        arguments=None if arguments is None else payload(arguments),
        started_at=micros(at) - 1000 * (took or 0),
    )
    outcome = Outcome()
    if flag(told.get("success")) is False:
        outcome = failed(told.get("error"), type=line(text(told, "error_type")))
    telling.tool_ended(at, use, outcome, took)


def _subagent_completed(telling: Telling, told: Object, at: datetime, record: Object) -> None:
    telling.about_instance(
        at, model=line(text(told, "final_model") or text(told, "model")), answered=micros(at)
    )


_EVENTS: Final[Mapping[str, Callable[[Telling, Object, datetime, Object], None]]] = {
    "user_prompt": _user_prompt,
    "api_request": _api_request,
    "assistant_response": _assistant_response,
    "tool_decision": _tool_decision,
    "tool_result": _tool_result,
    "subagent_completed": _subagent_completed,
}
"""By event; what is not here becomes an entry of the log."""


def _entry(telling: Telling, name: str, told: Object, at: datetime, record: Object) -> None:
    """An event as an entry of the log, with what it told."""
    common = ("session.id", "user.id", "event.name", "event.timestamp", "organization.id", "terminal.type")
    details = {
        key: value for key, value in told.items() if key not in common and not key.startswith("anthropic.")
    }
    level, category = LogLevel.DEBUG, CcLogCategory.SYSTEM
    said = text(told, "error") or text(told, "message")
    key = f"event {name} {micros(at)} {whole(told.get('event.sequence')) or digest(payload(details))}"
    match name:
        case "api_error" | "api_retries_exhausted":
            level = LogLevel.ERROR
            if (request := text(told, "request_id")) is not None and name == "api_error":
                key = f"api error {request}"
        case "mcp_server_connection":
            category, status = CcLogCategory.MCP, text(told, "status")
            level = LogLevel.ERROR if status == "failed" else LogLevel.INFO
            said = f"MCP server {line(text(told, 'server_name')) or ''}: {line(status)}"
        case "permission_mode_changed" | "compaction" | "auth" | "internal_error":
            level = LogLevel.ERROR if name == "internal_error" else LogLevel.INFO
        case _:
            pass
    telling.log(
        key,
        at,
        said or name or "event",
        level=level,
        category=category,
        details={"event": name, **details},
        trace_id=line(text(record, "traceId")),
        span_id=line(text(record, "spanId")),
    )


def _metric(reading: Reading, metric: Object, around: Object, received_at: datetime) -> None:
    for form in ("sum", "gauge", "histogram", "exponentialHistogram", "summary"):
        seen: set[str] = set()
        for point in objects(metric, form, "dataPoints"):
            told = attributes_of(point)
            at = nanoseconds(point.get("timeUnixNano")) or received_at
            session = _session(reading, told, around)
            if session is not None and session not in seen:
                seen.add(session)
                telling = Telling(reading, Witness.METRICS, received_at, session)
                heard = micros(min(at, received_at))
                telling.about_session(at, seen=heard)
                telling.about_instance(at, seen=heard)


def _span(reading: Reading, span: Object, around: Object, received_at: datetime) -> None:
    told = attributes_of(span)
    began, ended = nanoseconds(span.get("startTimeUnixNano")), nanoseconds(span.get("endTimeUnixNano"))
    if began is None:
        reading.unreadable += 1
        return
    name = (text(span, "name") or "").removeprefix(_PREFIX)
    telling = _telling(reading, Witness.TRACES, told, around, began, received_at)
    if telling is None:
        return
    match name:
        case "tool":
            _tool_span(telling, told, began)
        case "tool.execution":
            _execution_span(telling, told, began, ended)
        case "llm_request":
            _request_span(telling, told, began)
        case "interaction" if ended is not None:
            telling.seen(ended)
            telling.event(ended, "traces interaction")
        case _:
            pass


def _tool_span(telling: Telling, told: Object, began: datetime) -> None:
    use = text(told, "tool_use_id") or text(told, "gen_ai.tool.call.id")
    if use is None:
        return
    name = text(told, "tool_name") or text(told, "gen_ai.tool.name")
    telling.tell(
        Kind.TOOL,
        use,
        began,
        agent=telling.agent,
        tool_name=None if name in (None, _MCP_TOOL) else line(name),
        server_name=line(text(told, "anthropic.mcp.server.name")),
        started_at=micros(began),
    )
    telling.event(began, "traces tool")


def _execution_span(telling: Telling, told: Object, began: datetime, ended: datetime | None) -> None:
    use = text(told, "tool_use_id") or text(told, "gen_ai.tool.call.id")
    if use is None or ended is None:
        return
    outcome = Outcome()
    if flag(told.get("success")) is False:
        outcome = failed(told.get("error"), type=line(text(told, "error.type")))
    # It does not say whose call it was.
    reading = Reading()
    apart = Telling(reading, telling.witness, telling.received_at, telling.session, telling.agent)
    apart.tool_ended(ended, use, outcome, milliseconds(told.get("duration_ms")))
    for fact in reading.facts:
        fact.values.pop("agent", None)
    telling.reading.facts.extend(reading.facts)
    telling.seen(ended)


def _request_span(telling: Telling, told: Object, began: datetime) -> None:
    request = text(told, "request_id") or text(told, "gen_ai.response.id")
    if request is None or flag(told.get("success")) is False:
        return
    source = text(told, "query_source_safe") or text(told, "query_source") or ""
    counts = {name: count for name in _COUNTS if (count := whole(told.get(name)))}
    telling.spent(
        Spent(
            telling.session,
            telling.agent,
            request,
            began,
            model=text(told, "model") or text(told, "gen_ai.request.model"),
            asked_by=_asker(telling.agent, source),
            counts=counts,
            time_to_first_token_ms=milliseconds(told.get("ttft_ms")),
        )
    )
