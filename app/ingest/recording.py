"""Records MCP traffic that a proxy beside an agent has seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from app.admission.request import HttpRefusal
from models.spellings import read_uuid
from services.core.database import Database
from services.core.errors import BadInput, Conflict, Forbidden, NotFound
from services.core.principal import Origin, Principal
from services.ingest.metadata import message_without_content
from services.mcp.recording import record_readable
from services.secrets.vault import Vault
from services.writing.action import Action

_ACTION: Final = "recordMcpMessages"


@dataclass(frozen=True, slots=True)
class Traffic:
    """Messages of an instance that a proxy hands in, each as `ccgraph import-mcp` takes them."""

    instance_id: UUID
    messages: Sequence[Any]


def read_traffic(value: Any, *, content: bool) -> Traffic:
    """The traffic in a body; without `content` what names and counts alone. Raises: BadInput."""
    given: Mapping[str, Any] = value if isinstance(value, dict) else {}
    messages, instance = given.get("messages"), given.get("instance")
    if not isinstance(messages, list) or not isinstance(instance, str):
        raise BadInput(
            'Send {"instance": UUID, "messages": [{"at", "server", "direction", "message"}, ...]}.'
        )
    try:
        instance_id = read_uuid(instance)
    except ValueError as error:
        raise BadInput(f"`instance` is the UUID of an instance: {error}.") from None
    return Traffic(instance_id, messages if content else [*map(message_without_content, messages)])


class McpTraffic:
    """Records traffic in the name of the person of the token."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def __call__(self, principal: Principal, origin: Origin, traffic: Traffic) -> dict[str, Any]:
        """Record it: how many messages are new, and how many could not be read.

        Raises: HttpRefusal with 404 where the instance is not there (yet) for the person, and with 409 where
        its project is archived: both may change, so it may be sent again later.
        """
        action = Action(self._database, principal, origin, _ACTION, self._vault)
        try:
            recorded, refused = await record_readable(action, traffic.instance_id, traffic.messages)
        except (NotFound, Forbidden):
            raise HttpRefusal(
                404, "This person has no such instance; a hook of its session makes it. Send this again then."
            ) from None
        except Conflict as conflict:
            if conflict.field is None:  # the database was busy
                raise
            raise HttpRefusal(409, conflict.message) from None
        told: dict[str, Any] = {"stored": recorded.recorded, "unreadable": len(refused)}
        if refused:
            told["warning"] = refused[0].message
        return told
