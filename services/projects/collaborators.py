"""Collaborators of a project with their roles, and its owner (client §3.3.1)."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from models.enums import CollaboratorRole, InvitationRole
from services.core.database import WriteConnection
from services.core.errors import Conflict, NotFound
from services.projects.invitations import Offer, offer, withdraw_from
from services.projects.membership import admit, hand_over, store
from services.writing import shapes
from services.writing.action import Action, Transaction
from services.writing.constraints import missing
from services.writing.permissions import VIEWER, predicates
from services.writing.rows import LockedRow, lock_row
from services.writing.tables import TABLES

_TABLE: Final = TABLES["projects"]


async def add(action: Action, project: int, user_id: int, role: CollaboratorRole) -> UUID | None:
    """Invite a person to work on a project, as its owner; gives the invitation's key.

    An administrator makes the person a collaborator at once; then, and for one who is a collaborator with
    this role already, it gives None. Repeating it changes nothing.

    Raises: NotFound for the project or the person, Forbidden, Conflict for a person who is the owner or has
    another role already, and what `invitations.offer` does.
    """
    async with action.transaction(id=project, userId=user_id, role=role) as transaction:
        row = await lock_row(transaction, _TABLE, project)
        invitation = await _add(transaction, row, user_id, role)
        transaction.details["invitationId"] = invitation
    return invitation


async def change_role(action: Action, project: int, user_id: int, role: CollaboratorRole) -> None:
    """Give a collaborator another role, as the owner of the project. Raises: NotFound or Forbidden."""
    async with action.transaction(id=project, userId=user_id, role=role) as transaction:
        row = await lock_row(transaction, _TABLE, project)
        known = shapes.collaborators(row["collaborators"])
        if user_id not in known:
            raise NotFound(
                "This person is not a collaborator; addCollaborator invites one.", field="input.userId"
            )
        await store(transaction.connection, project, known, {**known, user_id: role.value})


async def remove(action: Action, project: int, user_id: int) -> None:
    """End a person's work on a project, or an invitation to it, as its owner, or one's own work.

    Repeating it changes nothing. Raises: NotFound or Forbidden.
    """
    async with action.transaction(id=project, userId=user_id) as transaction:
        if user_id == action.principal.user_id:
            stored = await _lock_seen(transaction, project)
        else:
            stored = (await lock_row(transaction, _TABLE, project)).values
            await withdraw_from(transaction.connection, project, user_id)
        known = shapes.collaborators(stored["collaborators"])
        left = {key: role for key, role in known.items() if key != user_id}
        await store(transaction.connection, project, known, left)


async def transfer(
    action: Action, project: int, new_owner_id: int, keep_as: CollaboratorRole | None
) -> UUID | None:
    """Offer a project to another person, as its owner; gives the invitation's key.

    When the person accepts, the former owner stays as a collaborator where `keep_as` is a role. An
    administrator gives the project at once; then, and where the person owns it already, it gives None.

    Raises: NotFound for the project or the person, Forbidden, and what `invitations.offer` does.
    """
    async with action.transaction(id=project, newOwnerId=new_owner_id) as transaction:
        row = await lock_row(transaction, _TABLE, project)
        invitation = await _transfer(transaction, row, new_owner_id, keep_as)
        transaction.details["invitationId"] = invitation
    return invitation


async def _add(
    transaction: Transaction, project: LockedRow, user_id: int, role: CollaboratorRole
) -> UUID | None:
    connection, principal = transaction.connection, transaction.principal
    await _require_person(connection, user_id, "input.userId")
    if user_id == project["owner_id"]:
        raise Conflict("This person owns the project.", field="input.userId")
    known = shapes.collaborators(project["collaborators"])
    if known.get(user_id, role) != role:
        raise Conflict(
            f"This person is a collaborator with the role {known[user_id].upper()};"
            " changeCollaboratorRole gives another.",
            field="input.role",
        )
    if user_id in known:
        return None
    if not principal.is_admin:
        wanted = Offer(user_id, InvitationRole(role.value))
        return await offer(connection, principal, project.values, wanted, "input.userId")
    await withdraw_from(connection, project["id"], user_id)
    await admit(connection, project.values, user_id, role)
    return None


async def _transfer(
    transaction: Transaction, project: LockedRow, new_owner_id: int, keep_as: CollaboratorRole | None
) -> UUID | None:
    connection, principal = transaction.connection, transaction.principal
    await _require_person(connection, new_owner_id, "input.newOwnerId")
    if new_owner_id == project["owner_id"]:
        return None
    if not principal.is_admin:
        wanted = Offer(new_owner_id, InvitationRole.OWNER, keep_as)
        return await offer(connection, principal, project.values, wanted, "input.newOwnerId")
    await hand_over(connection, project.values, new_owner_id, keep_as)
    return None


async def _lock_seen(transaction: Transaction, project: int) -> Mapping[str, Any]:
    """A project that the caller may see, locked: collaborators may leave what they may not change."""
    principal = transaction.principal
    seen, _ = predicates(principal, "projects")
    found = await transaction.connection.exec_driver_sql(
        f"SELECT t.* FROM projects t WHERE t.id = $1 AND {VIEWER} IS NOT NULL AND {seen}"
        " FOR NO KEY UPDATE OF t",
        (project, principal.user_id),
    )
    row = found.mappings().one_or_none()
    if row is None:
        raise missing(_TABLE.table, "input.id")
    return dict(row)


async def _require_person(connection: WriteConnection, user_id: int, field: str) -> None:
    """Return when there is such an account. Whether it is active is for administrators to know."""
    found = await connection.exec_driver_sql("SELECT 1 FROM users WHERE id = $1", (user_id,))
    if found.first() is None:
        raise NotFound(f"There is no account with the id {user_id}.", field=field)
