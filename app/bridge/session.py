"""The instance as which the agent works that started this program."""

from collections.abc import Mapping
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

INSTANCE: Final = "CCGRAPH_INSTANCE"
SESSION: Final = "CLAUDE_CODE_SESSION_ID"
"""Set by Claude Code for the programs that it starts."""

NAMESPACE: Final = uuid5(NAMESPACE_URL, "https://ccgraph.dev/claude-code")
"""That of `services/fleet/keys.py`, which this program does not import."""


def instance_of(given: str | None, environment: Mapping[str, str]) -> UUID | None:
    """The instance that is named, or that of the session of Claude Code, whose main instance has its UUID.

    Raises: ValueError for one that is named and no UUID.
    """
    named = given or environment.get(INSTANCE)
    if named:
        return UUID(named)
    session = environment.get(SESSION)
    if not session:
        return None
    try:
        return UUID(session)
    except ValueError:
        return uuid5(NAMESPACE, session)
