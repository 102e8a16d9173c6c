"""Finds the use of a tool that a recorded call belongs to, as a session of Claude Code tells it."""

from typing import Final
from uuid import UUID, uuid5

from models.enums import McpMessageType
from services.core.json_codec import read_stored
from services.mcp.messages import Message
from services.mcp.rounds import CALL

_MEMBER: Final = "claudecode/toolUseId"
"""Member of the `_meta` of `tools/call`, of which no specification of MCP speaks."""

COLUMN: Final = f"""
CASE WHEN method = '{CALL}' AND message_type = 'request'
          AND jsonb_typeof(params #> '{{_meta,{_MEMBER}}}') = 'string'
     THEN NULLIF(params #>> '{{_meta,{_MEMBER}}}', '') END AS tool_use
"""
"""The id of the tool use of a stored message, in SQL."""


def storable(text: str) -> str:
    """A text without what PostgreSQL cannot hold."""
    return text.replace("\0", "").encode(errors="replace").decode()


def call_key(instance_key: UUID, tool_use_id: str) -> UUID:
    """The key of the tool call that a use of a tool makes.

    `instance_key` is that of the session, which is its main instance: a server of MCP is one of the session.
    """
    return uuid5(instance_key, storable(tool_use_id))


def tool_use_of(message: Message) -> str | None:
    """The id of the tool use that a message says it is of."""
    is_call = message.type is McpMessageType.REQUEST and message.method == CALL
    if not is_call or message.params is None or _MEMBER not in message.params:
        return None
    params = read_stored(message.params)
    meta = params.get("_meta") if isinstance(params, dict) else None
    tool_use = meta.get(_MEMBER) if isinstance(meta, dict) else None
    return tool_use if isinstance(tool_use, str) and tool_use else None
