"""The list of a project's collaborators and its owner, as they are stored (client §3.3.1)."""

from collections.abc import Mapping
from typing import Any, Final

from models.enums import CollaboratorRole
from services.core.database import WriteConnection
from services.core.json_codec import write_stored
from services.writing import shapes

_HAND_OVER: Final = "UPDATE projects SET owner_id = $2 WHERE id = $1"
_STORE: Final = "UPDATE projects SET collaborators = $2::jsonb WHERE id = $1"
_WITHDRAW_ALL: Final = """
UPDATE project_invitations SET state = 'withdrawn', answered_at = now()
WHERE project_id = $1 AND state = 'pending'
"""


async def admit(
    connection: WriteConnection, project: Mapping[str, Any], user_id: int, role: CollaboratorRole
) -> None:
    """Make a person a collaborator of a held project, with this role; its owner stays its owner."""
    known = shapes.collaborators(project["collaborators"])
    if user_id != project["owner_id"]:
        await store(connection, project["id"], known, {**known, user_id: role.value})


async def hand_over(
    connection: WriteConnection,
    project: Mapping[str, Any],
    new_owner_id: int,
    keep_as: CollaboratorRole | None,
) -> None:
    """Give a held project to another person; the former owner stays where `keep_as` is a role.

    What the former owner has offered to others is taken back.
    """
    known = shapes.collaborators(project["collaborators"])
    staying = {key: role for key, role in known.items() if key not in (new_owner_id, project["owner_id"])}
    if keep_as is not None:
        staying[project["owner_id"]] = keep_as.value
    await connection.exec_driver_sql(_HAND_OVER, (project["id"], new_owner_id))
    await store(connection, project["id"], known, staying)
    await connection.exec_driver_sql(_WITHDRAW_ALL, (project["id"],))


async def store(
    connection: WriteConnection, project: int, before: Mapping[int, str], now: Mapping[int, str]
) -> None:
    """Write the list of a held project, where it differs; roles by users.id, in the order of the list."""
    if now == before:
        return
    entries = [{"user_id": user_id, "role": role} for user_id, role in now.items()]
    await connection.exec_driver_sql(_STORE, (project, write_stored(entries).decode()))
