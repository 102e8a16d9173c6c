"""Who works on a project: collaborators with their roles, and the owner (client §3.3.1)."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from models.enums import CollaboratorRole
from services.core.database import WriteConnection
from services.core.errors import Conflict, NotFound
from services.core.principal import Principal
from services.writing import shapes
from services.writing.constraints import missing
from services.writing.permissions import VIEWER, predicates
from services.writing.rows import hold
from services.writing.tables import TABLES

_TABLE: Final = TABLES["projects"]

Collaborators = dict[int, str]
"""Role by users.id, in the order of the list."""


async def add(
    connection: WriteConnection, principal: Principal, project: int, user_id: int, role: CollaboratorRole
) -> None:
    """Let a person work on a project, as its owner. Repeating it changes nothing.

    Raises `NotFound` for the project or the person, `Forbidden`, and `Conflict` for somebody who is the owner
    or has another role already.
    """
    row = await hold(connection, principal, _TABLE, project)
    await _require_person(connection, user_id, "input.userId")
    if user_id == row["owner_id"]:
        raise Conflict("This person owns the project.", field="input.userId")
    known = shapes.collaborators(row["collaborators"])
    if known.get(user_id, role) != role:
        raise Conflict(
            f"This person is a collaborator with the role {known[user_id].upper()};"
            " changeCollaboratorRole gives another.",
            field="input.role",
        )
    await _write(connection, project, known, {**known, user_id: role.value})


async def change_role(
    connection: WriteConnection, principal: Principal, project: int, user_id: int, role: CollaboratorRole
) -> None:
    """Give a collaborator another role, as the owner of the project. Raises `NotFound` or `Forbidden`."""
    row = await hold(connection, principal, _TABLE, project)
    known = shapes.collaborators(row["collaborators"])
    if user_id not in known:
        raise NotFound("This person is no collaborator; addCollaborator makes one.", field="input.userId")
    await _write(connection, project, known, {**known, user_id: role.value})


async def remove(connection: WriteConnection, principal: Principal, project: int, user_id: int) -> None:
    """End a person's work on a project: as its owner, or one's own. Repeating it changes nothing.

    Raises `NotFound` or `Forbidden`.
    """
    if user_id == principal.user_id:
        row = await _hold_seen(connection, principal, project)
    else:
        row = await hold(connection, principal, _TABLE, project)
    known = shapes.collaborators(row["collaborators"])
    await _write(connection, project, known, {key: role for key, role in known.items() if key != user_id})


async def transfer(
    connection: WriteConnection,
    principal: Principal,
    project: int,
    new_owner_id: int,
    keep_as: CollaboratorRole | None,
) -> None:
    """Give a project to another person; the former owner stays as a collaborator where `keep_as` is a role.

    Open to the owner. Raises `NotFound` for the project or the person, `Forbidden`.
    """
    row = await hold(connection, principal, _TABLE, project)
    await _require_person(connection, new_owner_id, "input.newOwnerId")
    if new_owner_id == row["owner_id"]:
        return
    known = shapes.collaborators(row["collaborators"])
    staying = {key: role for key, role in known.items() if key not in (new_owner_id, row["owner_id"])}
    if keep_as is not None:
        staying[row["owner_id"]] = keep_as.value
    await connection.exec_driver_sql(
        "UPDATE projects SET owner_id = $2 WHERE id = $1", (project, new_owner_id)
    )
    await _write(connection, project, known, staying)


async def _write(
    connection: WriteConnection, project: int, before: Collaborators, now: Collaborators
) -> None:
    if now == before:
        return
    entries = [{"user_id": user_id, "role": role} for user_id, role in now.items()]
    await connection.exec_driver_sql(
        "UPDATE projects SET collaborators = $2::jsonb WHERE id = $1",
        (project, orjson.dumps(entries).decode()),
    )


async def _hold_seen(connection: WriteConnection, principal: Principal, project: int) -> Mapping[str, Any]:
    """A project that the caller may see, held: collaborators may leave what they may not change."""
    seen, _ = predicates(principal, "projects")
    found = await connection.exec_driver_sql(
        f"SELECT t.* FROM projects t WHERE t.id = $1 AND {VIEWER} IS NOT NULL AND {seen}"
        " FOR NO KEY UPDATE OF t",
        (project, principal.user_id),
    )
    row = found.mappings().one_or_none()
    if row is None:
        raise missing(_TABLE.table, "input.id")
    return dict(row)


async def _require_person(connection: WriteConnection, user_id: int, field: str) -> None:
    found = await connection.exec_driver_sql("SELECT 1 FROM users WHERE id = $1 AND is_active", (user_id,))
    if found.first() is None:
        raise NotFound(f"There is no active account with the id {user_id}.", field=field)
