"""Calls of which recorded MCP messages tell, too: one row, of what each knows (decision 164)."""

from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from services.core.database import Connection, WriteConnection
from services.fleet import provenance
from services.fleet.entities import Entity
from services.fleet.facts import Kind
from services.fleet.sessions import Told
from services.fleet.telling import server_of
from services.mcp.calls import join_recorded, take_turn

_RECORDED: Final = """
SELECT id FROM mcp_tool_calls
WHERE id = ANY($1::uuid[]) AND cc_instance_id = ANY($2::uuid[]) AND message_id IS NOT NULL
"""


async def take_turns(
    connection: WriteConnection, told: Mapping[UUID, Mapping[tuple[Kind, str], Entity]]
) -> list[UUID]:
    """Hold the recorded messages of the sessions of which calls of MCP tools are told; gives their keys.

    Before anything is written: a recording takes its turn first, too, so the two cannot wait for each other.
    """
    found = sorted(key for key, entities in told.items() if any(map(_may_be_recorded, entities.values())))
    for key in found:
        await take_turn(connection, key)
    return found


def _may_be_recorded(entity: Entity) -> bool:
    """True if the call may be that of a server's tool: its name is not told here, or says so."""
    name = entity.values.get("tool_name")
    return entity.kind is Kind.TOOL and (name is None or server_of(str(name)) is not None)


async def recorded_calls(raw: Connection, calls: Iterable[UUID], sessions: Iterable[Told]) -> set[UUID]:
    """The calls whose messages were recorded before the sessions told of them."""
    asked = [*calls]
    if not asked:
        return set()
    instances = [key for session in sessions for key in session.instances]
    return {row["id"] for row in await raw.fetch(_RECORDED, asked, instances)}


async def join_messages(connection: WriteConnection, raw: Connection, sessions: Iterable[Told]) -> None:
    """Set what messages know better of the calls that this batch has told of, of sessions that are held."""
    for session in sessions:
        calls = [entity for entity in session.of(Kind.TOOL) if entity.changed]
        await provenance.write(raw, map(session.remembered, calls))
        await join_recorded(connection, session.key, [session.row_key(call) for call in calls])
