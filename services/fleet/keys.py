"""The keys of rows, derived from Claude Code's own ids: the same thing is the same row from every source.

A session has Claude's own id, which is a UUID; what is none is hashed. All else is hashed together with the
session's key, so nothing of one session can be taken for something of another.
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from services.core.json_codec import write_json
from services.mcp.tool_uses import call_key, storable

NAMESPACE: Final = uuid5(NAMESPACE_URL, "https://ccgraph.dev/claude-code")

_LENGTH: Final = 36


def session(claude_session_id: str) -> UUID:
    """The key of a session, and of its main instance."""
    if len(claude_session_id) == _LENGTH:
        try:
            return UUID(claude_session_id)
        except ValueError:
            pass
    return uuid5(NAMESPACE, storable(claude_session_id))


def session_of(claude_session_id: str, owner_id: int) -> UUID:
    """The key of a person's session whose id is that of another person's session."""
    return uuid5(session(claude_session_id), f"person {owner_id}")


def instance(session_key: UUID, agent_id: str) -> UUID:
    """The key of an instance: the session's own for the main one, which has no agent id."""
    return uuid5(session_key, storable(agent_id)) if agent_id else session_key


def tool_call(session_key: UUID, tool_use_id: str) -> UUID:
    """The key of a tool call, which recorded MCP traffic of the session gives it, too."""
    return call_key(session_key, tool_use_id)


def row(session_key: UUID, kind: str, name: str) -> UUID:
    """The key of anything else, which Claude Code calls `name`."""
    return uuid5(session_key, f"{kind} {storable(name)}")


def permission_request(session_key: UUID, hook: Mapping[str, Any], received_at: datetime) -> UUID:
    """The key of a request for a permission, by the hook as it is stored."""
    return row(session_key, "permission", permission_name(hook, received_at))


def permission_name(hook: Mapping[str, Any], received_at: datetime) -> str:
    """A name for a request for a permission, which has no id of its own: what was asked, and when."""
    asked = {name: hook.get(name) for name in ("agent_id", "prompt_id", "tool_name", "tool_input")}
    return f"{digest(asked)} {received_at.timestamp():.6f}"


def project(owner_id: int, directory: str) -> UUID:
    """The key of the project that is made for a person's directory."""
    return uuid5(NAMESPACE, f"project {owner_id} {storable(directory)}")


def digest(value: object) -> str:
    """The digest that tells JSON values apart."""
    return blake2b(write_json(value, sort=True), digest_size=12).hexdigest()
