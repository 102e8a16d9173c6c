"""Takes content out of what was received, where a setting keeps metadata only.

Numbers and truth values stay, and texts whose names are known to tell no content: ids, names of tools and
models, times, kinds, paths of the session. Whatever else is a text goes, so that what newer versions add
goes too. What tools are given and give back goes whole.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from models.enums import IngestSource

LEFT_OUT: Final = "[left out]"
"""Stands where a text was."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TEXTS: Final = _names(
    # hooks
    "hook_event_name session_id transcript_path agent_transcript_path cwd permission_mode tool_name "
    "tool_use_id agent_id agent_type source effort model prompt_id mcp_server trigger "
    "notification_type task_id delivery_id "
    # transcripts
    "file type subtype uuid parentUuid logicalParentUuid sessionId agentId timestamp version "
    "gitBranch role id name stop_reason stopReason requestId userType entrypoint level operation mode "
    "permissionMode toolUseID toolUseId sourceToolAssistantUUID promptId promptSource turnOrigin "
    "querySource attributionAgent attributionMcpServer attributionMcpTool requestedModel "
    "perTurnEffort toolDenialKind service_tier inference_geo speed commandUuid leafUuid agentType "
    "requestShape pickedEffortModel worktreeName worktreePath worktreeBranch originalBranch "
    "originalHeadCommit "
    # telemetry, beside its attributes
    "key traceId spanId parentSpanId schemaUrl unit timeUnixNano observedTimeUnixNano "
    "startTimeUnixNano endTimeUnixNano severityText intValue asInt count "
)
_ATTRIBUTES: Final = _names(
    "agent.name agent.source agent_id agent_type decision enabled_via error.type error_class "
    "error_type event.name event.timestamp final_model gen_ai.conversation.id gen_ai.operation.name "
    "gen_ai.provider.name gen_ai.request.model gen_ai.response.id gen_ai.response.finish_reasons "
    "gen_ai.system gen_ai.tool.call.id gen_ai.tool.name host.arch host.name language mcp_server.name "
    "mcp_server_scope mcp_tool.name message.uuid model os.type os.version permission_mode plugin.name "
    "prompt.id prompt_id query_source query_source_safe request_id server_name service.name "
    "service.version session.id source span.type start_type status stop_reason subagent_type success "
    "terminal.type tool tool_name tool_name_safe tool_source tool_use_id transport_type type user.id "
    "user.account_uuid organization.id app.version effort hook_event hook_name hook_source hook_type "
    "parent.source anthropic.mcp.server.name anthropic.provider bash_command_class status_code "
    "wrapper client_request_id vcs.ref.head.name vcs.ref.head.revision vcs.ref.head.type "
)
_EMPTIED: Final = _names(
    "tool_input tool_response tool_output permission_suggestions tool_calls toolUseResult input "
    "background_tasks session_crons attachment snapshot params "
)
"""Objects and lists of which nothing stays: their names are content, too."""

_OF_MESSAGES: Final = ("jsonrpc", "id", "method", "params", "result", "error")
_OF_PARTS: Final = _names(
    "name requestId progressToken progress total code isError resultType protocolVersion bytes"
)
"""Of the members of params, results and errors those that tell which tool is called, and how that ended."""

_OF_META: Final = ("claudecode/toolUseId",)

_NAME: Final = re.compile(r"[A-Za-z_][\w.-]{0,59}$")
_FIGURE: Final = re.compile(
    r"(?:true|false|-?\d[\d.]{0,30}|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)?"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$"
)


def without_content(source: IngestSource, body: Mapping[str, Any]) -> dict[str, Any]:
    """A record's body without content; what tells of processes has none."""
    return dict(body) if source is IngestSource.PROCESSES else _object(body)


def message_without_content(item: Any) -> Any:
    """A message of MCP traffic, a batch of them, or either as a recorder wraps it, without content."""
    if isinstance(item, list):
        return [message_without_content(member) for member in item]
    if not isinstance(item, dict):
        return item
    if "jsonrpc" not in item:
        return {**item, "message": message_without_content(item["message"])} if "message" in item else item
    kept = {name: _part(name, value) for name, value in item.items() if name in _OF_MESSAGES}
    error = kept.get("error")
    return {**kept, "error": {"message": LEFT_OUT, **error}} if isinstance(error, dict) else kept


def _part(name: str, value: Any) -> Any:
    """A member of a message; of an object in it, what names and counts."""
    if name not in _OF_MESSAGES[3:] or not isinstance(value, dict):
        return [] if isinstance(value, list) else value
    kept = {
        key: part for key, part in value.items() if key in _OF_PARTS and not isinstance(part, dict | list)
    }
    meta = value.get("_meta")
    told = (
        {key: meta[key] for key in _OF_META if isinstance(meta.get(key), str)}
        if isinstance(meta, dict)
        else {}
    )
    return {**kept, "_meta": told} if told else kept


def _object(value: Mapping[str, Any]) -> dict[str, Any]:
    key = value.get("key")
    if isinstance(key, str) and "value" in value:
        shown = key if _NAME.match(key) else LEFT_OUT
        told = value["value"] if shown in _ATTRIBUTES else _kept(value["value"], "")
        return {"key": shown, "value": told}
    return {name: _kept(item, name) for name, item in value.items() if _NAME.match(name)}


def _kept(value: Any, name: str) -> Any:
    if isinstance(value, str):
        return value if name in _TEXTS or _FIGURE.match(value) else LEFT_OUT
    if isinstance(value, dict):
        return {} if name in _EMPTIED else _object(value)
    if isinstance(value, list):
        return [] if name in _EMPTIED else [_kept(item, "") for item in value]
    return value
