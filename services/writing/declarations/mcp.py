"""Declarations of tool calls that are written beside those that are recorded."""

from typing import Final

from models import McpToolCall
from services.writing.declaration import Kept, Reference, writable
from services.writing.declarations.of_project import same_value

MCP_TOOL_CALLS: Final = writable(
    McpToolCall,
    belongs_by="cc_instance_id",
    references=(
        Reference(
            "message_id",
            "mcp_messages",
            condition=same_value("cc_instance_id", "cc_instance_id"),
            sentence="This message belongs to another instance.",
        ),
    ),
    archive=Kept(("cc_instance_id", "message_id")),
)
