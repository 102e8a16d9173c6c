"""Holds a hook that asks for a permission until a person has answered it remotely."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.core.database import Database
from services.core.principal import Origin, Principal
from services.fleet import keys
from services.instances.permission_waits import GivenAnswer, PermissionWaits
from services.secrets.vault import Vault
from services.writing.action import Action

_NAME = "holdPermissionRequest"


class PermissionHold:
    """Waits for the answer to a permission request, which digestion makes a row of meanwhile."""

    def __init__(self, database: Database, vault: Vault, waits: PermissionWaits) -> None:
        self._database = database
        self._vault = vault
        self._waits = waits

    async def __call__(
        self, principal: Principal, origin: Origin, hook: Mapping[str, Any], received_at: datetime
    ) -> GivenAnswer | None:
        """The answer to the hook, as it was stored; None lets the terminal ask."""
        claude_session_id = hook.get("session_id")
        if not isinstance(claude_session_id, str):
            return None
        # Digestion finds out whether the id of the session is that of another person's.
        sessions = (
            keys.session(claude_session_id),
            keys.session_of(claude_session_id, principal.user_id),
        )
        requests = (keys.permission_request(session, hook, received_at) for session in sessions)
        action = Action(self._database, principal, origin, _NAME, self._vault)
        return await self._waits.wait_for_answer(action, *requests)
